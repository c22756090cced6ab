"""What stays on a small screen, and what is said of the rest."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from etcd_operator.json_types import Json
from etcd_operator.plugin.fitting import fit
from etcd_operator.plugin.screens import render_cluster, render_clusters
from etcd_operator.runtime.kubernetes.api import BACKUPS, EVENTS
from tests.builders.exhaustive import exhaustive
from tests.builders.plugin import Terminal
from tests.fakes.user_api import NAMESPACE, put_cluster, put_pods


def draw(view: Any, height: int, width: int = 100) -> list[str]:
    """The lines of a screen of this size."""
    screen = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    render = render_clusters if isinstance(view, list) else render_cluster
    with screen.capture() as capture:
        screen.print(fit(view, render, screen))
    return capture.get().rstrip("\n").split("\n")


@pytest.fixture
def view() -> Json:
    """A cluster with long lists: three members, five certificates, four backups, eight Events."""
    terminal = Terminal()
    ends = [{"secret": f"s{n}", "notAfter": f"203{n}-01-01T00:00:00Z"} for n in range(5)]
    body = put_cluster(terminal.server, certificates=ends)
    assert body
    put_pods(terminal.server)
    for number in range(8):
        about = {"involvedObject": {"kind": "EtcdCluster", "name": "db"}, "reason": f"E{number}"}
        times = {"lastTimestamp": f"2026-01-01T00:00:0{number}Z"}
        terminal.server.put(EVENTS, f"e{number}", {**about, **times}, NAMESPACE)
    for name, phase in (("a", "Completed"), ("b", "Completed"), ("c", "Failed"), ("d", "Running")):
        backup = {"spec": {"clusterName": "db"}, "status": {"phase": phase}}
        terminal.server.put(BACKUPS, name, backup, NAMESPACE)
    found: Json = terminal.type("status", "db", "-o", "json").view
    return found


def test_a_large_screen_shows_everything(view: Json) -> None:
    lines = draw(view, 80)
    assert not [line for line in lines if "more" in line or "small screen" in line]
    assert any("E0" in line for line in lines)


@pytest.mark.parametrize("height", [12, 30, *exhaustive(16, 20, 24)])
def test_a_small_screen_is_filled_and_not_passed(view: Json, height: int) -> None:
    lines = draw(view, height)
    assert height - 4 <= len(lines) <= height
    assert any("Healthy" in line for line in lines)
    assert sum(line.startswith("db-") for line in lines) == 3, "members go last"


def test_the_latest_events_and_the_failed_backups_stay(view: Json) -> None:
    text = "\n".join(draw(view, 30))
    assert "E7" in text
    assert "E0" not in text
    assert "… and " in text
    small = "\n".join(draw(view, 14))
    assert "Not on this small screen: " in small
    assert "8 Events" in small
    (failed,) = [line for line in draw(view, 24) if line.startswith("c ")]
    assert "Failed" in failed


def test_a_member_that_is_not_well_is_the_last_to_go(view: Json) -> None:
    view["members"][2] |= {"ready": False, "problem": "Unschedulable"}
    lines = draw(view, 8)
    assert [line.split()[0] for line in lines if line.startswith("db-")] == ["db-2"]
    assert "… and 2 more" in lines


def test_of_many_clusters_the_worst_stay(view: Json) -> None:
    terminal = Terminal()
    for number in range(40):
        put_cluster(terminal.server, f"c{number:02}", phase="Failed" if number == 39 else "Running")
    rows = terminal.type("status", "-o", "json").view
    lines = draw(rows, 12)
    assert len(lines) == 12
    assert "c39" in lines[1]
    assert lines[-1] == "… and 30 more"
    assert len(draw(rows, 60)) == 41
