"""`migrate`: take over a running etcd cluster, or give it back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from etcd_operator.json_types import Json
from etcd_operator.plugin import console, session
from etcd_operator.plugin.ask import confirm, confirm_name
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.options import (
    Context,
    Format,
    Name,
    Namespace,
    Output,
    Timeout,
    Wait,
    Yes,
)
from etcd_operator.plugin.session import Place, Session

if TYPE_CHECKING:
    from etcd_operator.core.takeover.record import TakeOver

DEFAULT_TIMEOUT: Final = 1800


class Action(StrEnum):
    """What is done about a take-over."""

    PLAN = "plan"
    APPLY = "apply"
    STATUS = "status"
    APPROVE = "approve"
    ABORT = "abort"


What = Annotated[
    Action, typer.Argument(metavar="ACTION", help="plan, apply, status, approve or abort.")
]
Source = Annotated[
    str, typer.Option("--from", metavar="STATEFULSET", help="Whose members are taken over.")
]
Endpoints = Annotated[
    list[str],
    typer.Option(
        "--endpoint",
        metavar="URL",
        help="Client URL of a member, in place of --from; once for each member.",
    ),
]


class ScaleIn(StrEnum):
    """Who scales the StatefulSet in: `joinExisting.scaleIn`."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


ScalesIn = Annotated[
    ScaleIn,
    typer.Option("--scale-in", metavar="WHO", help="Manual: you scale the StatefulSet in."),
]
EtcdVersion = Annotated[
    str,
    typer.Option(
        "--version", metavar="VERSION", help="Version of etcd; by default that of the image's tag."
    ),
]
Size = Annotated[int, typer.Option("--size", metavar="NUMBER", help="New members.", min=3)]
RootPassword = Annotated[
    str,
    typer.Option(
        "--root-password-secret", metavar="NAME", help="Secret, if etcd's root has a password."
    ),
]
ClientCertificate = Annotated[
    str,
    typer.Option(
        "--client-certificate-secret",
        metavar="NAME",
        help="Secret, if old members serve clients with TLS.",
    ),
]
PeerCA = Annotated[
    str,
    typer.Option(
        "--peer-ca-secret", metavar="NAME", help="Secret, if old members speak TLS to each other."
    ),
]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the EtcdCluster is to say, as far as it was given; Secrets by name, empty for none."""

    version: str
    size: int
    root_password: str
    client_certificate: str
    peer_ca: str
    endpoints: list[str]
    scale_in: ScaleIn


def migrate(
    action: What,
    name: Name,
    source: Source = "",
    endpoints: Endpoints = [],  # noqa: B006 (typer copies it)
    scale_in: ScalesIn = ScaleIn.AUTOMATIC,
    version: EtcdVersion = "",
    size: Size = 3,
    root_password: RootPassword = "",
    client_certificate: ClientCertificate = "",
    peer_ca: PeerCA = "",
    context: Context = "",
    namespace: Namespace = "",
    yes: Yes = False,
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    output: Format = Output.TEXT,
) -> None:
    """Take over a running etcd cluster, without downtime.

    `plan` prints the EtcdCluster that joins it; `apply` creates it, and allows it on a StatefulSet.
    Nothing goes before `approve`, which also cuts a mirror over; `abort` deletes the EtcdCluster.
    """
    _check_output(action, output)
    wishes = Wishes(version, size, root_password, client_certificate, peer_ca, endpoints, scale_in)

    async def work(own: Session) -> Exit:
        if action is Action.STATUS:
            return await _show(own, name, output)
        if action is Action.APPROVE:
            return await _approve(own, name, yes=yes, wait=wait, timeout=timeout)
        if action is Action.ABORT:
            return await _abort(own, name, answered=name if yes else "")
        old = None if endpoints and not source else await _find_source(own, source)
        wanted = _write(own, name, old, wishes)
        if action is Action.APPLY:
            return await _apply(own, wanted, old, yes=yes, wait=wait, timeout=timeout)
        return _print(wanted, output)

    session.run(Place(context, namespace), work)


def _check_output(action: Action, output: Output) -> None:
    if output is not Output.TEXT and action not in (Action.PLAN, Action.STATUS):
        raise typer.BadParameter(f"-o prints what plan and status say: leave it out of {action}")


def _print(wanted: Json, output: Output) -> Exit:
    console.show_document(wanted, Output.YAML if output is Output.TEXT else output)
    return Exit.DONE


async def _find_source(own: Session, name: str) -> Json:
    from etcd_operator.api.bootstrap import MOST_SOURCES
    from etcd_operator.core.model.source import find_owner
    from etcd_operator.core.takeover.inspection import refuse_owned
    from etcd_operator.plugin.clusters import find_object
    from etcd_operator.runtime.kubernetes.api import STATEFUL_SETS

    if not name:
        raise PluginError(
            "--from is missing: name the StatefulSet, or give each member by --endpoint.",
            Exit.USAGE,
        )
    found = await find_object(own, STATEFUL_SETS, name)
    if owner := find_owner(found):
        raise PluginError(f"{refuse_owned(name, owner)}.", Exit.FAILED)
    replicas = found["spec"].get("replicas", 1)
    if not 0 < replicas <= MOST_SOURCES:
        raise PluginError(
            f"StatefulSet {name} has {replicas} replicas: only clusters of 1 to {MOST_SOURCES} "
            "members can be joined.",
            Exit.FAILED,
        )
    return found


def _write(own: Session, name: str, old: Json | None, wishes: Wishes) -> Json:
    """The EtcdCluster that joins; raises PluginError if its version is not known.

    `old` is the StatefulSet; None for members at endpoints.
    """
    from etcd_operator.api.cluster import GROUP, VERSION

    source: Json = {"statefulSet": old["metadata"]["name"]} if old else {}
    if wishes.endpoints:
        source["endpoints"] = wishes.endpoints
    by_hand = {"scaleIn": "Manual"} if wishes.scale_in is ScaleIn.MANUAL else {}
    security: Json = {}
    if wishes.client_certificate or wishes.peer_ca:
        clients, peers = bool(wishes.client_certificate), bool(wishes.peer_ca)
        security["tls"] = {"clientTLSEnabled": clients, "peerTLSEnabled": peers}
    if wishes.client_certificate:
        source["clientCertificateSecret"] = wishes.client_certificate
    if wishes.peer_ca:
        source["peerCASecret"] = wishes.peer_ca
    if wishes.root_password:
        security["auth"] = {"mode": "Unmanaged", "rootPasswordSecret": wishes.root_password}
    spec: Json = {
        "size": wishes.size,
        "version": wishes.version or _read_version(old),
        "bootstrap": {"joinExisting": {"source": source, "takeOver": "Manual", **by_hand}},
        **({"security": security} if security else {}),
    }
    about = {"name": name, "namespace": own.home}
    kind = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "EtcdCluster"}
    return {**kind, "metadata": about, "spec": spec}


def _read_version(old: Json | None) -> str:
    from etcd_operator.api.image import Image

    if old is None:
        raise PluginError("--version is missing: nobody tells it of endpoints.", Exit.USAGE)
    images = [each.get("image", "") for each in old["spec"]["template"]["spec"]["containers"]]
    tagged = [number for each in images if (number := Image(each).tagged_number)]
    if len(tagged) != 1:
        raise PluginError(
            f"The images of StatefulSet {old['metadata']['name']} do not tell the version of etcd: "
            "give --version.",
            Exit.USAGE,
        )
    return f"v{tagged[0]}"


async def _apply(
    own: Session, wanted: Json, old: Json | None, *, yes: bool, wait: bool, timeout: float
) -> Exit:
    from etcd_operator.api.bootstrap import ANNOTATION_CONSENT, KEY_CONSENT
    from etcd_operator.core.model.source import title_source
    from etcd_operator.plugin.change import end
    from etcd_operator.plugin.clusters import list_all
    from etcd_operator.runtime.kubernetes.api import CLUSTERS, STATEFUL_SETS

    name, about = wanted["metadata"]["name"], old["metadata"] if old else {}
    title = title_source(about.get("name", ""))
    if name in {each["metadata"]["name"] for each in await list_all(own, CLUSTERS, own.home)}:
        raise PluginError(
            f"EtcdCluster {name} exists, and only a new one can join: give another name.",
            Exit.FAILED,
        )
    confirm(
        f"{wanted['spec']['size']} members of EtcdCluster {name} join the etcd cluster of {title}. "
        f"Nothing of it is removed before `kubectl etcd migrate approve {name}`. Back it up first, "
        "and suspend what may scale or restart it.",
        yes=yes,
    )
    created = await own.api.create(CLUSTERS, own.home, wanted)
    done = f"EtcdCluster {name} is to take over {title}."
    if old is None:
        done += f" Allow it in etcd: `etcdctl put {KEY_CONSENT} {own.home}/{name}`."
    else:
        note = {"metadata": {"uid": about["uid"], "annotations": {ANNOTATION_CONSENT: name}}}
        await own.api.merge_patch(STATEFUL_SETS, own.home, about["name"], note)
    return await end(own, created, done, wait=wait, timeout=timeout, is_reached=_awaits_approval)


def _awaits_approval(cluster: Json) -> bool:
    from etcd_operator.core.reasons.attention import TAKE_OVER_AWAITS_APPROVAL
    from etcd_operator.plugin.clusters import conditions_of

    progress = conditions_of(cluster).get("Progressing") or {}
    return bool(progress.get("reason") == TAKE_OVER_AWAITS_APPROVAL.name)


async def _insist_on_record(own: Session, name: str) -> tuple[Json, TakeOver]:
    from etcd_operator.plugin.take_over import find_record

    cluster, record = await find_record(own, name)
    if record is None:
        raise PluginError(f"EtcdCluster {name} takes over no other cluster now.", Exit.FAILED)
    return cluster, record


async def _show(own: Session, name: str, output: Output) -> Exit:
    from etcd_operator.plugin import take_over

    console.show(await take_over.describe(own, name), output, take_over.render)
    return Exit.DONE


async def _approve(own: Session, name: str, *, yes: bool, wait: bool, timeout: float) -> Exit:
    from etcd_operator.core.takeover.record import ANNOTATION_APPROVED, Stage
    from etcd_operator.plugin.change import annotate, end
    from etcd_operator.plugin.clusters import find_cluster, status_of
    from etcd_operator.plugin.mirror import approve_mirror, find_mirror

    cluster = await find_cluster(own, name)
    if find_mirror(cluster):
        return await approve_mirror(own, cluster, yes=yes, wait=wait, timeout=timeout)
    cluster, record = await _insist_on_record(own, name)
    if record.stage is not Stage.APPROVE:
        raise PluginError(
            f"EtcdCluster {name} does not wait for an approval: see `kubectl etcd migrate status "
            f"{name}`.",
            Exit.FAILED,
        )
    confirm(
        f"The members of {record.title} are stopped and removed, one by one. All had the same data "
        f"at revision {record.revision}.",
        yes=yes,
    )
    approval = f"{status_of(cluster).get('clusterID', '')}/{record.revision}"
    written = await annotate(own, cluster, ANNOTATION_APPROVED, approval)
    done = f"The removal of the members of {record.title} is approved."
    return await end(own, written, done, wait=wait, timeout=timeout)


async def _abort(own: Session, name: str, *, answered: str) -> Exit:
    from etcd_operator.runtime.kubernetes.api import CLUSTERS

    cluster, record = await _insist_on_record(own, name)
    confirm_name(
        f"EtcdCluster {name} is deleted: its members leave etcd, then its disks are deleted. The "
        f"members of {record.title} that are left go on with all data.",
        name,
        answered=answered,
    )
    await own.api.delete(CLUSTERS, own.home, name, uid=cluster["metadata"]["uid"])
    console.say(
        f"EtcdCluster {name} is being deleted, and gives the cluster back to {record.title}."
    )
    return Exit.DONE
