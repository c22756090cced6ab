"""Settles which of several operators serves an EtcdCluster, and says so where it is another."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import structlog

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.core.lifecycle.serving_operator import (
    ANSWER_WITHIN,
    ASK_AGAIN_AFTER,
    Serving,
    find_serving_namespace,
    judge_serving,
)
from etcd_operator.core.reasons import events
from etcd_operator.errors import Conflict, Forbidden, Invalid, NotFound
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.kubernetes.events import EventRecorder, Regarding
from etcd_operator.runtime.process.clock import Clock
from etcd_operator.runtime.process.latest import Latest

log = structlog.get_logger("operators")

REMEMBERED: Final = 10_000


class ServingOperators:
    """Which operator serves each cluster, as the one in the namespace `own` settles it."""

    def __init__(
        self, api: KubeApi, caches: Caches, events: EventRecorder, clock: Clock, own: str
    ) -> None:
        self._api = api
        self._caches = caches
        self._events = events
        self._clock = clock
        self._own = own
        # By uid: when this process asked, and whom it has named.
        self._asked: Latest[str, datetime] = Latest(REMEMBERED)
        self._told: Latest[str, str] = Latest(REMEMBERED)
        # By uid: when a write was refused, and since when nobody is named any more.
        self._refused: Latest[str, datetime] = Latest(REMEMBERED)
        self._unnamed: Latest[str, datetime] = Latest(REMEMBERED)

    async def settle(self, cluster: EtcdCluster) -> EtcdCluster | None:
        """Return the EtcdCluster to serve, as it is now; None if another operator serves it."""
        if self._waits_for_another(cluster):
            return None
        serving = judge_serving(cluster, self._own, self._clock.now(), self._asked.get(cluster.uid))
        writes = serving.annotations and not self._was_refused(cluster)
        if writes and not await self._write(cluster, serving):
            return None
        if not serving.serves:
            self._tell(cluster, serving)
            return None
        self._told.pop(cluster.uid, None)
        return self._caches.clusters.get(cluster.namespace, cluster.name) or cluster

    def _waits_for_another(self, cluster: EtcdCluster) -> bool:
        """Whether another has served it until somebody took its annotation away: it comes again.

        Who replaces an EtcdCluster by what a repository has does so each time, and must not hand it
        from one operator to the other.
        """
        if find_serving_namespace(cluster) or cluster.uid not in self._told:
            self._unnamed.pop(cluster.uid, None)
            return False
        now = self._clock.now()
        if cluster.uid not in self._unnamed:
            self._unnamed[cluster.uid] = now
        return now - self._unnamed[cluster.uid] < ANSWER_WITHIN

    def _was_refused(self, cluster: EtcdCluster) -> bool:
        refused = self._refused.get(cluster.uid)
        return refused is not None and self._clock.now() - refused < ASK_AGAIN_AFTER

    async def _write(self, cluster: EtcdCluster, serving: Serving) -> bool:
        """Write onto the very object that was looked at: of two operators one comes too late."""
        if serving.asks:
            self._asked[cluster.uid] = self._clock.now()
        metadata = {
            "uid": cluster.uid,
            "resourceVersion": cluster.resource_version,
            "annotations": dict(serving.annotations),
        }
        try:
            answer = await self._api.merge_patch(
                kube.CLUSTERS, cluster.namespace, cluster.name, {"metadata": metadata}
            )
        except (Conflict, NotFound):
            return False  # it changed or went meanwhile, and the watch is about to tell
        except (Invalid, Forbidden) as error:
            # A policy against it: whoever served, or nobody, goes on as if alone.
            self._refused[cluster.uid] = self._clock.now()
            name = f"{cluster.namespace}/{cluster.name}"
            log.warning("annotations refused", cluster=name, error=str(error)[:200])
            return True
        self._caches.observe(kube.CLUSTERS.name, answer)
        return True

    def _tell(self, cluster: EtcdCluster, serving: Serving) -> None:
        if self._told.get(cluster.uid) == serving.namespace:
            return
        self._told[cluster.uid] = serving.namespace
        sentence = (
            f"The operator in namespace {serving.namespace} serves EtcdCluster {cluster.name}; "
            f"the one in namespace {self._own} leaves it alone. Uninstall one of them, or let "
            "them watch different namespaces."
        )
        log.warning(sentence, cluster=f"{cluster.namespace}/{cluster.name}")
        regarding = Regarding(cluster.namespace, cluster.name, cluster.uid)
        self._events.record(regarding, "Warning", events.SERVED_BY_ANOTHER.name, sentence)
