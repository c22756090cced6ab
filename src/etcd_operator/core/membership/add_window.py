"""Window in which etcd refuses changes of its members, and when it ends.

etcd changes its members only while the member that is asked has been connected to every voter for
five seconds (`HealthInterval` in etcd's server.go). A voter connects when its process starts.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from etcd_operator.core.model.decision import ADD_WINDOW
from etcd_operator.core.model.snapshot import Snapshot

HEALTH_INTERVAL: Final = timedelta(seconds=5)


def find_pause(snapshot: Snapshot) -> float:
    """Return after how many seconds a change that etcd refuses now is worth another attempt.

    Kubernetes tells the second in which a process started, rounded down: so the attempt comes up to
    a second too early, and is made again at the pace of `ADD_WINDOW`. The clock of the node may be
    another one: never more than etcd's own interval.
    """
    voters = (s.pod for s in snapshot.seats() if s.pod and s.member and not s.member.is_learner)
    started = max((pod.started for pod in voters if pod.started), default=None)
    if started is None:
        return ADD_WINDOW
    left = min(started + HEALTH_INTERVAL - snapshot.now, HEALTH_INTERVAL)
    return max(left.total_seconds(), ADD_WINDOW)
