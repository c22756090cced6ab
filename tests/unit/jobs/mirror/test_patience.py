# ruff: noqa: ARG002 (an implementation of a protocol has all its arguments)
"""How long a mirror tries again by itself, and what it says when that does not help."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from etcd_operator.errors import EtcdError, EtcdRefused, EtcdUnreachable, Refusal, TaskError
from etcd_operator.jobs.mirror import mirror as module
from etcd_operator.jobs.mirror.mirror import Mirror
from etcd_operator.jobs.mirror.source import Source
from etcd_operator.jobs.mirror.target import Target

SILENT = EtcdUnreachable("old:2379: Deadline Exceeded")
STRANGER = EtcdRefused("old:2379: invalid user ID or password", Refusal.AUTHENTICATION)
FULL = EtcdRefused("db:2379: mvcc: database space exceeded")


class Refusing:
    """A source and a target at once, of which nothing is to be had."""

    def __init__(self, error: EtcdError) -> None:
        self.error = error
        self.turns = 0

    async def load(self) -> None:
        """No progress."""

    async def look(self, cluster: int = 0) -> tuple[int, int]:
        """The error."""
        raise self.error

    async def turn(self) -> None:
        """To the next endpoint."""
        self.turns += 1


def mirror(place: Refusing) -> Mirror:
    """The mirror of it."""
    source, target = cast(Source, place), cast(Target, place)
    return Mirror(source, target, leases=False, cut_over=False, scope="")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (SILENT, "No answer for 0 s: old:2379: Deadline Exceeded."),
        (STRANGER, "invalid user ID or password. Correct user and password"),
        (FULL, "etcd refuses it: db:2379: mvcc: database space exceeded."),
    ],
)
async def test_what_lasts_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, error: EtcdError, words: str
) -> None:
    for name in ("PATIENCE_SECONDS", "REFUSED_SECONDS"):
        monkeypatch.setattr(module, name, 0.0)
    with pytest.raises(TaskError) as failed:
        await mirror(Refusing(error)).run()
    assert words in str(failed.value)


@pytest.mark.looptime
@pytest.mark.parametrize("error", [SILENT, STRANGER])
async def test_what_may_pass_is_tried_at_every_endpoint(error: EtcdError) -> None:
    place = Refusing(error)
    running = asyncio.create_task(mirror(place).run())
    await asyncio.sleep(30)
    assert not running.done(), "by the clock of the process no time has gone by"
    assert place.turns > 5
    running.cancel()
