"""A mirror as a pass sees it: its Jobs, and the progress that is in etcd."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from etcd_operator.core.mirror.progress import Progress


@dataclass(frozen=True, slots=True)
class MirrorJob:
    """A Job of the mirror that the EtcdCluster controls.

    `failure` is the sentence of a Pod that failed, and `problem` what keeps one from running.
    """

    name: str
    uid: str
    state: Literal["running", "succeeded", "failed"]
    deleting: bool = False
    finished: datetime | None = None
    failure: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class MirrorState:
    """The Jobs, and the progress without its cursor, for that is a key of somebody.

    `asked`: a member answered. Then without `progress` there is none.
    """

    jobs: tuple[MirrorJob, ...] = ()
    progress: Progress | None = None
    asked: bool = False
