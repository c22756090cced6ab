"""The keys of a running etcd cluster are mirrored under a recorded load, and cut over."""

from __future__ import annotations

import json
import re

import pytest

from deploy.target import Target
from etcd_operator.core.mirror.progress import PROGRESS_KEY
from etcd_operator.json_types import Json
from tests.chaos.history import judge
from tests.chaos.load import Load
from tests.e2e.bitnami_etcd import BitnamiEtcd, PasswordDoor
from tests.e2e.foreign_etcd import VERSION
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.histories import keep_history
from tests.e2e.secured import SecuredCluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def read_pairs(said: str) -> dict[str, str]:
    """Keys and values of an answer of etcdctl, as JSON has them."""
    return {kv["key"]: kv.get("value", "") for kv in json.loads(said).get("kvs") or ()}


def find_view(cluster: Cluster) -> Json:
    """How far the mirror says that it is."""
    found: Json = cluster.status().get("mirror") or {}
    return found


def test_a_mirror_loses_nothing_and_is_cut_over_when_nobody_writes(
    target: Target, namespace: str
) -> None:
    old = BitnamiEtcd(target, namespace, 1, VERSION)
    new = SecuredCluster(target, namespace)
    old.create()
    lease = json.loads(old.etcdctl("lease", "grant", "3600", "--write-out=json"))["ID"]
    old.etcdctl("put", "leased", "left out", f"--lease={lease:x}")
    load = Load(PasswordDoor(new), seed=1)
    load.start()
    try:
        source = {"endpoints": ["http://clients:2379"], "passwordSecret": "old-root"}
        new.create(
            size=1,
            version="v3.6.16",
            security={"tls": {}},
            bootstrap={"mirror": {"source": source}},
        )
        asked = new.wait_reason("Progressing", "MirrorAwaitsCutOver", 120)
        command = re.search(r"`kubectl (annotate [^`]*)`", asked)
        assert command, asked
        new.kubectl(*command[1].split())
        new.wait_reason("Progressing", "MirrorSourceWritten", 60)
    finally:
        history = load.finish()
    wait_until("the mirror is cut over", lambda: find_view(new).get("phase") == "CutOver")
    new.wait_running(1)

    keep_history(new.namespace, history)
    assert judge(history) == []
    assert len([o for o in history.operations if o.wrote]) > 50
    new.start_client("v3.6.16")
    every = ("get", "", "--prefix", "--write-out=json")
    wanted, found = read_pairs(old.etcdctl(*every)), read_pairs(new.etcdctl(*every))
    assert len(wanted) == len(found) + 1
    assert found.items() < wanted.items()
    assert not read_pairs(new.etcdctl("get", PROGRESS_KEY.decode(), "--write-out=json"))
    view = find_view(new)
    assert (view["keys"], view["leasedKeys"], view["lag"]) == (len(found), 1, 0)
    assert not new.read("get", "jobs")["items"], "nothing is copied any more"
    assert [event["type"] for event in new.events("MirrorEnded")] == ["Normal"]
