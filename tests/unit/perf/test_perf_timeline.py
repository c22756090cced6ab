"""A timeline notes each thing when it is first seen, and only what the step brought about."""

from __future__ import annotations

from etcd_operator.core.model.members import Member
from etcd_operator.json_types import Json
from tests.perf.samples import REACTION
from tests.perf.timeline import Timeline


def pod(name: str, uid: str, *, node: str = "", runs: bool = False, ready: bool = False) -> Json:
    """A Pod as the API server has it."""
    state: Json = {"running": {"startedAt": "now"}} if runs else {"waiting": {}}
    return {
        "metadata": {"name": name, "uid": uid},
        "spec": {"nodeName": node},
        "status": {
            "containerStatuses": [{"state": state}],
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }


def member(ordinal: int, *, started: bool = True, learner: bool = False) -> Member:
    """A line of the member list."""
    urls = ("http://client",) if started else ()
    return Member(ordinal, "", (f"http://c-{ordinal}.c-peer.team.svc:2380",), urls, learner)


def test_a_new_pod_is_followed_until_it_is_ready() -> None:
    timeline = Timeline(10.0, {})
    timeline.see_pod(pod("c-3", "new"), 11.0)
    timeline.see_pod(pod("c-3", "new", node="n"), 12.0)
    timeline.see_pod(pod("c-3", "new", node="n", runs=True), 13.0)
    timeline.see_pod(pod("c-3", "new", node="n", runs=True, ready=True), 14.0)
    assert timeline.finish("") == {
        "c-3 Pod created": 1.0,
        "c-3 scheduled": 2.0,
        "c-3 container runs": 3.0,
        "c-3 Ready": 4.0,
    }


def test_a_pod_of_before_is_noted_only_when_it_goes() -> None:
    timeline = Timeline(0.0, {"old": "c-3"})
    before = pod("c-3", "old", node="n", runs=True, ready=True)
    timeline.see_pod(before, 1.0)
    before["metadata"]["deletionTimestamp"] = "now"
    timeline.see_pod(before, 2.0)
    before["status"]["conditions"] = []
    timeline.see_pod(before, 3.0)
    timeline.lose_pod(before, 4.0)
    timeline.lose_pod(pod("c-4", "another"), 5.0)
    assert timeline.finish("") == {
        "c-3 told to stop": 2.0,
        "c-3 stopped": 3.0,
        "c-3 Pod gone": 4.0,
    }


def test_changes_of_the_member_list() -> None:
    timeline = Timeline(0.0, {}, [member(0), member(1)])
    timeline.see_members([member(0), member(1)], 1.0)
    timeline.see_members([member(0), member(2, started=False, learner=True)], 2.0)
    timeline.see_members([member(0), member(2, learner=True)], 3.0)
    timeline.see_members([member(0), member(2)], 4.0)
    assert timeline.finish("") == {
        "c-1 removed from etcd": 2.0,
        "c-2 announced as learner": 2.0,
        "c-2 learner serves": 3.0,
        "c-2 votes": 4.0,
    }


def test_the_first_write_is_not_the_request_itself() -> None:
    timeline = Timeline(0.0, {})
    timeline.see_cluster({"metadata": {"resourceVersion": "7"}}, 1.0)
    timeline.see_cluster({"metadata": {"resourceVersion": "8"}}, 2.0)
    assert timeline.finish("7") == {REACTION: 2.0}


def test_the_first_write_may_be_one_to_etcd() -> None:
    timeline = Timeline(0.0, {})
    timeline.see_members([member(0, started=False, learner=True)], 1.0)
    timeline.see_cluster({"metadata": {"resourceVersion": "8"}}, 2.0)
    assert timeline.finish("7")[REACTION] == 1.0
