"""Every reason is one registered value: used, documented, and of one meaning."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import manifests
from etcd_operator.core import reasons as package
from etcd_operator.core.reasons import (
    attention,
    backups,
    condition_types,
    events,
    registry,
    restores,
    routine,
    tasks,
    verdicts,
)
from etcd_operator.core.reasons.reason import Reason
from etcd_operator.core.reasons.registry import CONDITIONS, REASONS, reasons_of
from etcd_operator.runtime.engine.caches import CHILD_KINDS, KINDS

PROJECT = Path(__file__).resolve().parents[4]
SOURCE = PROJECT / "src" / "etcd_operator"
TROUBLESHOOT = (PROJECT / "docs" / "how-to" / "troubleshoot.md").read_text()
REFERENCE = (PROJECT / "docs" / "reference" / "events-and-conditions.md").read_text()
MODULES = {
    module.__name__.rpartition(".")[2]: module
    for module in (attention, backups, events, restores, routine, tasks, verdicts)
}
ALL = reasons_of(*MODULES.values())
HEADINGS = set(re.findall(r"^### (\w+)$", TROUBLESHOOT, re.MULTILINE))
QUOTED = set(re.findall(r"`(\w+)`", TROUBLESHOOT))


def test_a_reason_is_a_word_and_its_text_is_sentences() -> None:
    for reason in ALL:
        assert re.fullmatch(r"(?:[A-Z][a-z0-9]*)+", reason.name), reason
        for text in filter(None, (reason.meaning, reason.remedy)):
            assert re.fullmatch(r"(?:[A-Z]|etcd|spec\.|cert-manager).{8,}[^.]\.", text), text
            assert "|" not in text  # it is a cell of a table


def test_a_constant_is_called_what_its_reason_is() -> None:
    differing = [
        (constant, value.name)
        for module in MODULES.values()
        for constant, value in vars(module).items()
        if isinstance(value, Reason) and constant.replace("_", "").lower() != value.name.lower()
    ]
    assert differing == []


def test_what_blocks_has_a_remedy() -> None:
    assert [reason.name for reason in ALL if reason.blocks and not reason.remedy] == []


@pytest.mark.parametrize("kind", REASONS)
def test_a_name_stands_for_one_reason_of_a_kind(kind: str) -> None:
    counted = Counter(reason.name for reason in REASONS[kind])
    assert [name for name, count in counted.items() if count > 1] == []


def find_unused(names: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of module and constant that the code does not name, the registry's own aside."""
    unused = set(names)
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        mentioned = unused.intersection(re.findall(r"\b(\w+)\.(\w+)\b", text))
        if path.parent.name == "reasons" or not mentioned:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                unused.discard((node.value.id, node.attr))
    return unused


def test_every_reason_is_used() -> None:
    registered = {
        (name, constant)
        for name, module in MODULES.items()
        for constant in vars(module)
        if constant.isupper() and not constant.startswith("_")
    }
    assert registered
    assert find_unused(registered) == set()


def test_reasons_are_made_in_the_registry_alone() -> None:
    """The words of Kubernetes pass through `given_by_kubernetes`."""
    made = [
        path.name
        for path in SOURCE.rglob("*.py")
        if path.parent.name != "reasons" and re.search(r"\bReason\(", path.read_text())
    ]
    assert made == []


def test_the_registry_knows_every_module() -> None:
    folder = Path(package.__file__).parent
    others = {"__init__", "condition_types", "reason", "registry"}
    assert {path.stem for path in folder.glob("*.py")} - others == set(MODULES)
    assert {reason for reasons in REASONS.values() for reason in reasons} == set(ALL)


def test_every_object_that_is_written_or_deleted_has_its_reasons() -> None:
    applied = {kind.name for kind in CHILD_KINDS}
    assert set(events.CREATED) == set(events.UPDATED) == applied
    rights = [rule["resources"] for rule in manifests.RULES if "delete" in rule["verbs"]]
    deletable = {resource for resources in rights for resource in resources}
    assert set(events.DELETED) == {k.name for k in KINDS.values() if k.plural in deletable}


# Conditions


def find_verdicts(module: str) -> Iterator[tuple[str, str, str]]:
    """Type, status and reason of every condition that a module writes, where all are constants."""
    tree = ast.parse((SOURCE / "core" / module).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Verdict":
            kind, status, reason = (ast.unparse(argument) for argument in node.args[:3])
            for name in re.findall(r"\b[a-z]+\.[A-Z_]+\b", reason):
                constant = kind.removeprefix("condition_types.")
                yield getattr(condition_types, constant, kind), status.strip("'"), name


def test_conditions_give_the_reasons_that_are_registered_for_them() -> None:
    """Where type and status are written out; the others are judged by what they come from."""
    named = {
        f"{name}.{constant}": value
        for name, module in MODULES.items()
        for constant, value in vars(module).items()
        if isinstance(value, Reason)
    }
    declared = {
        (condition.type, status, reason.name)
        for condition in registry.CLUSTER_CONDITIONS
        for status in ("True", "False", "Unknown")
        for reason in getattr(condition, status.lower())
    }
    written = {
        (kind, status, named[reason].name)
        for module in ("status/conditions.py", "status/quorum.py")
        for kind, status, reason in find_verdicts(module)
        if kind != "kind"
    }
    assert written - declared == set()
    assert len(written) > 25


@pytest.mark.parametrize("kind", CONDITIONS)
def test_reasons_of_conditions_are_of_the_kind(kind: str) -> None:
    given = {
        reason
        for condition in CONDITIONS[kind]
        for reason in (*condition.true, *condition.false, *condition.unknown)
    }
    assert given - set(REASONS[kind]) == set()
    assert len({condition.type for condition in CONDITIONS[kind]}) == len(CONDITIONS[kind])


def test_every_reason_of_a_verdict_belongs_to_a_condition() -> None:
    given = {
        reason
        for condition in registry.CLUSTER_CONDITIONS
        for reason in (*condition.true, *condition.false, *condition.unknown)
    }
    assert set(reasons_of(verdicts)) - given == set()


# Documents


def test_the_reference_lists_every_reason() -> None:
    rows = {reason.name: f"| `{reason.name}` | {reason.meaning} |" for reason in ALL}
    assert [name for name, row in rows.items() if row not in REFERENCE] == []


def test_a_person_who_meets_a_decision_finds_it_on_the_page_about_troubles() -> None:
    names = {reason.name for reason in reasons_of(attention, routine)}
    assert names - HEADINGS - QUOTED == set()


def test_what_blocks_is_no_row_among_what_needs_nobody() -> None:
    """The first table of the page is about what passes by itself."""
    table = TROUBLESHOOT.partition("## Reasons that need no action")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.*?) \|", table, re.MULTILINE)
    assert "`Healthy`" in rows
    quoted = set(re.findall(r"`(\w+)`", " ".join(rows)))
    assert quoted & {reason.name for reason in reasons_of(attention) if reason.blocks} == set()


def test_the_page_about_troubles_has_a_heading_for_no_other_word() -> None:
    """A reason that was renamed leaves none behind."""
    words = {heading for heading in HEADINGS if re.search(r"[a-z][A-Z]", heading)}
    conditions = {condition.type for condition in registry.CLUSTER_CONDITIONS}
    assert words - {reason.name for reason in ALL} - conditions == set()
