"""Passes over a small world of certificates: the objects that were applied, and each plan once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Generic, Protocol, Self, TypeVar

from etcd_operator.core import guards
from etcd_operator.core.actions import Action, ApplyObject, CertificateAction, DeleteObject
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.naming import ANNOTATION_FINGERPRINT
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan


class Turning(Protocol):
    """A state of a world, in which somebody may change their mind a number of times."""

    @property
    def turns(self) -> int:
        """How often that still is."""

    def _replace(self, *, turns: int) -> Self:
        """The same with another number."""


W = TypeVar("W", bound=Turning)


class CertificatePasses(Generic[W]):
    """How a world goes on: subclasses say what a pass sees, and what may follow.

    Only where somebody else has acted before (`tempted`), a pass may end at a guard.
    """

    def __init__(self, *, issued: bool, tempted: bool = False) -> None:
        self.objects: dict[str, Child] = {}
        self._plans: dict[W, tuple[Action, ...]] = {}
        self.issued = issued
        self.tempted = tempted

    def look(self, world: W) -> Snapshot:
        """What a pass sees."""
        raise NotImplementedError

    def follow(self, world: W) -> Iterator[W]:
        """Everything that may happen next."""
        raise NotImplementedError

    def come_to_rest(self, world: W) -> W:
        """The world after everything has happened that will."""
        quiet = world._replace(turns=0)
        for _ in range(200):
            following = next((one for one in self.follow(quiet) if one != quiet), None)
            if following is None:
                return quiet._replace(turns=world.turns)
            quiet = following
        raise AssertionError("it never comes to rest")

    def keep(self, child: Child | None) -> str:
        """The fingerprint of an object, by which it is found again."""
        assert child is not None
        key = child.annotations[ANNOTATION_FINGERPRINT]
        self.objects.setdefault(key, replace(child, resource_version="1"))
        return key

    def plan(self, world: W) -> tuple[Action, ...]:
        """The actions of a pass about certificates; guards have nothing against any of them."""
        world = world._replace(turns=0)
        if world not in self._plans:
            found = []
            made = plan(self.look(world))
            for action in made.actions:
                deletes = isinstance(action, DeleteObject) and action.kind == "Certificate"
                if not (deletes or isinstance(action, CertificateAction | ApplyObject)):
                    break
                refused = guards.refuse(action, made.snapshot)
                assert self.tempted or refused is None, f"{made.rule}: {action}: {refused}"
                if refused is not None:
                    break
                found.append(action)
            self._plans[world] = tuple(found)
        return self._plans[world]
