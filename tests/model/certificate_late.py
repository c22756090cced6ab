"""The second operator: what it comes to know, and its passes, each decided on what it knows.

Between any two of its actions, and of its looks, anything may happen, and it may end at any time.
"""

from __future__ import annotations

from collections.abc import Iterator

from etcd_operator.core.actions import Action, ApplyObject, CertificateAction
from tests.fakes.certificates.api_server import Lapse, secret_of
from tests.model.certificate_world import (
    NOTHING,
    Late,
    Secrets,
    Stage,
    World,
    trust_of,
    with_members,
    without_late,
)


def go_on(stage: Stage, world: World) -> Iterator[World]:
    """What the second operator may do next."""
    late = world.late
    if late is None:
        return
    yield without_late(world)
    if late.steps.actions:
        yield _act(stage, world, late)
    elif late.passes:
        yield from _look(stage, world, late)
        yield from _begin(stage, world, late)


def _look(stage: Stage, world: World, late: Late) -> Iterator[World]:
    """It hears of one of the things, as that is now."""
    for secrets in _read(stage, world.secrets, late.secrets):
        if secrets is not late.secrets:
            edition = trust_of(late.gate)
            yield world._replace(late=late._replace(secrets=secrets, revision_key=edition))
    if late.gate is not world.gate:
        yield world._replace(late=late._replace(gate=world.gate))
    if late.statefulset is not world.statefulset:
        yield world._replace(late=late._replace(statefulset=world.statefulset))
    if any(one.seen != one.announced for one in world.members):
        yield with_members(world, [one._replace(seen=one.announced) for one in world.members])


def _read(stage: Stage, live: Secrets, known: Secrets) -> Iterator[Secrets]:
    """The Secrets as they are; or the authorities are, and what they signed was read before."""
    yield live
    yield _mix(stage, known, live)
    if stage.lapse is Lapse.ORDER:
        yield _mix(stage, live, known)


def _mix(stage: Stage, leaves: Secrets, authorities: Secrets) -> Secrets:
    signing = {name for name in stage.used if name.endswith("-ca")}
    mixed = {name: one for name, one in leaves.by_name.items() if name not in signing}
    mixed |= {name: one for name, one in authorities.by_name.items() if name in signing}
    return stage.hold(mixed)


def _begin(stage: Stage, world: World, late: Late) -> Iterator[World]:
    """A pass; it reads the Secrets again where one is missing or the gate tells of others."""
    edition = trust_of(late.gate)
    told = edition != late.revision_key and stage.lapse is not Lapse.EDITION
    if told or any(name not in late.secrets.by_name for name in stage.used):
        late = late._replace(secrets=world.secrets, revision_key=edition)
    steps = stage.plan(
        late.secrets,
        late.gate,
        late.statefulset,
        tuple(one.seen for one in world.members),
        tuple(one.shown for one in world.members),
    )
    if steps.actions:
        yield world._replace(late=late._replace(steps=steps, passes=late.passes - 1))


def _act(stage: Stage, world: World, late: Late) -> World:
    """Its next action, with what it knows afterwards; refused, it ends the pass and looks again."""
    action, *rest = late.steps.actions
    after = stage.take(world, action)
    steps = stage.hold_steps(tuple(rest)) if after else NOTHING
    after = after or world
    late = _learn(stage, after, late, action, done=after is not world)._replace(steps=steps)
    if late.passes or steps.actions:
        return after._replace(late=late)
    return without_late(after)


def _learn(stage: Stage, world: World, late: Late, action: Action, *, done: bool) -> Late:
    if isinstance(action, ApplyObject):
        if action.kind == "ConfigMap":
            return late._replace(gate=world.gate)
        return late._replace(statefulset=world.statefulset)
    assert isinstance(action, CertificateAction)
    if not done:
        return late._replace(secrets=world.secrets, revision_key=trust_of(late.gate))
    name = secret_of(action)
    known = {**late.secrets.by_name, name: world.secrets.by_name[name]}
    return late._replace(secrets=stage.hold(known))
