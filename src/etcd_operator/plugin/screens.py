"""Screens for people: a cluster, all clusters, and the parts that several verbs show."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from etcd_operator.core.reasons import verdicts
from etcd_operator.core.reasons.condition_types import PROGRESSING, READY
from etcd_operator.json_types import Json
from etcd_operator.plugin.console import ago, size, table

_COLOURS: Final = {
    "Running": "green",
    "Completed": "green",
    "Failed": "bold red",
    "Stopped": "dim",
    "Deleting": "magenta",
}
EXPIRES_SOON: Final = 14
# Nothing is wrong, and yet somebody has something to do, or to know.
_TELLING: Final = {
    reason.name
    for reason in (verdicts.CA_CHANGING, verdicts.APPROVAL_CARRIED_OUT, verdicts.APPROVAL_VOID)
}
_NAMES: Final = {
    "events": "Events",
    "certificates": "certificates",
    "backups": "backups",
    "versionsThatMayFollow": "versions that may follow",
}
_MEMBER_COLUMNS: Final = (
    "member",
    "role",
    "ready",
    "version",
    "lag",
    "in use / file / quota",
    "disk",
    "node",
    "restarts",
)
# What a narrow terminal does without, the first of them first.
_SPARE: Final = ("restarts", "node", "disk", "lag", "in use / file / quota", "version")


def render_clusters(rows: list[Json]) -> RenderableType:
    """Render all clusters, one a line; a last one that is `more` is how many were left out."""
    if not rows:
        return Text("No EtcdCluster here. -A looks in all namespaces.")
    if "more" in rows[-1]:
        return Group(render_clusters(rows[:-1]), _say_more(rows[-1]["more"]))
    return table(
        ("namespace", "name", "phase", "ready", "version", "reason", "message"),
        (
            (
                row["namespace"],
                row["name"],
                phase(row),
                f"{row['ready']}/{row['size']}",
                row["version"] or row["wantedVersion"],
                row["reason"],
                row["message"],
            )
            for row in rows
        ),
        ("version", "reason"),
    )


def phase(row: Json) -> Text:
    """Render a phase in the colour of how well it is."""
    colour = _COLOURS.get(row["phase"], "yellow")
    concerned = row.get("concerns") and colour == "green"
    return Text(row["phase"] or "Unknown", style="yellow" if concerned else colour)


def render_cluster(view: Json) -> RenderableType:
    """Render everything about one cluster."""
    return Group(*_cluster_parts(view))


def _cluster_parts(view: Json) -> Iterator[RenderableType]:
    yield Text.assemble(
        (view["name"], "bold"),
        f" in {view['namespace']}   ",
        phase(view),
        f"   {view['ready']} of {view['size']} ready   etcd {view['version'] or '?'}",
        f"   cluster ID {view['clusterID'] or '?'}",
    )
    yield Text.assemble((view["reason"], "bold"), f": {view['message']}")
    if not view["specSeen"]:
        yield Text("The operator has not seen the last change of the spec yet.", style="yellow")
    yield from (_condition(each) for each in view["conditions"] if not _is_quiet(each, view))
    yield from (Text(step, style="yellow") for step in view["nextSteps"])
    more = view.get("more", {})
    yield Text()
    yield render_members(view["members"])
    yield from _tell_more(view, "members")
    yield from _section("certificates", render_certificates(view["certificates"]))
    yield from _tell_more(view, "certificates")
    yield from _section("backups", render_backups(view["backups"]))
    yield from _tell_more(view, "backups")
    if view["versionsThatMayFollow"]:
        yield Text(f"\nVersions that may follow: {', '.join(view['versionsThatMayFollow'])}")
    yield from _section("events", _render_events(view["events"]))
    yield from _tell_more(view, "events")
    yield from render_missing(view["missing"])
    yield from _tell_more(view, "missing")
    hidden = [f"{count} {_NAMES[key]}" for key, count in more.items() if count and not view[key]]
    if hidden:
        yield Text(f"Not on this small screen: {', '.join(hidden)}.", style="dim")


def _tell_more(view: Json, key: str) -> Iterator[RenderableType]:
    """Say how many were left out of a list of which some are shown."""
    left = view.get("more", {}).get(key, 0)
    if left and view[key]:
        yield _say_more(left)


def _say_more(count: int) -> Text:
    return Text(f"… and {count} more", style="dim")


def _is_quiet(condition: Json, view: Json) -> bool:
    """Whether a condition says nothing that the first lines do not say."""
    if condition["type"] in (READY, PROGRESSING):
        return True
    if condition["message"] and condition["message"] == view["message"]:
        return True
    return bool(condition["good"]) and condition["reason"] not in _TELLING


def _condition(condition: Json) -> Text:
    head = f"{condition['type']} is {condition['status']}, {condition['reason']}"
    colour = "yellow" if condition["good"] else "red"
    return Text.assemble((head, colour), f": {condition['message']}")


def _section(title: str, content: RenderableType | None) -> Iterator[RenderableType]:
    if content is not None:
        yield Text(f"\n{title.capitalize()}", style="bold")
        yield content


def render_members(members: list[Json]) -> RenderableType:
    """Render the members of a cluster, one a line; their problems only where there are any."""
    if not members:
        return Text("No members.")
    troubled = any(each["problem"] for each in members)
    columns = (*_MEMBER_COLUMNS, "problem") if troubled else _MEMBER_COLUMNS
    rows = (_member(each)[: len(columns)] for each in members)
    return table(columns, rows, _SPARE)


def _member(each: Json) -> tuple[object, ...]:
    return (
        each["name"],
        each["role"] or "?",
        Text("yes", style="green") if each["ready"] else Text("no", style="red"),
        each["version"] or "?",
        "?" if each["revisionLag"] is None else each["revisionLag"],
        f"{size(each['dbInUse'])} / {size(each['dbSize'])} / {size(each['dbQuota'])}",
        each["disk"] or "?",
        each["node"] or "?",
        "?" if each["restarts"] is None else each["restarts"],
        each["problem"],
    )


def render_certificates(certificates: list[Json]) -> RenderableType | None:
    """Render certificates with the days that are left; None without any."""
    if not certificates:
        return None

    def days(each: Json) -> Text:
        left = each["daysLeft"]
        style = "red" if left is None or left < EXPIRES_SOON else "green"
        return Text("?" if left is None else str(left), style=style)

    return table(
        ("secret", "days left", "expires"),
        ((each["secret"], days(each), each["notAfter"] or "?") for each in certificates),
    )


def render_backups(backups: list[Json]) -> RenderableType | None:
    """Render EtcdBackups: when each last succeeded, and when it is next due; None without any."""
    if not backups:
        return None
    now = datetime.now(UTC)
    return table(
        ("backup", "phase", "last complete", "verified", "size", "next", "message"),
        (
            (
                each["name"],
                Text(each["phase"] or "?", style=_COLOURS.get(each["phase"], "yellow")),
                ago(each["lastComplete"], now) or "never",
                {"True": "yes", "False": "no"}.get(each["verified"], ""),
                size(each["size"]) if each["size"] else "",
                "suspended" if each["suspended"] else ago(each["next"], now),
                each["message"],
            )
            for each in backups
        ),
        ("size", "verified"),
    )


def _render_events(events: list[Json]) -> RenderableType | None:
    if not events:
        return None
    now = datetime.now(UTC)
    return table(
        ("when", "type", "reason", "message"),
        (
            (
                ago(each["time"], now),
                Text(each["type"], style="" if each["type"] == "Normal" else "yellow"),
                each["reason"],
                each["message"],
            )
            for each in events
        ),
    )


def render_missing(missing: list[str]) -> Iterator[RenderableType]:
    """Render what could not be read, and why."""
    if missing:
        yield Text()
        yield from (Text(f"Not shown: {sentence}", style="yellow") for sentence in missing)
