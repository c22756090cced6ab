"""Removal of what tests leave, while the next ones run."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from deploy.target import Target


class Removals:
    """Namespaces of tests that have ended: their EtcdClusters go first, then they do."""

    def __init__(self, target: Target, pool: ThreadPoolExecutor) -> None:
        self._target = target
        self._pool = pool
        self._begun: list[Future[None]] = []

    def begin(self, namespace: str) -> None:
        """Remove a namespace, without waiting for it."""
        self._begun.append(self._pool.submit(self._remove, namespace))

    def finish(self) -> None:
        """Wait for all of them; raises TargetError for one whose EtcdClusters did not go."""
        begun, self._begun = self._begun, []
        for removal in begun:
            removal.result()

    def _remove(self, namespace: str) -> None:
        try:
            self._target.run("delete", "etcd", "--all", f"--namespace={namespace}", "--wait=true")
        finally:
            self._target.run("delete", "namespace", namespace, "--wait=false", "--ignore-not-found")
