"""Where clients find the cluster, and for TLS what they show and trust, read anew as it changes."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from typing import Final

from deploy.target import TargetError
from tests.chaos.rpc import Connection
from tests.e2e.harness import Cluster
from tests.e2e.secured import SecuredCluster
from tests.e2e.wire import take_papers

REFRESH_SECONDS: Final = 2.0


class Door:
    """The client Service at its address: this machine is routed to it."""

    def __init__(self, cluster: Cluster) -> None:
        service = cluster.read("get", "service", f"{cluster.name}-client")
        self._address = f"{service['spec']['clusterIP']}:2379"
        self._name = f"{cluster.name}-client.{cluster.namespace}.svc"
        self._cluster = cluster
        self._secret = f"{cluster.name}-client-tls"
        secured = isinstance(cluster, SecuredCluster)
        self._papers = take_papers(cluster, self._secret) if secured else None
        self._over = threading.Event()
        if secured:
            threading.Thread(target=self._keep_fresh, daemon=True).start()

    def open(self) -> Connection:
        """A new connection, with the papers of the moment."""
        return Connection(self._address, self._name, self._papers)

    def leave(self) -> None:
        """Read no papers any more."""
        self._over.set()

    def _keep_fresh(self) -> None:
        while not self._over.wait(REFRESH_SECONDS):
            # Without an API server those in hand are the best there are.
            with contextlib.suppress(TargetError, KeyError, subprocess.SubprocessError):
                self._papers = take_papers(self._cluster, self._secret)
