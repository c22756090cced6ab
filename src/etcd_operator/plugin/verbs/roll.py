"""`restart` and `upgrade`: every Pod anew, one at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from etcd_operator.core.reasons.condition_types import (
    AVAILABLE,
    CERTIFICATES_VALID,
    DEGRADED,
    QUORUM_HEALTHY,
    READY,
)
from etcd_operator.json_types import Json
from etcd_operator.plugin import session
from etcd_operator.plugin.ask import confirm_change
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.options import Context, Name, Namespace, Timeout, Wait, Yes
from etcd_operator.plugin.session import Place, Session

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
) -> None:
    """Change the version of etcd: checks first, then asks.

    Without --to: only the checks, and which versions may follow.
    """
    place = Place(context, namespace)
    session.run(place, lambda own: _upgrade(own, name, to, yes=yes, wait=wait, timeout=timeout))


async def _restart(own: Session, name: str, *, yes: bool, wait: bool, timeout: float) -> Exit:
    from etcd_operator.plugin.change import change_spec, end
    from etcd_operator.plugin.clusters import find_cluster

    cluster = await find_cluster(own, name)
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    template = {"annotations": {RESTARTED_AT: moment}}
    told = ONE_BY_ONE.format(name=name)
    await confirm_change(own, cluster, told, yes=yes, spec={"podTemplate": template})
    written = await change_spec(own, cluster, podTemplate=template)
    done = f"The Pod template of EtcdCluster {name} has the annotation {RESTARTED_AT}={moment}."
    return await end(own, written, done, wait=wait, timeout=timeout)


async def _upgrade(
    own: Session, name: str, to: str, *, yes: bool, wait: bool, timeout: float
) -> Exit:
    from etcd_operator.plugin.change import change_spec, end
    from etcd_operator.plugin.clusters import find_cluster
    from etcd_operator.plugin.console import say

    cluster = await find_cluster(own, name)
    before = cluster["spec"].get("version", "")
    concerns = _check(cluster, to)
    for concern in concerns:
        say(f"Check: {concern}")
    if not to:
        return Exit.FAILED if concerns else Exit.DONE
    told = f"{before} -> {to}. {ONE_BY_ONE.format(name=name)}"
    await confirm_change(own, cluster, told, yes=yes and not concerns, spec={"version": to})
    written = await change_spec(own, cluster, version=to)
    done = f"spec.version of EtcdCluster {name} is {to}; it was {before}."
    return await end(own, written, done, wait=wait, timeout=timeout)


def _check(cluster: Json, to: str) -> list[str]:
    """Return what speaks against a change of the version now; raises PluginError for a wrong one.

    The API server and the operator check the version again.
    """
    from etcd_operator.api.release import Version
    from etcd_operator.plugin.clusters import conditions_of, is_good, members_of
    from etcd_operator.plugin.console import say
    from etcd_operator.plugin.version_paths import list_followers

    followers = list_followers([m["version"] for m in members_of(cluster) if m.get("version")])
    say(f"Versions that may follow: {', '.join(followers) or 'unknown, no member says its own'}")
    if to and Version(to).release is None:
        raise PluginError(f"{to} is no version of etcd: use one such as v3.6.16.", Exit.INVALID)
    minor = ".".join(map(str, Version(to).minor))
    if to and followers and f"{minor}.x" not in followers:
        raise PluginError(
            f"{to} cannot follow what members run: first go to one of {', '.join(followers)}.",
            Exit.INVALID,
        )
    bad = [each for each in conditions_of(cluster).values() if not is_good(each)]
    told = {each["type"]: f"{each['type']} is {each['status']}: {each['message']}" for each in bad}
    for note in (told[kind] for kind in told if kind not in _AGAINST):
        say(f"Note: {note}")
    if not (cluster["spec"].get("backup") or {}).get("beforeUpgrade"):
        say("Note: no backup is taken before, because spec.backup.beforeUpgrade is not set.")
    return [told[kind] for kind in told if kind in _AGAINST]
