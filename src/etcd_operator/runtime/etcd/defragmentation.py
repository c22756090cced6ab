"""Defragmentations that are under way: of each cluster at most one, whatever becomes of the pass.

etcd goes on with one whose call was cut off, and tells nobody. A second member that began meanwhile
would stand still beside the first. So the call is not bound to the pass that makes it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from etcd_operator.errors import EtcdError, EtcdUnreachable
from etcd_operator.runtime.etcd.client import EtcdMemberClient

log = structlog.get_logger("defragmentation")

# A pass waits so long; the next one goes on waiting, and sees to the other members meanwhile.
WAIT_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Outstanding:
    """One that was begun, and whose end is not known yet."""

    member: str
    task: asyncio.Task[None]


class Defragmenter:
    """Begins defragmentations, one at a time of each cluster."""

    def __init__(self) -> None:
        self._outstanding: dict[str, Outstanding] = {}

    async def defragment(self, uid: str, member: str, client: EtcdMemberClient) -> None:
        """Defragment a member of the cluster with this uid, or wait on for the same one.

        Raises EtcdUnreachable while it, or another member's, is still under way.
        """
        known = self._outstanding.get(uid)
        if known is None:
            task = asyncio.create_task(client.defragment())
            known = self._outstanding[uid] = Outstanding(member, task)
            task.add_done_callback(lambda _: self._end(uid))
        elif known.member != member:
            raise EtcdUnreachable(f"{known.member} is still being defragmented")
        # Also if this pass is cancelled the call goes on: `wait` ends nothing.
        await asyncio.wait({known.task}, timeout=WAIT_SECONDS)
        if not known.task.done():
            raise EtcdUnreachable(f"{known.member} is still being defragmented")
        known.task.result()

    def _end(self, uid: str) -> None:
        task = self._outstanding.pop(uid).task
        error = None if task.cancelled() else task.exception()
        if isinstance(error, EtcdError):
            log.info("defragmentation failed", uid=uid, error=str(error)[:300])

    async def close(self) -> None:
        """Stop waiting for any: the process ends."""
        tasks = [each.task for each in self._outstanding.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
