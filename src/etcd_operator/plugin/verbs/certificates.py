"""`certificates`, `renew-certificates` and `rotate-ca`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from etcd_operator.json_types import Json
from etcd_operator.plugin import console, session
from etcd_operator.plugin.ask import confirm_change
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.options import (
    AllNamespaces,
    AnyName,
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

DEFAULT_TIMEOUT: Final = 600
# A rotation waits twice for clients to reload, by default an hour each.
ROTATION_TIMEOUT: Final = 4 * 3600


def certificates(
    name: AnyName = "",
    context: Context = "",
    namespace: Namespace = "",
    everywhere: AllNamespaces = False,
    output: Format = Output.TEXT,
) -> None:
    """Show the certificates of a cluster, or of all, with the days that each is still valid."""
    place = Place(context, namespace, everywhere)
    session.run(place, lambda own: _show(own, name, output))


async def _show(own: Session, name: str, output: Output) -> Exit:
    from etcd_operator.plugin.cluster_view import describe_certificates
    from etcd_operator.plugin.clusters import select_clusters
    from etcd_operator.plugin.screens import render_certificates

    rows = [
        {
            "namespace": cluster["metadata"]["namespace"],
            "cluster": cluster["metadata"]["name"],
            **each,
        }
        for cluster in await select_clusters(own, name)
        for each in describe_certificates(cluster)
    ]
    rows.sort(key=lambda row: row["notAfter"] or "")
    console.show(
        rows, output, lambda view: render_certificates(view) or "No certificates: no TLS here."
    )
    return Exit.DONE


def renew_certificates(
    name: Name,
    context: Context = "",
    namespace: Namespace = "",
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Issue every certificate of the operator's anew, now; no member restarts."""
    place = Place(context, namespace)
    session.run(place, lambda own: _renew(own, name, wait=wait, timeout=timeout))


async def _renew(own: Session, name: str, *, wait: bool, timeout: float) -> Exit:
    from etcd_operator.core.model.requests import ANNOTATION_RENEW, write_time
    from etcd_operator.plugin.change import annotate, end
    from etcd_operator.plugin.clusters import find_cluster

    cluster = await find_cluster(own, name)
    _insist_on_tls(cluster)
    before = _read_ends(cluster)
    others = _secrets_of_others(cluster)
    moment = write_time(datetime.now(UTC))
    written = await annotate(own, cluster, ANNOTATION_RENEW, moment)

    def is_reached(live: Json) -> bool:
        now = _read_ends(live)
        return all(now.get(each) != before[each] for each in before if each not in others)

    done = f"EtcdCluster {name} has the annotation {ANNOTATION_RENEW}={moment}."
    return await end(own, written, done, wait=wait, timeout=timeout, is_reached=is_reached)


def _read_ends(cluster: Json) -> dict[str, str]:
    """Return when each certificate ends that is none of an authority, by Secret."""
    from etcd_operator.plugin.clusters import status_of

    shown = status_of(cluster).get("certificates") or ()
    return {c["secret"]: c.get("notAfter") for c in shown if not c["secret"].endswith("-ca")}


def _secrets_of_others(cluster: Json) -> set[str]:
    """Return the Secrets that the user, or cert-manager, writes: no request reaches them."""
    name, tls = cluster["metadata"]["name"], cluster["spec"]["security"]["tls"]
    issued = {f"{name}-server-tls", f"{name}-client-tls"} if tls.get("issuerRef") else set()
    if tls.get("peerIssuerRef"):
        issued |= {f"{name}-{kind}-tls" for kind in ("peer", "peer-issued", "peer-dial")}
    return issued | {tls.get("certificateSecret") or ""}


def rotate_ca(
    name: Name,
    context: Context = "",
    namespace: Namespace = "",
    yes: Yes = False,
    wait: Wait = False,
    timeout: Timeout = ROTATION_TIMEOUT,
) -> None:
    """Replace the certificate authorities, with an overlap for clients to reload; asks first."""
    place = Place(context, namespace)
    session.run(place, lambda own: _rotate(own, name, yes=yes, wait=wait, timeout=timeout))


async def _rotate(own: Session, name: str, *, yes: bool, wait: bool, timeout: float) -> Exit:
    from etcd_operator.core.reasons import condition_types, verdicts
    from etcd_operator.plugin.change import change_spec, end
    from etcd_operator.plugin.clusters import conditions_of, find_cluster
    from etcd_operator.plugin.follow import cluster_goal, is_settled, tell_cluster

    cluster = await find_cluster(own, name)
    tls = _insist_on_tls(cluster)
    overlap = tls.get("caOverlap", "1h")
    generation = int(tls.get("caGeneration") or 0) + 1
    change = {"security": {"tls": {"caGeneration": generation}}}
    told = (
        f"All members of EtcdCluster {name} restart twice, one at a time. Clients have to reload "
        f"ca.crt and their own certificate within {overlap} (caOverlap), twice: it takes a little "
        "more than twice as long."
    )
    await confirm_change(own, cluster, told, yes=yes, spec=change)
    written = await change_spec(own, cluster, **change)
    done = f"spec.security.tls.caGeneration of EtcdCluster {name} is {generation}."

    def is_reached(live: Json) -> bool:
        valid = conditions_of(live).get(condition_types.CERTIFICATES_VALID) or {}
        return is_settled(live) and valid.get("reason") == verdicts.ALL_VALID.name

    def tell(live: Json) -> str:
        valid = conditions_of(live).get(condition_types.CERTIFICATES_VALID) or {}
        changing = valid.get("reason") == verdicts.CA_CHANGING.name
        return " ".join([tell_cluster(live), *([valid["message"]] if changing else [])])

    goal = replace(cluster_goal(is_reached), tell=tell)
    return await end(own, written, done, wait=wait, timeout=timeout, goal=goal, asked=change)


def _insist_on_tls(cluster: Json) -> Json:
    tls: Json | None = (cluster["spec"].get("security") or {}).get("tls")
    if tls is None or tls.get("enabled") is False:
        name = cluster["metadata"]["name"]
        raise PluginError(
            f"EtcdCluster {name} has no certificates: it is without TLS.", Exit.FAILED
        )
    return tls
