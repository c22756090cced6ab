"""Clusters whose members run, stored or are to run some version of etcd."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from tests.builders.snapshots import (
    answer,
    change_child,
    formed,
    settled,
    with_learner,
    with_spec,
    with_status,
)

OLD, MIDDLE, NEW = "3.5.35", "3.6.16", "3.7.3"


def running(snapshot: Snapshot, *versions: str, target: str = "", stored: str = "") -> Snapshot:
    """Members run these versions, and those of 3.6 on say how they store."""
    probes = {
        ordinal: answer(ordinal, version=version)
        if version < "3.6"
        else answer(
            ordinal,
            version=version,
            storage_version=stored or f"{version[:3]}.0",
            downgrade_target=target,
        )
        for ordinal, version in enumerate(versions)
    }
    return replace(snapshot, probes=probes)


def at(version: str, **spec: Any) -> Snapshot:
    """A healthy cluster of three that was formed with this version."""
    return running(formed(3, version=version, **spec), *[version] * 3)


def recorded(snapshot: Snapshot, text: str) -> Snapshot:
    """The gate remembers this."""
    gate = snapshot.children["ConfigMap", "db-config"]
    body = copy.deepcopy(gate.body)
    body["metadata"]["annotations"]["etcd.etcd.io/version"] = text
    return change_child(snapshot, "ConfigMap", "db-config", body=body)


def came_up(**spec: Any) -> Snapshot:
    """A cluster that ran 3.5 and was upgraded to 3.6 a moment ago."""
    return settled(recorded(at(MIDDLE, **spec), f"{OLD} 3.5"))


def snapshotted() -> Snapshot:
    """The same, on the way to 3.7, when it is recorded that every member wrote a snapshot."""
    asked = with_spec(came_up(), version=NEW)
    return settled(running(asked, *[MIDDLE] * 3, target="3.5.0", stored="3.5.0"))


def stopped(version: str, record: str, wanted: str) -> Snapshot:
    """A cluster that was stopped; then the spec asked for another version."""
    asleep = settled(with_spec(at(version), size=0))
    bare = replace(asleep, pods=(), probes={}, membership=None)
    gone = recorded(with_status(bare, phase="Stopped", members=[]), record)
    return with_spec(gone, version=wanted)


def down(*, target: str = "", stored: str = "", version: str = OLD) -> Snapshot:
    """A cluster of 3.6 that is to go back."""
    asked = with_spec(at(MIDDLE), version=version)
    return running(asked, *[MIDDLE] * 3, target=target, stored=stored)


def down_from_new() -> Snapshot:
    """A cluster of 3.7 that can go back to 3.6."""
    asked = with_spec(at(NEW), version=MIDDLE)
    return running(asked, *[NEW] * 3, target="3.6.0", stored="3.6.0")


def images(snapshot: Snapshot) -> str:
    """The image in the StatefulSet as it will be after this pass."""
    applied = {a.kind: a.manifest for a in plan(snapshot).actions if isinstance(a, ApplyObject)}
    live = snapshot.statefulset
    made = applied.get("StatefulSet") or (live.body if live else {})
    return str(made["spec"]["template"]["spec"]["containers"][0]["image"]).rpartition(":")[2]


def losing(*versions: str, target: str = "", message: str = "") -> Snapshot:
    """A downgrade to 3.5 that is under way with a member too few: it is a learner again.

    `versions` are what the others run; the learner crashed with `message`, if there is one.
    """
    asked = settled(with_spec(formed(len(versions), version=OLD), size=len(versions) + 1))
    crashed: dict[str, Any] = {"restarts": 1, "ever_ran": True, "termination_message": message}
    others = replace(asked, probes={})
    joining = with_learner(others, len(versions), **(crashed if message else {}))
    return running(joining, *versions, target=target, stored="3.5.0")
