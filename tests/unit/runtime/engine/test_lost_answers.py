"""Answers of the API server, or of webhooks, that stay unusable: said after ten seconds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.core.actions import ApplyObject
from etcd_operator.errors import KubeUnavailable
from tests.builders.snapshots import new
from tests.harnesses.reconciler import ReconcilerHarness

WEBHOOK = 'failed calling webhook "policy.example.com": context deadline exceeded.'
REASON = "KubernetesUnavailable"


async def make_passes(harness: ReconcilerHarness, *seconds: float) -> list[str]:
    """Make a pass at each of these times; returns the reasons of Progressing, as shown then."""
    shown = []
    for at in seconds:
        harness.clock.seconds = at
        harness.snapshot = replace(harness.snapshot, now=harness.clock.now())
        await harness.make_pass()
        shown.append(harness.shown()["Progressing"])
    return shown


@pytest.mark.parametrize("status", [0, 429, 500, 503, 504])
@pytest.mark.situation(
    "told",
    "the API server, or a webhook that it asks, gives no usable answer to writes",
    "after ten seconds a condition reports it, with the message of the refusal",
)
async def test_what_lasts_is_said_in_the_words_of_who_refused(status: int) -> None:
    harness = ReconcilerHarness(new(3))
    harness.errors[ApplyObject] = KubeUnavailable(WEBHOOK, status)
    reasons = await make_passes(harness, 0, 1, 3, 7, 15, 31)
    assert REASON not in reasons[:4]
    assert reasons[4:] == [REASON, REASON]
    written = harness.written[-1]["status"]["message"]
    assert written.startswith("Kubernetes cannot take the next step (")
    assert WEBHOOK in written
    assert harness.shown()["Degraded"] == REASON
    assert ("Warning", REASON, written) in harness.told


async def test_lost_answers_among_others_are_never_said() -> None:
    harness = ReconcilerHarness(new(3))
    for at in range(0, 60, 6):
        harness.errors[ApplyObject] = KubeUnavailable(WEBHOOK, 503)
        assert REASON not in await make_passes(harness, at)
        harness.errors.clear()
        assert REASON not in await make_passes(harness, at + 3)


async def test_it_is_over_with_the_first_answer() -> None:
    harness = ReconcilerHarness(new(3))
    harness.errors[ApplyObject] = KubeUnavailable(WEBHOOK, 503)
    assert (await make_passes(harness, 0, 15))[-1] == REASON
    harness.errors.clear()
    assert REASON not in await make_passes(harness, 16)
