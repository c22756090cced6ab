"""A preview on the screen, and as a document."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from etcd_operator.core.reasons.attention import INVALID_SPEC
from etcd_operator.plugin import console
from etcd_operator.plugin.exits import Exit
from etcd_operator.simulation.prediction import (
    Entry,
    PredictedStep,
    Prediction,
    Wait,
    mark_common,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

ENDS: Final = {
    "settled": "Then it rests.",
    "waiting": "Then it waits, for a person or for what no preview knows.",
    "person": "Then a person is needed.",
    "gone": "Then nothing of it is left.",
    "vetoed": "A guard refuses the last step.",
    "cycle": "The same steps would come again and again.",
    "bound": "It was not followed to the end.",
    "unsafe": "What follows is not safe, or the model is wrong: do not go on, and report it.",
}


def describe(
    found: Prediction,
    assumptions: tuple[str, ...],
    warnings: tuple[str, ...] = (),
    without: Prediction | None = None,
) -> dict[str, Any]:
    """Return a preview as a document.

    `warnings` are those of the API server; `without` is the preview without the change, None if
    there is no change.
    """
    common = mark_common(found, without or Prediction((), "", "", "", 0.0))
    pairs = zip(found.entries, common, strict=True)
    return {
        "steps": [_describe_entry(entry, anyway=anyway) for entry, anyway in pairs],
        "reached": found.reached,
        "ends": found.ends,
        "reason": found.reason,
        "message": found.sentence,
        "warnings": [*warnings, *found.warnings],
        "podsThatEnd": list(found.restarts),
        "disksThatGo": list(found.disks),
        "disksSetAside": list(found.kept_disks),
        "seconds": round(found.seconds, 1),
        "withoutTheChange": None if without is None else {
            "steps": len(without.entries),
            "reached": without.reached,
            "ends": without.ends,
            "reason": without.reason,
            "message": without.sentence,
        },
        "assumptions": [] if _is_refused(found) else [*assumptions, *found.assumptions],
    }  # fmt: skip


def _is_refused(found: Prediction) -> bool:
    """Whether the spec alone says that nothing is done: then nothing was taken to be so."""
    return found.reason == INVALID_SPEC.name and not found.entries


def _describe_entry(entry: Entry, *, anyway: bool) -> dict[str, Any]:
    return {
        "pass": entry.number,
        "rule": entry.rule,
        "reason": entry.reason,
        **(
            {"action": entry.action, "step": entry.ahead, "veto": entry.veto}
            if isinstance(entry, PredictedStep)
            else {"action": "Wait", "step": _say_wait(entry), "veto": ""}
        ),
        "anyway": anyway,
    }


def _say_wait(wait: Wait) -> str:
    return f"Wait about {_say_time(wait.seconds)}: {wait.sentence}"


def find_exit(view: dict[str, Any]) -> Exit:
    """Return the exit code: only of a cluster that comes to be as its spec wants it that of DONE.

    A spec that the operator refuses is as one that the API server refuses.
    """
    if view["reason"] == INVALID_SPEC.name:
        return Exit.INVALID
    return Exit.DONE if view["reached"] else Exit.FAILED


def render(view: dict[str, Any]) -> RenderableType:
    """Return a preview for people."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [_render_steps(view["steps"])]
    parts.append(Text(f"\n{_say_end(view)}"))
    parts += [Text(step, style="yellow") for step in view.get("nextSteps", ())]
    parts += [Text(f"Warning: {sentence}", style="yellow") for sentence in view["warnings"]]
    if (without := view["withoutTheChange"]) and (without["steps"] or without["ends"] != "settled"):
        parts.append(Text(f"Without the change: {_say_end(without)}"))
    pods, disks = ", ".join(view["podsThatEnd"]), ", ".join(view["disksThatGo"])
    parts.append(Text(f"Pods that end: {pods or 'none'}."))
    parts.append(Text(f"Disks that are deleted: {disks or 'none'}."))
    if kept := ", ".join(view["disksSetAside"]):
        parts.append(Text(f"Disks that are set aside, their volumes kept: {kept}."))
    if view["seconds"]:
        parts.append(Text(f"About {_say_time(view['seconds'])}, by medians that were measured."))
    parts += [Text(f"Assumed: {sentence}", style="dim") for sentence in view["assumptions"]]
    if view.get("rules"):
        rules = [(r["rule"], r["says"], _say_rule(r)) for r in view["rules"]]
        parts += [Text(""), console.table(("rule", "says", "message"), rules)]
    return Group(*parts)


def _render_steps(steps: list[dict[str, Any]]) -> RenderableType:
    """Return the steps as a table; whether they come anyway only where some do."""
    from rich.text import Text

    if not steps:
        return Text("Nothing would be done.")
    rows = [
        (
            _say_passes(same),
            same[0]["rule"],
            "anyway" if same[0]["anyway"] else "by the change",
            f"{same[0]['step']}{_veto(same[0]['veto'])}",
        )
        for same in _join_alike(steps)
    ]
    if any(step["anyway"] for step in steps):
        return console.table(("pass", "rule", "why", "the operator would"), rows)
    without_why = [(*row[:2], row[3]) for row in rows]
    return console.table(("pass", "rule", "the operator would"), without_why)


def _join_alike(steps: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the steps in groups: how often an object is written anew depends on the pace."""

    def key(step: dict[str, Any]) -> tuple[Any, ...]:
        return step["rule"], step["step"], step["veto"], step["anyway"]

    return [list(group) for _, group in groupby(steps, key)]


def _say_passes(steps: list[dict[str, Any]]) -> str:
    first, last = steps[0]["pass"], steps[-1]["pass"]
    return str(first) if first == last else f"{first}-{last}"


def _say_end(view: dict[str, Any]) -> str:
    why = f"{view['reason']}: " if view["reason"] else ""
    return f"{ENDS[view['ends']]} {why}{view['message']}"


def _veto(veto: str) -> str:
    return f"\n  refused: {veto}" if veto else ""


def _say_rule(rule: dict[str, str]) -> str:
    if rule["reason"]:
        return f"{rule['reason']}: {rule['message']}"
    return f"only while {rule['condition']}" if rule["condition"] else ""


def _say_time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
