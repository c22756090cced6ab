"""The page about conditions, reasons and events, read from the code that says them.

Rules and judgements are read as syntax trees, so that a reason nobody has met yet is listed too.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Final, get_args

from deploy import manifests
from etcd_operator.api.cluster import Phase
from etcd_operator.core import actions, conditions, sentences
from etcd_operator.core.credentials import Leaf
from etcd_operator.core.naming import Naming
from etcd_operator.core.plan import RULES
from etcd_operator.core.replacement import Replacement, Stage
from etcd_operator.core.rules import teardown
from etcd_operator.core.users import Change, Step
from etcd_operator.runtime import caches, reconciler
from etcd_operator.runtime.gather import child_names

HIDDEN: Final = "…"

INTRODUCTION: Final = f"""\
# Conditions, reasons and events

Each pass ends with one decision: a reason in CamelCase and a sentence. The sentence is
`status.message`. Both are in the condition `Ready`, and in `Progressing` and `Degraded` where they
are about that. They are written as an Event when the phase changes. While only a person or the
outside world can help, or the phase is `Failed`, that Event is a Warning. What to do about each
reason is in [Troubleshoot](../how-to/troubleshoot.md).

A {HIDDEN} stands for what depends on the cluster: names, numbers, values.

The phases are {{phases}}.

"""


@dataclass(frozen=True, slots=True)
class Said:
    """A reason, who gives it, and the sentences that go with it."""

    rule: str
    reason: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """A condition, what it means, and its reasons, each with the status it comes with."""

    type: str
    meaning: str
    reasons: tuple[tuple[str, str], ...]


def write_reasons() -> str:
    """Return the page."""
    phases = ", ".join(f"`{phase}`" for phase in Phase)
    parts = [INTRODUCTION.format(phases=phases), *_write_conditions(), *_write_decisions()]
    return "".join([*parts, *_write_events()])


def _write_conditions() -> Iterator[str]:
    yield "## Conditions\n\n| Condition | Meaning | Reasons |\n|---|---|---|\n"
    for judged in find_conditions():
        by_status: dict[str, list[str]] = {}
        for reason, status in judged.reasons:
            by_status.setdefault(status, []).append(reason)
        cells = [f"{status}: {', '.join(reasons)}" for status, reasons in by_status.items()]
        meaning = judged.meaning[:1].upper() + judged.meaning[1:]
        yield f"| `{judged.type}` | {meaning} | {'<br>'.join(cells)} |\n"


def _write_decisions() -> Iterator[str]:
    yield (
        "\n## Reasons of decisions\n\nIn the order in which the rules are asked; the first that "
        "has something to say decides.\n\n| Reason | Rule | Says |\n|---|---|---|\n"
    )
    for said in find_decisions():
        sentences = "<br>".join(said.sentences)
        yield f"| `{said.reason}` | `{said.rule}` | {sentences} |\n"
    for said in find_refusals():
        sentences = "<br>".join(said.sentences)
        yield f"| `{said.reason}` | after any rule | {sentences} |\n"


def _write_events() -> Iterator[str]:
    yield (
        "\n## Events\n\nEach action that took effect is one Event of type Normal.\n\n"
        "| Reason | Example |\n|---|---|\n"
    )
    for reason, sentence in find_events():
        yield f"| `{reason}` | {sentence} |\n"
    yield (
        "\nAn action without an answer is one Event of type Warning, `NoAnswer`: it may have "
        "happened. What Kubernetes warns of about Pods and claims that are waited for is one too, "
        "under the reason that it gives, and so is a `SpecWarning`.\n"
    )


def find_decisions() -> list[Said]:
    """Return every reason of every rule, in the order of the rules."""
    found = []
    for rule in RULES:
        module = inspect.getmodule(rule)
        if module is not None:
            functions = _read_functions(module)
            summary = (inspect.getdoc(rule) or "").partition("\n")[0]
            for reason, sentences in _find_reasons(rule.__name__, functions):
                told = sentences if sentences != (HIDDEN,) else (summary,)
                found.append(Said(rule.__name__, reason, told))
    return found


def find_refusals() -> list[Said]:
    """Return the reasons that the reconciler puts in place of a rule's."""
    return [
        Said(name, reason, sentences)
        for name, function in _read_functions(reconciler).items()
        for reason, sentences in _read_calls(function, "replace", {})
    ]


