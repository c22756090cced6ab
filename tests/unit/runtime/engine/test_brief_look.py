"""Brief looks: what is compared, who is asked, and that all else is left to a whole look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.unchanged import UNCHANGED_FOR
from tests.builders.snapshots import NAMING, member_id, raw_cluster
from tests.fakes.etcd import FakeMember
from tests.harnesses.gather import GathererHarness, labelled, pod, says

pytestmark = pytest.mark.looptime


class BriefLook:
    """A cluster of three that was looked at as a whole, and is looked at again."""

    def __init__(self) -> None:
        self.harness = GathererHarness()
        self.members: list[FakeMember] = [self.harness.add(o, says(o)) for o in range(3)]
        self.harness.show(labelled("Service", NAMING.client_service))
        self.harness.show(labelled("PersistentVolumeClaim", NAMING.claim(0)))

    async def look_as_a_whole(self) -> Snapshot:
        snapshot = await self.harness.gather()
        for member in self.members:
            member.asked.clear()
        return snapshot

    @property
    def asked(self) -> list[list[str]]:
        return [member.asked for member in self.members]

    async def is_unchanged(self, before: Snapshot) -> bool:
        moment = await self.harness.gatherer.look_briefly(self.harness.cluster, before)
        return moment is not None


async def test_every_member_is_asked_for_its_status_and_nobody_for_more() -> None:
    brief = BriefLook()
    before = await brief.look_as_a_whole()
    for member in brief.members:
        assert member.says is not None
        member.says = replace(member.says, revision=900, raft_index=901, raft_applied_index=901)
    assert await brief.is_unchanged(before)
    assert brief.asked == [["status"]] * 3


def lead_elsewhere(brief: BriefLook) -> None:
    for ordinal, member in enumerate(brief.members):
        member.says = says(ordinal, leader=member_id(2), raft_term=8)


def hang(brief: BriefLook) -> None:
    brief.members[1].says = None


def raise_alarm(brief: BriefLook) -> None:
    brief.members[0].says = says(0, errors=("alarm:NOSPACE memberID:1 ",))


@pytest.mark.parametrize("change", [lead_elsewhere, hang, raise_alarm])
async def test_another_answer_is_a_change(change: Callable[[BriefLook], None]) -> None:
    brief = BriefLook()
    before = await brief.look_as_a_whole()
    change(brief)
    assert not await brief.is_unchanged(before)


def edit_the_spec(brief: BriefLook) -> None:
    brief.harness.cluster = parse_cluster(raw_cluster({"size": 5}))


def replace_a_pod(brief: BriefLook) -> None:
    raw = pod(1, running=False)
    raw["metadata"]["resourceVersion"] = "6"
    brief.harness.show(raw)


def lose_a_pod(brief: BriefLook) -> None:
    brief.harness.caches.pods.observe_deleted(NAMING.namespace, NAMING.member(2), "u1")


def edit_an_object(brief: BriefLook) -> None:
    raw = labelled("Service", NAMING.client_service)
    raw["metadata"]["resourceVersion"] = "6"
    raw["spec"] = {"clusterIP": "10.0.0.1"}
    brief.harness.show(raw)


def add_an_object(brief: BriefLook) -> None:
    brief.harness.show(labelled("ConfigMap", NAMING.config_map))


def lose_a_disk(brief: BriefLook) -> None:
    name = NAMING.claim(0)
    brief.harness.caches.claims.observe_deleted(NAMING.namespace, name, "u1")


@pytest.mark.parametrize(
    "change",
    [edit_the_spec, replace_a_pod, lose_a_pod, edit_an_object, add_an_object, lose_a_disk],
)
async def test_where_a_watch_has_told_of_a_change_nobody_is_asked(
    change: Callable[[BriefLook], None],
) -> None:
    """A whole look follows, and asks them."""
    brief = BriefLook()
    before = await brief.look_as_a_whole()
    change(brief)
    assert not await brief.is_unchanged(before)
    assert brief.asked == [[]] * 3


async def test_a_snapshot_of_long_ago_says_nothing() -> None:
    brief = BriefLook()
    before = await brief.look_as_a_whole()
    assert await brief.is_unchanged(replace(before, now=before.now - timedelta(seconds=59)))
    assert not await brief.is_unchanged(replace(before, now=before.now - UNCHANGED_FOR))
    assert not await brief.is_unchanged(replace(before, now=before.now + timedelta(seconds=1)))
