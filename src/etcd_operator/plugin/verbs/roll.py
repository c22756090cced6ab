"""`restart` and `upgrade`: every Pod anew, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from etcd_operator.core.reasons.condition_types import (
    AVAILABLE,
    CERTIFICATES_VALID,
    DEGRADED,
    QUORUM_HEALTHY,
    READY,
)
from etcd_operator.json_types import Json
from etcd_operator.plugin import console, session
from etcd_operator.plugin.ask import confirm_change
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
    from rich.console import RenderableType

DEFAULT_TIMEOUT: Final = 1200
# As `kubectl rollout restart` writes it: another value is another Pod template.
RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
# Conditions that speak against a roll now, if they are bad; others are only mentioned.
_AGAINST: Final = frozenset({AVAILABLE, READY, DEGRADED, QUORUM_HEALTHY, CERTIFICATES_VALID})
ONE_BY_ONE: Final = (
    "Every Pod of EtcdCluster {name} is replaced, one at a time, the leader last; the next one "
    "only when every voter serves."
)


def restart(
    name: Name,
    context: Context = "",
    namespace: Namespace = "",
    yes: Yes = False,
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Replace every Pod, one at a time, the leader last; asks first."""
    place = Place(context, namespace)
    session.run(place, lambda own: _restart(own, name, yes=yes, wait=wait, timeout=timeout))


def upgrade(
    name: Name,
    to: Annotated[
        str, typer.Option("--to", metavar="VERSION", help="Version of etcd, such as v3.6.16.")
    ] = "",
    context: Context = "",
    namespace: Namespace = "",
    yes: Yes = False,
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    output: Format = Output.TEXT,
) -> None:
    """Change the version of etcd: checks first, then asks.

    Without --to: only the checks, and which versions may follow; -o prints those as a document.
    """
    place = Place(context, namespace)
    if to and output is not Output.TEXT:
        raise typer.BadParameter("-o prints the checks alone: leave --to out")

    async def work(own: Session) -> Exit:
        if not to:
            return await _check(own, name, output)
        return await _upgrade(own, name, to, yes=yes, wait=wait, timeout=timeout)

    session.run(place, work)


async def _restart(own: Session, name: str, *, yes: bool, wait: bool, timeout: float) -> Exit:
    from etcd_operator.plugin.change import change_spec, end
    from etcd_operator.plugin.clusters import find_cluster

    cluster = await find_cluster(own, name)
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    change = {"podTemplate": {"annotations": {RESTARTED_AT: moment}}}
    told = ONE_BY_ONE.format(name=name)
    await confirm_change(own, cluster, told, yes=yes, spec=change)
    written = await change_spec(own, cluster, **change)
    done = f"The Pod template of EtcdCluster {name} has the annotation {RESTARTED_AT}={moment}."
    return await end(own, written, done, wait=wait, timeout=timeout, asked=change)


async def _check(own: Session, name: str, output: Output) -> Exit:
    from etcd_operator.plugin.clusters import find_cluster

    view = _describe(await find_cluster(own, name))
    console.show(view, output, _render)
    return Exit.FAILED if view["against"] else Exit.DONE


async def _upgrade(
    own: Session, name: str, to: str, *, yes: bool, wait: bool, timeout: float
) -> Exit:
    from etcd_operator.plugin.change import change_spec, end
    from etcd_operator.plugin.clusters import find_cluster

    cluster = await find_cluster(own, name)
    view, before = _describe(cluster), cluster["spec"].get("version", "")
    if to.removeprefix("v") == before.removeprefix("v"):
        console.say(f"EtcdCluster {name} has spec.version {before} already.")
        return Exit.DONE
    for line in _write_lines(view):
        console.say(line)
    _insist_on_path(to, view["versionsThatMayFollow"])
    told = f"{_say_way(cluster, before, to)} {ONE_BY_ONE.format(name=name)}"
    await confirm_change(own, cluster, told, yes=yes and not view["against"], spec={"version": to})
    written = await change_spec(own, cluster, version=to)
    done = f"spec.version of EtcdCluster {name} is {to}; it was {before}."
    return await end(own, written, done, wait=wait, timeout=timeout, asked={"version": to})


def _say_way(cluster: Json, before: str, to: str) -> str:
    """Say which versions follow each other; each of them is a roll."""
    from etcd_operator.plugin.version_paths import list_between

    between = list_between(_list_running(cluster), to)
    if not between:
        return f"{before} -> {to}."
    return f"{' -> '.join((before, *between, to))}, one after the other. For each of them:"


def _list_running(cluster: Json) -> list[str]:
    from etcd_operator.plugin.clusters import members_of

    return [member["version"] for member in members_of(cluster) if member.get("version")]


def _describe(cluster: Json) -> Json:
    """Return the checks before an upgrade: what speaks against one now, and what does not.

    The API server and the operator check the version again.
    """
    from etcd_operator.plugin.clusters import conditions_of, is_good
    from etcd_operator.plugin.version_paths import list_followers

    bad = [each for each in conditions_of(cluster).values() if not is_good(each)]
    told = {each["type"]: f"{each['type']} is {each['status']}: {each['message']}" for each in bad}
    notes = [told[kind] for kind in told if kind not in _AGAINST]
    if not (cluster["spec"].get("backup") or {}).get("beforeUpgrade"):
        notes.append("no backup is taken before, because spec.backup.beforeUpgrade is not set.")
    running, image = _list_running(cluster), bool(cluster["spec"].get("image"))
    return {
        "name": cluster["metadata"]["name"],
        "version": cluster["spec"].get("version", ""),
        "versionsThatMayFollow": list_followers(running, image=image),
        "against": [told[kind] for kind in told if kind in _AGAINST],
        "notes": notes,
    }


def _render(view: Json) -> RenderableType:
    from rich.text import Text

    return Text("\n".join(_write_lines(view)), no_wrap=True, overflow="ignore")


def _write_lines(view: Json) -> Iterator[str]:
    followers = ", ".join(view["versionsThatMayFollow"])
    yield f"Versions that may follow: {followers or 'unknown, no member says its own'}"
    yield from (f"Note: {note}" for note in view["notes"])
    yield from (f"Check: {concern}" for concern in view["against"])


def _insist_on_path(to: str, followers: Sequence[str]) -> None:
    """Raise PluginError for what is no version, and for one that no member's version leads to."""
    from etcd_operator.api.release import Version

    if Version(to).release is None:
        raise PluginError(f"{to} is no version of etcd: use one such as v3.6.16.", Exit.INVALID)
    minor = ".".join(map(str, Version(to).minor))
    if followers and f"{minor}.x" not in followers:
        raise PluginError(
            f"{to} cannot follow what members run: first go to one of {', '.join(followers)}.",
            Exit.INVALID,
        )
