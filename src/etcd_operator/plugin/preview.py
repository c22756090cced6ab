"""A preview on the screen, and as a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from etcd_operator.plugin import console
from etcd_operator.simulation.predict import PredictedStep, Prediction

if TYPE_CHECKING:
    from rich.console import RenderableType

ENDS: Final = {
    "settled": "Then it rests.",
    "waiting": "Then it waits.",
    "person": "Then a person is needed.",
    "gone": "Then nothing of it is left.",
    "vetoed": "A guard refuses the last step.",
    "cycle": "The same steps would come again and again.",
    "bound": "It was not followed to the end.",
    "unsafe": "What follows is not safe, or the model is wrong: do not go on, and report it.",
}


def describe(found: Prediction, assumptions: tuple[str, ...]) -> dict[str, Any]:
    """Return a preview as a document."""
    steps = [
        {
            "pass": entry.number,
            "rule": entry.rule,
            "reason": entry.reason,
            **(
                {"action": entry.action, "step": entry.sentence, "veto": entry.veto}
                if isinstance(entry, PredictedStep)
                else {"action": "Wait", "step": entry.sentence, "veto": ""}
            ),
        }
        for entry in found.entries
    ]
    return {
        "steps": steps,
        "ends": found.ends,
        "reason": found.reason,
        "message": found.sentence,
        "podsThatEnd": list(found.restarts),
        "disksThatGo": list(found.disks),
        "disksSetAside": list(found.kept_disks),
        "seconds": round(found.seconds, 1),
        "assumptions": [*assumptions, *found.assumptions],
    }


def render(view: dict[str, Any]) -> RenderableType:
    """Return a preview for people."""
    from rich.console import Group
    from rich.text import Text

    rows = [
        (step["pass"], step["rule"], f"{step['step']}{_veto(step['veto'])}")
        for step in view["steps"]
    ]
    parts: list[RenderableType] = []
    if rows:
        parts.append(console.table(("pass", "rule", "message"), rows))
    else:
        parts.append(Text("Nothing would be done."))
    why = f"{view['reason']}: " if view["reason"] else ""
    parts.append(Text(f"\n{ENDS[view['ends']]} {why}{view['message']}"))
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


def _veto(veto: str) -> str:
    return f"\n  refused: {veto}" if veto else ""


def _say_rule(rule: dict[str, str]) -> str:
    if rule["reason"]:
        return f"{rule['reason']}: {rule['message']}"
    return f"only while {rule['condition']}" if rule["condition"] else ""


def _say_time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
