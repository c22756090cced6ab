"""The operator disturbed at its effects, and the model's world beside the real one.

The installed operator is away meanwhile: the operators under test are processes of this tree.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from deploy.target import Target
from etcd_operator.runtime.kubernetes.client import LightkubeApi
from tests.conformance.members import SCRIPTS, ModelledMember, RealMember
from tests.conformance.objects import Case, ModelledObject, RealObject, cases
from tests.e2e.removals import Removals
from tests.injection.__main__ import judge, references
from tests.injection.boundaries import Mode
from tests.injection.session import installed_operator_away, own_namespace, tell
from tests.injection.stories import SAMPLE, build_stories
from tests.perf.session import connect

pytestmark = [pytest.mark.e2e, pytest.mark.apart, pytest.mark.timeout(600)]

AT_A_TIME = 16
# Stories mostly wait for the kubelet, or for an operator that starts again.
STORIES_AT_A_TIME = 8
SETTLE_SECONDS = 40.0


@pytest.fixture(scope="module")
def alone(target: Target, removals: Removals) -> Iterator[Target]:
    """A local cluster without the installed operator, which has removed what tests before left."""
    if not target.is_local:
        pytest.skip("only the local cluster's Pods can be reached from here")
    removals.finish()
    with installed_operator_away(target):
        yield target


def test_disturbed_at_its_boundaries(alone: Target) -> None:
    """Killed at all effects of one story, and each other mode at some of another's."""
    stories = {story.name: story for story in build_stories()}
    told = dict.fromkeys(name for name, _, _ in SAMPLE)
    runs = [*SAMPLE, *((name, Mode.NOTHING, 1.0) for name in told)]
    with ThreadPoolExecutor(STORIES_AT_A_TIME) as pool:
        work = [pool.submit(tell, alone, stories[name], m, share) for name, m, share in runs]
        outcomes = [each.result() for each in work]
    undisturbed = references(outcomes)
    for outcome in outcomes:
        judge([outcome], undisturbed, complete=outcome.mode is Mode.KILL)
        print(outcome.summary())
    assert not [f"{o.story} {o.mode}: {o.failure}" for o in outcomes if o.failure]
    assert sum(len(o.hits) for o in outcomes) > 60, "too few places to prove anything"


def test_objects_conform(alone: Target) -> None:
    """Every short case has the same answers and the same end in the model and in Kubernetes."""
    asyncio.run(_compare_objects(alone))


async def _compare_objects(alone: Target) -> None:
    every = list(cases())
    limit = asyncio.Semaphore(AT_A_TIME)
    api = connect(alone)

    async def compare(number: int, case: Case) -> str:
        async with limit:
            modelled = ModelledObject(case.kind).run(case)
            real = await RealObject(api, namespace, case.kind, f"o-{number}").run(case)
        return "" if modelled == real else f"{case}\n  model {modelled}\n  real  {real}"

    try:
        with own_namespace(alone, "conformance-objects") as namespace:
            found = await asyncio.gather(*(compare(n, case) for n, case in enumerate(every)))
    finally:
        await api.close()
    different = [line for line in found if line]
    assert not different, f"{len(different)} of {len(every)} differ:\n" + "\n".join(different[:10])
    print(f"{len(every)} cases agree")


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while not await holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("name", SCRIPTS)
def test_members_conform(members: Mapping[str, str], name: str) -> None:
    """What becomes of Pods and disks is the same in the model and in Kubernetes."""
    assert members[name] == ""


@pytest.fixture(scope="module")
def members(alone: Target) -> Mapping[str, str]:
    """For each script what differs: all are run at once, since they mostly wait."""
    return asyncio.run(_compare_members(alone))


async def _compare_members(alone: Target) -> Mapping[str, str]:
    api = connect(alone)
    try:
        found = await asyncio.gather(*(_compare_member(alone, api, name) for name in SCRIPTS))
    finally:
        await api.close()
    return dict(zip(SCRIPTS, found, strict=True))


async def _compare_member(alone: Target, api: LightkubeApi, name: str) -> str:
    """Run a script in both worlds; returns how they differ, or nothing."""
    answers, end = ModelledMember().run(SCRIPTS[name])
    with own_namespace(alone, f"conformance-{list(SCRIPTS).index(name)}") as namespace:
        real = RealMember(api, namespace)
        await real.begin()
        await _until(real.is_ready)
        answered = [await real.request(request) for request in SCRIPTS[name]]
        deadline = time.monotonic() + SETTLE_SECONDS
        quiet = 0
        while quiet < 10 and time.monotonic() < deadline:
            seen = await real.look()
            quiet = quiet + 1 if seen == end else 0
            await asyncio.sleep(0.2)
    if (answered, seen) == (answers, end):
        return ""
    return f"modelled: {answers}, then {end}\nreal: {answered}, then {seen}"
