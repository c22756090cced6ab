"""What others write: members that a client of etcd adds by hand, and records that somebody edits.

A member added by hand never runs: nobody has its disk. Its peer URL is an address elsewhere, the
name of a member in another spelling, or exactly the one of an ordinal that was not announced.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Final

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.model.naming import (
    ANNOTATION_ANNOUNCED,
    ANNOTATION_CLUSTER_ID,
    ANNOTATION_FINGERPRINT,
    ANNOTATION_MEMBERS,
)
from etcd_operator.simulation.manifest import Manifest
from etcd_operator.simulation.passes import JudgedAction, Planned
from etcd_operator.simulation.snapshots import Specs
from etcd_operator.simulation.world import (
    CONFIG_MAP,
    NAME,
    NAMESPACE,
    STATEFUL_SET,
    Child,
    State,
    Stranger,
    put,
)

ADDED: Final = "member added by hand"
REMOVED: Final = "member removed by hand"
EDITED: Final = "record edited"
STALE: Final = "record put back"
MARK: Final = "edited"

Step = tuple[str, State]


def add_by_hand(state: State) -> Iterator[Step]:
    """etcd takes any URL that no member has, and one learner at a time."""
    etcd = state.etcd
    if etcd is None or etcd.leader < 0 or etcd.foreign or any(m.learner for m in etcd.members):
        return
    urls = ["http://elsewhere:2380", f"http://{NAME}-0.{NAME}-peer:2380"]
    ordinal = _count_announced(state)
    # Whoever decides on an older record might announce that very one: then it is the operator's.
    if not state.remembered and ordinal < len(state.pods) and etcd.line(ordinal) is None:
        urls.append(f"http://{NAME}-{ordinal}.{NAME}-peer.{NAMESPACE}.svc.cluster.local:2380")
    for number, url in enumerate(urls):
        line = Stranger(etcd.life * 0x100000 + 0xF000 + number, url)
        added = state._replace(etcd=etcd._replace(foreign=(line,)))
        yield f"a client of etcd adds {url}", added


def _count_announced(state: State) -> int:
    gate = state.children[CONFIG_MAP]
    told = gate.manifest.annotations if gate else {}
    members = [int(part) for part in told.get(ANNOTATION_MEMBERS, "").split(",") if part.isdigit()]
    beyond = told.get(ANNOTATION_ANNOUNCED, "0")
    if not members:
        return len(state.pods)  # what counts then is what was made for members
    return max(members[-1] + 1, int(beyond) if beyond.isdigit() else 0)


def remove_by_hand(state: State) -> Iterator[Step]:
    """A person does what the message says."""
    if state.etcd is not None and state.etcd.leader >= 0 and state.etcd.foreign:
        left = state.etcd._replace(foreign=())
        yield "a client of etcd removes the member", state._replace(etcd=left)


def edit_record(state: State) -> Iterator[Step]:
    """Somebody writes into an annotation of the gate what nobody can read."""
    gate = state.children[CONFIG_MAP]
    if gate is None or not gate.life or is_edited(state):
        return
    for name in (ANNOTATION_MEMBERS, ANNOTATION_CLUSTER_ID):
        if name in gate.manifest.annotations:
            yield f"{name} is edited", _write(state, gate, name, MARK)


def put_back(state: State) -> Iterator[Step]:
    """The record of members says what it said when there was one: it is put back from a backup."""
    gate = state.children[CONFIG_MAP]
    told = gate.manifest.annotations.get(ANNOTATION_MEMBERS, "0") if gate and gate.life else "0"
    if gate is not None and told not in ("0", MARK):
        yield "the record of members is put back", _write(state, gate, ANNOTATION_MEMBERS, "0")


def _write(state: State, gate: Child, name: str, text: str) -> State:
    body = copy.deepcopy(gate.manifest.body)
    annotations = body["metadata"]["annotations"]
    annotations[name] = text
    annotations[ANNOTATION_FINGERPRINT] += f" {MARK} {name}"
    edited = gate._replace(manifest=Manifest.of(body))
    return state._replace(children=put(state.children, CONFIG_MAP, edited))


def is_edited(state: State) -> bool:
    """Whether a record of the gate cannot be read."""
    gate = state.children[CONFIG_MAP]
    return gate is not None and MARK in gate.manifest.annotations.values()


def follows_nobody(
    before: State, after: State, judged: JudgedAction, planned: Planned, specs: Specs
) -> str | None:
    """From a member that nobody announced follows no Pod, and no file of another member."""
    action, etcd, seen = judged.action, before.etcd, planned.seen.membership
    if not isinstance(action, ApplyObject) or etcd is None or not etcd.foreign:
        return None
    if seen is None or not seen.linearizable or not seen.foreign:
        return None
    old, new = before.children[STATEFUL_SET], after.children[STATEFUL_SET]
    if (
        action.kind == "StatefulSet"
        and new
        and new.manifest.replicas > (old.manifest.replicas if old else 0)
    ):
        last = new.manifest.replicas - 1
        if etcd.line(last) is None and before.claims[last] is None:
            return f"a Pod {last} is run although no member was announced"
    gate = after.children[CONFIG_MAP]
    for line in seen.lines if action.kind == "ConfigMap" and gate else ():
        files = gate.manifest.files if gate else ()
        if (
            line.started
            and line.ordinal < len(files)
            and files[line.ordinal].listed != (line.ordinal,)
        ):
            return f"member {line.ordinal}, which has served, may join again"
    return None
