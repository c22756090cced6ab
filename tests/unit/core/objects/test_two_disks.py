"""Objects of members with a second disk for the write-ahead log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.core.bootstrap.gate import Gate, Layout
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.etcd_config import render_configs, render_kept_configs
from etcd_operator.core.objects.statefulset import render_statefulset
from etcd_operator.core.quorum_loss.record import Recovery, Stage
from etcd_operator.json_types import Json
from tests.builders.snapshots import CLUSTER_ID, NAMING, formed, new
from tests.builders.two_disks import two_disks

WAL = {"size": "2Gi", "storageClassName": "fast", "volumeAttributesClassName": "gold"}
THROUGH_DATA = "/var/lib/etcd/db-0/member/snap/../"


def _layout(*gates: Gate, recovery: Recovery | None = None) -> Layout:
    everyone = tuple(range(len(gates)))
    return Layout(gates, everyone, len(gates), CLUSTER_ID, None, recovery=recovery)


def _render(snapshot: Snapshot, layout: Layout) -> dict[str, str]:
    return render_configs(snapshot.spec, NAMING, layout)


def _statefulset(snapshot: Snapshot) -> Json:
    layout = _layout(*[Gate.CLOSED] * 3)
    return render_statefulset(snapshot.spec, NAMING, layout, None)["spec"]  # type: ignore[no-any-return]  # a manifest


def test_each_member_has_a_second_claim_of_its_own_class_and_size() -> None:
    spec = _statefulset(new(3, storage={"wal": WAL}))
    data, wal = spec["volumeClaimTemplates"]
    assert (data["metadata"]["name"], wal["metadata"]["name"]) == ("data", "wal")
    assert wal["metadata"]["labels"] == data["metadata"]["labels"]
    assert wal["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "2Gi"}},
        "storageClassName": "fast",
        "volumeAttributesClassName": "gold",
        "volumeMode": "Filesystem",
    }
    assert "volumeAttributesClassName" not in data["spec"]
    mounts = spec["template"]["spec"]["containers"][0]["volumeMounts"]
    assert {"name": "wal", "mountPath": "/var/lib/etcd-wal"} in mounts


def test_the_base_of_claims_is_that_of_the_data_alone() -> None:
    base = {"metadata": {"labels": {"a": "b"}}, "spec": {"selector": {"matchLabels": {"a": "b"}}}}
    spec = _statefulset(new(3, storage={"wal": WAL, "volumeClaimTemplate": base}))
    data, wal = spec["volumeClaimTemplates"]
    assert data["metadata"]["labels"]["a"] == "b"
    assert "a" not in wal["metadata"]["labels"]
    assert "selector" not in wal["spec"]


def test_without_it_nothing_is_different() -> None:
    spec = _statefulset(formed(3))
    assert [one["metadata"]["name"] for one in spec["volumeClaimTemplates"]] == ["data"]
    text = _render(formed(3), _layout(Gate.CLOSED))["db-0.yaml"]
    assert 'data-dir: "/var/lib/etcd/data"' in text
    assert "wal-dir" not in text
    assert "log-outputs" not in text


def test_the_directories_name_their_member() -> None:
    text = _render(two_disks(), _layout(Gate.CLOSED, Gate.CLOSED))["db-1.yaml"]
    assert 'data-dir: "/var/lib/etcd/db-1"' in text
    assert 'wal-dir: "/var/lib/etcd-wal/db-1"' in text


@pytest.mark.parametrize("members", [1, 3])
def test_a_closed_file_leads_through_the_data_and_an_open_one_does_not(members: int) -> None:
    closed = _render(two_disks(members), _layout(*[Gate.CLOSED] * members))
    assert all("/member/snap/../" in text for text in closed.values())
    assert THROUGH_DATA in closed["db-0.yaml"]
    forming = _render(two_disks(members), _layout(*[Gate.NEW] * members))
    assert not any("log-outputs" in text for text in forming.values())


def test_a_joiner_starts_on_two_empty_disks() -> None:
    files = _render(two_disks(), _layout(Gate.CLOSED, Gate.JOIN))
    assert "log-outputs" not in files["db-1.yaml"]
    assert "log-outputs" in files["db-0.yaml"]


def test_who_is_forced_to_be_alone_needs_both_disks_too() -> None:
    recovery = Recovery(0, 1, 1, "x/1", Stage.FORCE)
    files = _render(two_disks(), _layout(Gate.CLOSED, recovery=recovery))
    assert THROUGH_DATA in files["db-0-forced.yaml"]


def test_files_that_are_kept_without_a_quorum_stay_as_they_are() -> None:
    layout = _layout(Gate.CLOSED, Gate.JOIN, Gate.CLOSED)
    files = _render(two_disks(), layout)
    assert render_kept_configs(two_disks().spec, NAMING, files) == files
    # A closed file stays one also where the URLs of members are others by now.
    elsewhere = replace(NAMING, domain="elsewhere.local")
    kept = render_kept_configs(two_disks().spec, elsewhere, files)
    assert ["log-outputs" in kept[f"db-{o}.yaml"] for o in range(3)] == [True, False, True]
