"""Changes that a person asks for, as Prometheus sees them: what nobody should be woken for.

Each is told by what differs from a healthy cluster, minute by minute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.monitoring.series import (
    LONG,
    MEMBERS,
    REPLICAS,
    REST,
    Series,
    cluster,
    condition,
    member,
)

# How long a Pod is away while it is replaced, with a slow image.
AWAY: Final = 3
GAP: Final = "_"
STALE: Final = "stale"
OLD: Final = "3.5.35"
NEW: Final = "3.6.16"


def phases(*parts: tuple[float | str, int]) -> str:
    """Return values that stay for so many minutes each; the last one stays.

    What is no longer scraped has no value at once, and not only after five minutes.
    """
    *first, (last, _) = parts
    lasting = [*first, (last, LONG)]
    return " ".join(_stay(value, minutes) for value, minutes in lasting)


def _stay(value: float | str, minutes: int) -> str:
    if value != GAP:
        return f"{value}x{minutes - 1}"
    return f"{STALE} {GAP}x{minutes - 1}" if minutes > 1 else STALE


def _conditions(progress: str, minutes: int) -> dict[str, str]:
    """The decision as conditions show it: a reason of progress, and then rest again."""
    meanwhile, after = ((GAP, 5), (1, minutes), (GAP, 1)), ((1, 5), (GAP, minutes), (1, 1))
    return {
        condition("Progressing", "True", progress): phases(*meanwhile),
        condition("Progressing", "False", "Settled"): phases(*after),
        condition("Ready", "False", progress): phases(*meanwhile),
        condition("Ready", "True", "Settled"): phases(*after),
    }


def _away(number: int, away: int = AWAY) -> tuple[tuple[float | str, int], ...]:
    """When the member of this number is: one after the other, a minute apart."""
    return (1, 5 + number * (away + 1)), (0, away), (1, 1)


def roll(away: int = AWAY) -> Series:
    """Return a roll in which each member is away for so many minutes."""
    turns: tuple[tuple[float | str, int], ...] = ((3, 5), *((2, away), (3, 1)) * len(MEMBERS))
    found = {cluster(family): phases(*turns) for family in ("ready_members", "serving_voters")}
    for number, pod in enumerate(MEMBERS):
        there, gone, back = _away(number, away)
        found[cluster("member_ready", member=pod)] = phases(there, gone, back)
        # Nothing is scraped meanwhile, and at first the member knows no leader.
        leads = (there, (GAP, away - 1), (0, 1), back)
        found[member("etcd_server_has_leader", pod)] = phases(*leads)
        changes = ((1, there[1]), (GAP, away), (2, 1))
        found[member("etcd_server_leader_changes_seen_total", pod)] = phases(*changes)
    return found | _conditions("RollingUpdate", len(MEMBERS) * (away + 1))


def _upgrade() -> dict[str, str]:
    found = dict(roll())
    for number, pod in enumerate(MEMBERS):
        (_, until), _, _ = _away(number)
        found[_runs(number, pod, OLD)] = phases((1, until), (GAP, 1))
        found[_runs(number, pod, NEW)] = phases((GAP, until + AWAY), (1, 1))
    return found


def _runs(number: int, pod: str, version: str) -> str:
    """The series of a member's version; that of the new one is the one at rest."""
    node = f"n{number}"
    return cluster("member_info", member=pod, role="follower", version=version, node=node)


def _scale() -> dict[str, str]:
    """From three to five: each joins as a learner, and a minute later its Pod is there.

    Until it has caught up etcd refuses to promote it, and to add the next one.
    """
    voters = phases((3, 10), (4, 5), (5, 1))
    ready = phases((3, 8), (4, 5), (5, 1))
    learners = phases((0, 6), (1, 4), (0, 1), (1, 4), (0, 1))
    figures = {"voters": voters, "serving_voters": voters, "ready_members": ready}
    found = {cluster(family): values for family, values in figures.items()}
    for number, minute in ((3, 8), (4, 13)):
        pod = f"db-{number}"
        found[member("etcd_server_has_leader", pod)] = phases((GAP, minute), (1, 1))
    for method in ("MemberAdd", "MemberPromote"):
        called = {"grpc_service": "etcdserverpb.Cluster", "grpc_method": method}
        refused = member("grpc_server_handled_total", "db-0", grpc_code="Unavailable", **called)
        found[refused] = f"0x5 0+10x10 100x{LONG}"
    return {
        **found,
        cluster("size"): phases((3, 5), (5, 1)),
        cluster("learners"): learners,
        **_conditions("AddingMember", 10),
    }


def _stop() -> dict[str, str]:
    """At size 0 members go with their series, and nobody says anything about the quorum."""
    found = _gone(lambda text: "member=" in text or "pod=" in text)
    for family in ("size", "ready_members", "voters", "serving_voters"):
        found[cluster(family)] = phases((3, 5), (0, 1))
    there, after = ((1, 5), (GAP, 1)), ((GAP, 5), (1, 1))
    for kind, reason, status in (
        ("Available", "QuorumAvailable", "False"),
        ("QuorumHealthy", "MajorityAnswers", "Unknown"),
    ):
        found[condition(kind, "True", reason)] = phases(*there)
        found[condition(kind, status, "Stopped")] = phases(*after)
    return found


def _delete() -> dict[str, str]:
    return _gone(lambda text: 'cluster="db"' in text or 'namespace="team"' in text)


def _gone(goes: Callable[[str], bool]) -> dict[str, str]:
    """The series that go, ended after five minutes."""
    return {
        text: f"{_begin(values)}x4 {STALE} {GAP}x{LONG}"
        for text, values in REST.items()
        if goes(text)
    }


def restart(away: int = 2) -> Series:
    """Return a restart in which both replicas are away for so many minutes; the other leads then.

    Counters begin at 0 again, and what is told of clusters is as it was.
    """
    gap = _stay(GAP, away)
    found = {
        text: f"{_begin(values)}x4 {gap} {_go_on(text, values, 5 + away)}x{LONG}"
        for text, values in REST.items()
        if text.startswith("etcd_operator_")
    }
    before, after = REPLICAS
    found[f"leading-{before}"] = f"1x4 {gap} 0x{LONG}"
    found[f"leading-{after}"] = f"0x4 {gap} 1x{LONG}"
    return found


def _go_on(text: str, values: str, minute: int) -> str:
    """The values from a minute on; those of a counter from 0."""
    begin, plus, step = _begin(values).partition("+")
    if not plus or text.partition("{")[0].endswith(("_total", "_bucket")):
        return _begin(values)
    return f"{float(begin) + minute * float(step)}+{step}"


def _begin(values: str) -> str:
    """The value and its rise, without how long it goes on."""
    return values.rpartition("x")[0]


PLANNED: Final[Mapping[str, Series]] = {
    "a roll": roll(),
    "an upgrade": _upgrade(),
    "a scale-out": _scale(),
    "a stop": _stop(),
    "a deletion": _delete(),
    "a restart of the operator": restart(),
}
