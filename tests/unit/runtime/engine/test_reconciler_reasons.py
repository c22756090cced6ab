"""What a pass tells of those who refuse: etcd, Kubernetes, and whoever does not answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.core.actions import PromoteMember
from etcd_operator.core.model.live_objects import ObjectWarning, PodProblem
from etcd_operator.errors import (
    Conflict,
    EtcdRefused,
    EtcdUnreachable,
    KubeUnavailable,
    OperatorError,
    Refusal,
)
from tests.builders.snapshots import formed, silent, with_spec, without_pods
from tests.harnesses.reconciler import ReconcilerHarness, promotable

pytestmark = pytest.mark.looptime


async def test_a_refusal_for_want_of_a_user_is_said_with_the_remedy() -> None:
    """Earlier patches of 3.5 and 3.6 tell everybody of members, and let nobody add one."""
    harness = ReconcilerHarness(promotable())
    refused = EtcdRefused("10.0.0.1: etcdserver: user name is empty", Refusal.AUTHENTICATION)
    harness.errors[PromoteMember] = refused
    await harness.make_pass()
    assert harness.shown()["Degraded"] == "AuthenticationRequired"
    message = harness.written[-1]["status"]["message"]
    assert "user name is empty" in message
    assert "etcdctl auth disable" in message
    assert harness.told == [("Warning", "AuthenticationRequired", message)]


async def test_any_other_refusal_of_etcd_is_said_in_its_words() -> None:
    harness = ReconcilerHarness(promotable())
    harness.errors[PromoteMember] = EtcdRefused("etcdserver: something else")
    await harness.make_pass()
    assert harness.shown()["Degraded"] == "RefusedByEtcd"
    assert "etcdserver: something else" in harness.written[-1]["status"]["message"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (EtcdUnreachable("10.0.0.1: Deadline Exceeded"), True),
        (KubeUnavailable("connection lost"), True),
        (KubeUnavailable("timeout", 504), True),
        (KubeUnavailable("503", 503), False),
        (Conflict("it has changed", 409), False),
        (EtcdRefused("not in sync", Refusal.LEARNER_NOT_READY), False),
    ],
)
async def test_an_effect_without_an_answer_is_an_event(error: OperatorError, told: bool) -> None:
    """Whether it happened nobody knows: whoever looks for it later finds that it may have."""
    harness = ReconcilerHarness(promotable())
    harness.errors[PromoteMember] = error
    await harness.make_pass()
    events = [message for _, reason, message in harness.told if reason == "NoAnswer"]
    assert bool(events) == told
    if told:
        assert events[0].startswith("There was no answer to this, so it may have happened: ")
        assert str(error) in events[0]


async def test_what_kubernetes_warns_of_is_an_event() -> None:
    warned = ObjectWarning("Pod db-2", 2, PodProblem("FailedCreate", "exceeded quota"))
    harness = ReconcilerHarness(replace(without_pods(silent(formed(3), 2), 2), warnings=(warned,)))
    await harness.make_pass()
    text = "Pod db-2: FailedCreate: exceeded quota"
    assert ("Warning", "FailedCreate", text) in harness.told


async def test_a_warning_about_the_spec_is_said_once() -> None:
    harness = ReconcilerHarness(with_spec(formed(3), storage={"size": "1Gi"}))
    for _ in range(3):
        await harness.make_pass()
    assert [t[1] for t in harness.told if t[0] == "Warning"] == ["QuotaExceedsDisk"]