def find_conditions() -> list[Judged]:
    """Return every condition in the order of the status."""
    found = []
    for function in _read_functions(conditions).values():
        kind, _, meaning = (ast.get_docstring(function) or "").partition(": ")
        names = _read_assignments(function)
        reasons = [
            (_name_reason(reason, names), status)
            for call in _calls_of(function, "Verdict")
            for status in _texts(call.args[1], names)
            for reason in _branches(call.args[2], names)
        ]
        if reasons:
            found.append(Judged(kind, meaning, tuple(dict.fromkeys(reasons))))
    return found


def _name_reason(node: ast.expr, names: dict[str, ast.expr]) -> str:
    """Return a reason in code quotes, or say whose reason it is."""
    if isinstance(node, ast.Attribute):
        if ast.unparse(node.value) == "decision":
            return "the decision's reason"
        return "the reason that Kubernetes gives for a Pod or a claim"
    return f"`{_texts(node, names)[0]}`"


def find_events() -> list[tuple[str, str]]:
    """Return reason and sentence of every action."""
    samples: list[actions.Action] = [
        actions.SetFinalizer(True, "", ""),
        *_sample_applications(),
        *_sample_deletions(),
        actions.EvictPod("db-2", "", "its spec has changed"),
        actions.ResizeClaim("data-db-0", "", "20Gi"),
        actions.QuarantineDisk("data-db-0", "", "pvc-1b2c"),
        *_sample_replacements(),
        actions.LabelPod("db-0", "", "voter"),
        actions.AddLearner(3, "", 0),
        actions.PromoteMember(3, 0x8E9E05C52164694D, 0),
        actions.MoveLeader(4, 0, 0, 0, 0),
        actions.RemoveMember(4, 0x8E9E05C52164694D, 0),
        actions.Compact(1000, 0),
        actions.Defragment(2, 0, 0),
        actions.DisarmAlarm("NOSPACE", 0x8E9E05C52164694D, 0),
        actions.SetDowngrade("3.5", 0),
        actions.SetDowngrade("", 0),
        *_sample_certificates(),
        actions.RequestBackup("db-before-v3.6.16-0a1b2c3d", "before it becomes v3.6.16", {}),
        actions.SetFinalizer(False, "", ""),
    ]
    kinds = {kind for union in get_args(actions.Action) for kind in get_args(union) or (union,)}
    missing = kinds - {type(sample) for sample in samples}
    if missing:
        raise ValueError(f"{missing} has no sample here, so its event would not be documented")
    return [sentences.describe(sample, "db") for sample in samples]


def _sample_applications() -> Iterator[actions.Action]:
    names = dict(child_names(Naming("default", "db", "")))
    for uid, why in (("", "the cluster needs it"), ("1", "the cluster has changed")):
        for kind in caches.CHILD_KINDS:
            yield actions.ApplyObject(kind.name, names[kind.name], uid, "", why, {})


def _sample_replacements() -> Iterator[actions.Action]:
    for volume_action in (actions.KeepVolume, actions.PutBackDisk, actions.ReleaseVolume):
        yield volume_action("data-db-0", "", "pvc-1b2c")
    record = Replacement(Stage.SET_ASIDE, "", 0, 3, ())
    yield actions.RecordReplacement(record, "", "")
    yield actions.RecordReplacement(None, "", "")


def _sample_certificates() -> Iterator[actions.Action]:
    naming, why = Naming("default", "db", ""), "two thirds of its life are over"
    leaf = Leaf(naming.peer_secret, naming.peer_authority, "etcd")
    yield actions.IssueAuthority(naming.peer_authority, "", "", 0, (), "the cluster needs it")
    yield actions.IssueCertificate(leaf, "", "", "", timedelta(), (), why)
    why = "other certificate authorities are trusted now"
    yield actions.ShareTrust(naming.peer_secret, "", "", (), why)
    yield actions.ChangeAccess(Change(Step.GIVE_ROLE, "app", "writer"), 0)


