"""`kubectl etcd plan`, `record` and `replay`, as a person types them, against the operator.

What is previewed is what the operator then does: see `previews` for what may be another.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.target import PROJECT
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.previews import held, previewed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def type_verb(cluster: Cluster, *words: str, code: int = 0) -> str:
    """Run the plugin as a user does, and return what it printed."""
    program = Path(cluster.target.kubectl[0]).parent
    environment = {
        **os.environ,
        "PATH": f"{program}:{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT / "src"),
        "KUBECONFIG": cluster.target.kubeconfig or os.environ.get("KUBECONFIG", ""),
    }
    done = subprocess.run(
        [sys.executable, "-m", "etcd_operator.plugin", *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_what_is_previewed_is_what_is_done(cluster: Cluster, tmp_path: Path) -> None:
    cluster.spec = {"size": 1, "version": "3.5.35"}
    manifest = tmp_path / "c.json"
    manifest.write_text(json.dumps(cluster.manifest()))
    with previewed(cluster, manifest=manifest) as created:
        cluster.create()
        cluster.wait_running(1)
    with previewed(cluster, "size=3") as grown:
        cluster.patch(size=3)
        cluster.wait_running(3)
    with previewed(cluster, "version=3.6.16") as upgraded:
        cluster.patch(version="3.6.16")
        cluster.wait_running(3)
    with previewed(cluster, replaced=(f"{cluster.name}-1",)) as replaced:
        first = cluster.uids("pods")[f"{cluster.name}-1"]
        cluster.kubectl("annotate", "pod", f"{cluster.name}-1", "etcd.etcd.io/replace-member=true")
        wait_until("another Pod", lambda: cluster.uids("pods")[f"{cluster.name}-1"] != first)
        cluster.wait_running(3)
    with previewed(cluster, "size=0") as stopped:
        cluster.patch(size=0)
        cluster.wait_phase("Stopped")
    with previewed(cluster, "size=3") as started:
        cluster.patch(size=3)
        cluster.wait_running(3)
    with previewed(cluster, "size=1") as shrunk:
        cluster.patch(size=1)
        cluster.wait_running(1)
    with held(cluster), previewed(cluster, deleted=True) as deleted:
        cluster.delete(wait=False)
    stories = {"create": created, "grow": grown, "upgrade": upgraded, "replace": replaced,
               "stop": stopped, "start": started, "shrink": shrunk, "delete": deleted}  # fmt: skip
    joins_again = {"replace": (f"{cluster.name}-1",)}
    found = {
        name: story.differences(rejoining=joins_again.get(name, ()))
        for name, story in stories.items()
    }
    print(json.dumps(found, indent=1))
    assert not any(found.values())
    assert upgraded.expected.restarts == tuple(f"{cluster.name}-{o}" for o in (2, 1, 0))


def test_plan_record_and_replay_as_typed(cluster: Cluster, tmp_path: Path) -> None:
    place = f"--namespace={cluster.namespace}"
    cluster.create(size=1)
    cluster.wait_running(1)
    name = cluster.name
    assert "Nothing would be done." in type_verb(cluster, "plan", name, place)
    refused = type_verb(cluster, "plan", name, "--set", "spec.size=2", place, code=9)
    assert "spec.size 2 is not possible" in refused
    gone = json.loads(type_verb(cluster, "plan", name, "--delete", "-o", "json", place))
    assert (gone["ends"], gone["disksThatGo"]) == ("gone", [f"data-{name}-0"])
    assert "the operator saw them" in gone["assumptions"][0]
    file = tmp_path / "passes.json"
    assert "passes over" in type_verb(cluster, "record", name, "--to", str(file), place)
    assert "decides alike" in type_verb(cluster, "replay", str(file))
    offline = json.loads(type_verb(cluster, "plan", "--from", str(file), "--set", "size=3",
                                   "-o", "json"))  # fmt: skip
    assert offline["ends"] == "settled"
    assert [s["step"] for s in offline["steps"] if s["action"] == "AddLearner"]
    document = json.loads(file.read_text())
    document["passes"][-1]["rule"] = "shrink"
    file.write_text(json.dumps(document))
    assert "its rule" in type_verb(cluster, "replay", str(file), code=1)
