"""`scale`, `stop` and `start`: the number of members."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from etcd_operator.json_types import Json
from etcd_operator.plugin import session
from etcd_operator.plugin.ask import confirm_change
from etcd_operator.plugin.console import say
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.options import Context, Name, Namespace, Timeout, Wait, Yes
from etcd_operator.plugin.session import Place, Session

DEFAULT_TIMEOUT: Final = 600


def scale(
    name: Name,
    size: Annotated[int, typer.Argument(metavar="SIZE", help="Members: 1, 3, 5, 7 or 9.", min=0)],
    context: Context = "",
    namespace: Namespace = "",
    yes: Yes = False,
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Change the number of members; asks before members and their disks go."""
    place = Place(context, namespace)
    session.run(place, lambda own: _scale(own, name, size, yes=yes, wait=wait, timeout=timeout))


def stop(
    name: Name,
    context: Context = "",
    namespace: Namespace = "",
    yes: Yes = False,
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Stop every member and keep every disk; asks first."""
    place = Place(context, namespace)
    session.run(place, lambda own: _stop(own, name, yes=yes, wait=wait, timeout=timeout))


def start(
    name: Name,
    size: Annotated[
        int,
        typer.Option(
            "--size", metavar="NUMBER", help="Members; by default as many as have disks.", min=0
        ),
    ] = 0,
    context: Context = "",
    namespace: Namespace = "",
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Start a stopped cluster with the members that it had."""
    place = Place(context, namespace)
    session.run(place, lambda own: _start(own, name, size, wait=wait, timeout=timeout))


async def _scale(
    own: Session, name: str, size: int, *, yes: bool, wait: bool, timeout: float
) -> Exit:
    from etcd_operator.plugin.change import change_spec, end
    from etcd_operator.plugin.clusters import find_cluster

    if size == 0:
        raise PluginError(
            f"Without members a cluster is stopped: `kubectl etcd stop {name}`.", Exit.INVALID
        )
    cluster = await find_cluster(own, name)
    before = cluster["spec"].get("size", 3)
    if size == before:
        say(f"spec.size of EtcdCluster {name} is {size} already.")
        return Exit.DONE
    if size < before:
        told = _tell_leaving(cluster, name, size, before)
        await confirm_change(own, cluster, told, yes=yes, spec={"size": size})
    written = await change_spec(own, cluster, size=size)
    done = f"spec.size of EtcdCluster {name} is {size}; it was {before}."
    return await end(own, written, done, wait=wait, timeout=timeout, asked={"size": size})


def _tell_leaving(cluster: Json, name: str, size: int, before: int) -> str:
    from etcd_operator.plugin.clusters import members_of

    known = {member["name"] for member in members_of(cluster) if isinstance(member, dict)}
    ordinals = [f"{name}-{ordinal}" for ordinal in range(size, before)]
    leaving = ", ".join(one for one in ordinals if one in known or not known)
    if not leaving:
        return f"{', '.join(ordinals)} do not come to EtcdCluster {name}: they are no members yet."
    storage = cluster["spec"].get("storage") or {}
    kept = (storage.get("retentionPolicy") or {}).get("whenScaled") == "Retain"
    disks = "their disks are kept" if kept else "their disks are deleted"
    return f"{leaving} leave EtcdCluster {name}, one at a time and never below a majority; {disks}."


async def _stop(own: Session, name: str, *, yes: bool, wait: bool, timeout: float) -> Exit:
    from etcd_operator.plugin.change import change_spec, end
    from etcd_operator.plugin.clusters import find_cluster, is_seen, status_of

    cluster = await find_cluster(own, name)
    told = (
        f"Every member of EtcdCluster {name} stops, and it serves nobody until it is started. The "
        "disks are kept."
    )
    await confirm_change(own, cluster, told, yes=yes, spec={"size": 0})
    written = await change_spec(own, cluster, size=0)
    return await end(
        own,
        written,
        f"spec.size of EtcdCluster {name} is 0; it was {cluster['spec'].get('size', 3)}.",
        wait=wait,
        timeout=timeout,
        is_reached=lambda live: is_seen(live) and status_of(live).get("phase") == "Stopped",
        asked={"size": 0},
    )


async def _start(own: Session, name: str, size: int, *, wait: bool, timeout: float) -> Exit:
    from etcd_operator.plugin.change import change_spec, end
    from etcd_operator.plugin.clusters import find_cluster

    cluster = await find_cluster(own, name)
    if cluster["spec"].get("size", 3) != 0:
        raise PluginError(f"EtcdCluster {name} is not stopped: spec.size is not 0.", Exit.FAILED)
    size = size or await _count_disks(own, cluster)
    written = await change_spec(own, cluster, size=size)
    done = f"spec.size of EtcdCluster {name} is {size}; it was 0."
    return await end(own, written, done, wait=wait, timeout=timeout, asked={"size": size})


async def _count_disks(own: Session, cluster: Json) -> int:
    """Return how many members have disks: so many were stopped."""
    from etcd_operator.plugin.clusters import list_all, selector_of
    from etcd_operator.runtime.kubernetes.api import CLAIMS

    place, name = cluster["metadata"]["namespace"], cluster["metadata"]["name"]
    claims = await list_all(own, CLAIMS, place, selector_of(cluster))
    found = [c for c in claims if c["metadata"]["name"].startswith(f"data-{name}-")]
    if not found:
        raise PluginError(
            f"EtcdCluster {name} has no disks: say how many with --size.", Exit.FAILED
        )
    return len(found)