def _sample_deletions() -> Iterator[actions.Action]:
    """One for each kind that the operator may delete."""
    named = {
        "Pod": ("db-2", "its spec has changed"),
        "PersistentVolumeClaim": ("data-db-2", "its member left the cluster"),
        "StatefulSet": ("db", teardown.WHY),
        "NetworkPolicy": ("db", "the spec wants none"),
        "Certificate": ("db-server", "the spec names no issuer"),
        "ConfigMap": ("db-config", "spec.size was changed from 3 to 5"),
    }
    rules = [rule["resources"] for rule in manifests.RULES if "delete" in rule["verbs"]]
    deletable = {resource for resources in rules for resource in resources}
    for kind in caches.KINDS.values():
        if kind.plural in deletable:
            name, why = named[kind.name]
            yield actions.DeleteObject(kind.name, name, "", why)


def _read_functions(module: ModuleType) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(inspect.getsource(module))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def _find_reasons(
    name: str, functions: dict[str, ast.FunctionDef], seen: frozenset[str] = frozenset()
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the reasons that a function gives, itself or through functions of its module."""
    function = functions[name]
    yield from _read_calls(function, "Decision", {})
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            callee = functions.get(node.func.id)
            if callee is None or callee.name in seen | {name}:
                continue
            parameters = [argument.arg for argument in callee.args.args]
            if "reason" in parameters:
                given = dict(zip(parameters, node.args, strict=False))
                yield from _read_reason(given, _read_assignments(function))
            else:
                yield from _find_reasons(callee.name, functions, seen | {name})


def _read_calls(
    function: ast.FunctionDef, called: str, given: dict[str, ast.expr]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    names = _read_assignments(function)
    for call in _calls_of(function, called):
        keywords = {word.arg: word.value for word in call.keywords if word.arg}
        yield from _read_reason({**given, **keywords}, names)


def _read_reason(
    given: dict[str, ast.expr], names: dict[str, ast.expr]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    reason = given.get("reason")
    if isinstance(reason, ast.Constant):
        yield str(reason.value), tuple(_texts(given["message"], names))


def _calls_of(function: ast.FunctionDef, called: str) -> Iterator[ast.Call]:
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    for node in sorted(calls, key=lambda call: call.lineno):
        if isinstance(node.func, ast.Name) and node.func.id == called:
            yield node


def _read_assignments(function: ast.FunctionDef) -> dict[str, ast.expr]:
    """Return what simple names of a function stand for, if each has one value only."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
    single = {name: values[0] for name, values in found.items() if len(values) == 1}
    return single | _read_either(function)


def _read_either(function: ast.FunctionDef) -> dict[str, ast.expr]:
    """An if and else that set the same name are a conditional expression written out."""
    found: dict[str, ast.expr] = {}
    for node in ast.walk(function):
        if not isinstance(node, ast.If) or not node.orelse:
            continue
        one, other = node.body[0], node.orelse[0]
        if isinstance(one, ast.Assign) and isinstance(other, ast.Assign):
            target = one.targets[0]
            if isinstance(target, ast.Name) and ast.dump(target) == ast.dump(other.targets[0]):
                found[target.id] = ast.IfExp(node.test, one.value, other.value)
    return found


def _branches(node: ast.expr, names: dict[str, ast.expr]) -> list[ast.expr]:
    if isinstance(node, ast.IfExp):
        return [*_branches(node.body, names), *_branches(node.orelse, names)]
    if isinstance(node, ast.Name) and node.id in names:
        return _branches(names[node.id], names)
    return [node]


def _texts(node: ast.expr, names: dict[str, ast.expr]) -> list[str]:
    """Return every text that an expression may be."""
    return [text for branch in _branches(node, names) for text in _text(branch, names)]


def _text(node: ast.expr, names: dict[str, ast.expr]) -> list[str]:
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if not isinstance(node, ast.JoinedStr):
        return [HIDDEN]
    texts = [""]
    for part in node.values:
        inner = part.value if isinstance(part, ast.FormattedValue) else part
        choices = _texts(inner, names)
        if isinstance(inner, ast.Constant) or all(HIDDEN not in choice for choice in choices):
            texts = [text + choice for text in texts for choice in choices]
        else:
            texts = [text + HIDDEN for text in texts]
    return texts
