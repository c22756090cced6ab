"""Write the page about the state machines: a picture and a table of each, from the machine itself.

A condition is told by its docstring ("Whether …"), and what is done by the first sentence of its
own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from inspect import getdoc
from textwrap import wrap
from typing import Any, Final

from etcd_operator.core.certificates import issuer_machine, peer_issuer_machine
from etcd_operator.core.certificates import machine as certificates
from etcd_operator.core.in_place_restore import machine as in_place_restore
from etcd_operator.core.model.state_machine import Meanwhile, StateMachine, Transition, otherwise
from etcd_operator.core.peer_tls import machine as peer_tls
from etcd_operator.core.quorum_loss import machine as quorum_loss
from etcd_operator.core.takeover import machine as takeover

HEAD: Final = """\
# State machines

What takes several passes, and must not be done in another order, is a table in one file: at which
stage, on which condition, what is done, and which stage follows. A rule takes the first row of the
stage whose condition holds, and no stage changes in any other way. The guard judges each transition
by code of its own. See [ARCHITECTURE.md](../../ARCHITECTURE.md).
"""
WIDTH: Final = 28
Row = Meanwhile[Any, Any] | Transition[Any, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """What is said about one machine, beside its table."""

    title: str
    folder: str
    text: str
    machine: StateMachine[Any, Any]
    file: str = "machine"


PAGES: Final = (
    Page(
        "Restore in place",
        "in_place_restore",
        "The stage is in the annotation `etcd.etcd.io/replacement` of the EtcdCluster. In START "
        "and SERVE the other rules decide as well. See [Restore](../how-to/restore.md) and "
        "[decision 14](../adr/0014-restore-in-place.md).",
        in_place_restore.MACHINE,
    ),
    Page(
        "Recovery from a lost quorum",
        "quorum_loss",
        "The stage is in the annotation `etcd.etcd.io/recovery` of the ConfigMap. See [Lost "
        "majority](../how-to/lost-majority.md) and [decision "
        "9](../adr/0009-recovery-from-a-lost-majority.md).",
        quorum_loss.MACHINE,
    ),
    Page(
        "Take-over of a running cluster",
        "takeover",
        "The stage is in the annotation `etcd.etcd.io/take-over` of the ConfigMap. In JOIN and "
        "COMPARE the other rules decide as well. See [Take over](../how-to/migrate-by-joining.md) "
        "and [decision 18](../adr/0018-take-over-by-joining.md).",
        takeover.MACHINE,
    ),
    Page(
        "Replacement of a CA",
        "certificates",
        "Nothing is recorded: the phase of each CA follows from what the Secrets hold. See "
        "[Encrypt](../how-to/encrypt.md) and [decision "
        "8](../adr/0008-certificates-in-secrets.md).",
        certificates.MACHINE,
    ),
    Page(
        "Change to an issuer, and back",
        "certificates",
        "The stage is in the annotation `etcd.etcd.io/issuer-stage` of the ConfigMap. See "
        "[Encrypt](../how-to/encrypt.md#change-to-an-issuer-and-back) and [decision "
        "26](../adr/0026-an-issuer-comes-and-goes-by-stages.md).",
        issuer_machine.MACHINE,
        "issuer_machine",
    ),
    Page(
        "Change to an issuer between members, and back",
        "certificates",
        "The stage is a word in the annotation `etcd.etcd.io/tls` of the ConfigMap. See "
        "[Encrypt](../how-to/encrypt.md#an-issuer-between-members) and [decision "
        "26](../adr/0026-an-issuer-comes-and-goes-by-stages.md).",
        peer_issuer_machine.MACHINE,
        "peer_issuer_machine",
    ),
    Page(
        "TLS between members",
        "peer_tls",
        "The mode of the members' files is in the annotation `etcd.etcd.io/peer-tls` of the "
        "ConfigMap, and the rest follows from the peer URLs that etcd lists. See "
        "[Encrypt](../how-to/encrypt.md#turn-tls-between-members-on-or-off) and [decision "
        "25](../adr/0025-tls-between-members-by-way-of-two-urls.md).",
        peer_tls.MACHINE,
    ),
)


def write_state_machines() -> str:
    """Return the page as Markdown."""
    return HEAD + "".join("".join(_write_page(page)) for page in PAGES)


def _write_page(page: Page) -> Iterator[str]:
    path = f"src/etcd_operator/core/{page.folder}/{page.file}.py"
    yield f"\n## {page.title}\n\n{page.text} The table is in [{path}](../../{path}).\n\n"
    yield "```mermaid\nstateDiagram-v2\n"
    yield f"    accTitle: {page.title}\n    accDescr: The stages, and what each one ends with\n"
    for row in page.machine.transitions:
        condition = "<br>".join(wrap(say_condition(row.when), WIDTH))
        yield f"    {_name(row.stage)} --> {_name(row.to)}: {condition}\n"
    yield "```\n\n| Stage | If | What is done | Next |\n|---|---|---|---|\n"
    yield from _write_rows(page.machine.rows)


def _write_rows(rows: tuple[Row, ...]) -> Iterator[str]:
    before: Enum | str | None = ""
    for row in rows:
        stage = "" if row.stage is before else _name(row.stage, "(none)")
        before = row.stage
        following = _name(row.to, "(over)") if isinstance(row, Transition) else ""
        yield f"| {stage} | {say_condition(row.when)} | {_say(row.do)} | {following} |\n"


def _name(stage: Enum | None, none: str = "[*]") -> str:
    return stage.name if stage else none


def say_condition(when: Callable[[Any], bool]) -> str:
    """The condition as a clause."""
    return when.__name__ if when is otherwise else _say(when).removeprefix("Whether ").rstrip(".")


def _say(function: Callable[[Any], Any]) -> str:
    return " ".join((getdoc(function) or "").partition("\n\n")[0].split())
