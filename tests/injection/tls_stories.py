"""Stories of certificates for clients: TLS comes and goes, what members show is another's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from deploy.target import TargetError
from etcd_operator.core.model.issuer_stage import ANNOTATION_ISSUER_STAGE
from etcd_operator.json_types import Json
from etcd_operator.runtime.pki.x509 import make_authority
from local.places import read_places
from tests.e2e.cert_manager import add_issuer, issuing
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.secured import CLIENT, TRUST, SecuredCluster, put_secret, sign_server
from tests.injection.story import DELETE, SETTLE_SECONDS, Step, Story, create

SIZE: Final = 3
# Of what is changed here: nothing between members, and clients read their Secret at once.
_TLS: Final[Json] = {"peerTLSEnabled": False, "caOverlap": "5s"}


@dataclass
class ChangingCluster(SecuredCluster):
    """Clients speak plain text for as long as members serve that."""

    @property
    def is_open(self) -> bool:
        """Whether members serve plain text now."""
        return self.status().get("clientTLS") != "Strict"


def _wait_served(cluster: Cluster) -> None:
    """Wait until clients with what their Secret has now are served, by the same members."""
    assert isinstance(cluster, SecuredCluster)
    cluster.wait_running(SIZE, SETTLE_SECONDS)
    if cluster.is_open:
        return
    if not cluster.kubectl("get", "pod", CLIENT, "--ignore-not-found", "--output=name"):
        cluster.start_client(f"v{cluster.spec['version']}")

    def is_served() -> bool:
        # The kubelet looks at mounted Secrets when a Pod changes, else within about a minute.
        cluster.nudge()
        with contextlib.suppress(TargetError):
            return "OK" in cluster.etcdctl("put", "served", "yes", endpoint=cluster.service)
        return False

    wait_until("clients are served", is_served, SETTLE_SECONDS)


def _is_at_rest(cluster: Cluster) -> bool:
    """Whether nothing is on its way any more: nobody trusts whom nobody needs."""
    gate = cluster.read("get", "configmap", "c-config")["metadata"]["annotations"]
    trusts = {pod["metadata"]["annotations"][TRUST] for pod in cluster.objects("pods")}
    valid = cluster.condition("CertificatesValid").get("reason") == "AllValid"
    return valid and trusts == {gate[TRUST]} and cluster.is_running(SIZE)


def _set_mode(mode: str, name: str) -> Step:
    """Members serve clients so; Off takes TLS away."""
    tls = {"peerTLSEnabled": False, "clientTLSMode": mode}

    def act(cluster: Cluster) -> None:
        cluster.patch(security=None if mode == "Off" else {"tls": tls})

    def wait(cluster: Cluster) -> None:
        def is_set() -> bool:
            return bool(cluster.status()["clientTLS"] == mode)

        wait_until(f"clientTLS is {mode}", is_set, SETTLE_SECONDS)
        _wait_served(cluster)

    return Step(name, act, wait, SIZE)


def _show(name: str, is_shown: Callable[[Cluster], bool], **whose: Json | str | None) -> Step:
    """Members show the certificate of another signer."""
    tls = {"issuerRef": None, "certificateSecret": None, **whose}

    def wait(cluster: Cluster) -> None:
        def is_over() -> bool:
            return is_shown(cluster) and _is_at_rest(cluster)

        wait_until(f"{name} is shown", is_over, SETTLE_SECONDS)
        _wait_served(cluster)

    return Step(name, lambda c: c.patch(security={"tls": tls}), wait, SIZE)


def _mounts(secret: str) -> Callable[[Cluster], bool]:
    """Whether every member has the certificate of this Secret."""

    def is_mounted(cluster: Cluster) -> bool:
        pods = cluster.objects("pods")
        volumes = (volume for pod in pods for volume in pod["spec"]["volumes"])
        named = [volume.get("secret", {}).get("secretName") for volume in volumes]
        return named.count(secret) == len(pods) == SIZE

    return is_mounted


def _is_at(stage: str) -> Callable[[Cluster], bool]:
    """Whether the gate has this stage of a change of the issuer on record."""

    def is_there(cluster: Cluster) -> bool:
        gate = cluster.read("get", "configmap", "c-config")["metadata"]["annotations"]
        return bool(gate.get(ANNOTATION_ISSUER_STAGE) == stage)

    return is_there


def _create_secured() -> Step:
    """A cluster with a CA of its own, and two Secrets of the user's beside it."""

    def act(cluster: Cluster) -> None:
        for name in ("mine", "theirs"):
            authority = make_authority(name, datetime.now(UTC))
            made = {**sign_server(cluster, authority), "ca.crt": authority.certificate}
            put_secret(cluster, name, made)
        cluster.create(size=SIZE, security={"tls": _TLS})

    return Step(f"create {SIZE}", act, _wait_served, SIZE)


@contextlib.contextmanager
def _issuing(cluster: Cluster, place: Path) -> Iterator[None]:
    """cert-manager and an issuer."""
    with issuing(cluster, read_places(os.environ), place):
        add_issuer(cluster, "company")
        yield


TLS_STORIES: Final = (
    Story(
        "clienttls",
        "3.6.16",
        (
            create(SIZE),
            _set_mode("Permissive", "begin TLS"),
            _set_mode("Strict", "TLS alone"),
            _set_mode("Permissive", "end TLS"),
            _set_mode("Off", "plain text alone"),
            DELETE,
        ),
        ChangingCluster,
    ),
    Story(
        "certificate",
        "3.6.16",
        (
            _create_secured(),
            _show("mine", _mounts("mine"), certificateSecret="mine"),
            _show("theirs", _mounts("theirs"), certificateSecret="theirs"),
            _show("own", _mounts("c-server-tls")),
            DELETE,
        ),
        SecuredCluster,
    ),
    Story(
        "issuer",
        "3.6.16",
        (
            _create_secured(),
            _show("issuer", _is_at("All-1"), issuerRef={"name": "company"}),
            _show("own", _is_at("Own-1")),
            DELETE,
        ),
        SecuredCluster,
        _issuing,
    ),
)
