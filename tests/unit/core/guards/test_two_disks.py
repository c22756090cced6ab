"""The guard of files with which a member would start on one of its two disks."""

from __future__ import annotations

import pytest

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.snapshot import Snapshot
from tests.builders.snapshots import formed
from tests.builders.two_disks import two_disks

SAID = "member 0 might start from its write-ahead log, without its data"


def write(snapshot: Snapshot, files: dict[str, str]) -> ApplyObject:
    """The gate is written with these files."""
    gate = snapshot.config_map
    assert gate is not None
    manifest = {**gate.body, "data": files}
    return ApplyObject("ConfigMap", gate.name, gate.uid, gate.resource_version, "test", manifest)


def live(snapshot: Snapshot) -> dict[str, str]:
    """The files as they are."""
    gate = snapshot.config_map
    assert gate is not None
    return dict(gate.body["data"])


def without_output(text: str) -> str:
    """The file without its way through the data."""
    return "".join(
        line for line in text.splitlines(keepends=True) if not line.startswith("log-outputs")
    )


@pytest.mark.parametrize("key", ["db-0.yaml", "db-0-forced.yaml"])
def test_no_closed_file_is_written_with_which_a_log_is_enough(key: str) -> None:
    made = two_disks()
    files = live(made)
    text = files["db-0.yaml"]
    assert refuse(write(made, files), made) is None
    assert refuse(write(made, {**files, key: without_output(text)}), made) == SAID
    other = text.replace("/db-0/member/snap", "/db-1/member/snap")
    assert refuse(write(made, {**files, key: other}), made) == SAID
    moved = without_output(text).replace(".svc.cluster.local", ".svc.elsewhere")
    assert refuse(write(made, {**files, key: moved}), made) == SAID


def test_a_file_to_join_with_needs_no_data() -> None:
    made = two_disks()
    files = live(made)
    text = without_output(files["db-0.yaml"])
    joining = text.replace('initial-cluster: "', 'initial-cluster: "db-9=http://x:2380,')
    assert refuse(write(made, {**files, "db-0.yaml": joining}), made) != SAID


def test_who_has_one_disk_has_no_such_output() -> None:
    made = formed(3)
    assert refuse(write(made, live(made)), made) is None
