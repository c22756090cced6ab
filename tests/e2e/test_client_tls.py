"""TLS for clients is turned on in a running cluster, and off again, under a recorded load."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest

from deploy.target import TargetError
from tests.chaos.endpoint import Door
from tests.chaos.load import Load
from tests.chaos.rpc import Connection
from tests.e2e import histories
from tests.e2e.harness import Cluster
from tests.e2e.previews import as_created, as_patched
from tests.e2e.secured import read_secret
from tests.e2e.wire import SERVES, Papers, ask, take_papers

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(500)]

CLIENTS = 2379
# An election, which may take several seconds on a busy machine.
LONGEST_GAP = 6.0
# Longer than the load keeps a connection, so that every client has heard of the change.
HEARD = 5.0


class ChangingDoor(Door):
    """The client Service for clients that change over: in plain text, with TLS, or in turn."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._turns = itertools.cycle((False,))
        self._shown: Papers | None = None

    def change_to(self, *secure: bool) -> None:
        """Let clients open their next connections so, in turn; wait until they have."""
        if any(secure):
            self._shown = take_papers(self._cluster, self._secret)
        self._turns = itertools.cycle(secure)
        time.sleep(HEARD)

    def open(self) -> Connection:
        """A new connection."""
        return Connection(self._address, self._name, self._shown if next(self._turns) else None)


def set_tls(cluster: Cluster, tls: dict[str, Any] | None, becomes: str) -> None:
    """Change the spec, and wait until every member serves clients so and the cluster is at rest."""
    with as_patched(cluster, security={"tls": tls} if tls else None) as told:
        told.follow(f"clientTLS {becomes}", lambda: cluster.status()["clientTLS"] == becomes, 150)
        cluster.wait_running(3)


def assert_served(cluster: Cluster, *, plain: bool, tls: bool) -> None:
    """Every member serves clients of these kinds, and none of another."""
    papers = take_papers(cluster, "c-client-tls")
    for ordinal in range(3):
        assert (SERVES in ask(cluster, ordinal, CLIENTS, None)) is plain
        assert (SERVES in ask(cluster, ordinal, CLIENTS, papers)) is tls


def test_tls_is_turned_on_and_off_under_load(cluster: Cluster) -> None:
    """No client is cut off: each has the whole of the phase between to change over."""
    strict = {"peerTLSEnabled": False, "clientTLSMode": "Strict"}
    permissive = {**strict, "clientTLSMode": "Permissive"}
    with as_created(cluster, size=3, version="v3.6.16", connectionSecrets=True):
        cluster.wait_running(3)
    assert cluster.status()["clientTLS"] == "Off"
    with pytest.raises(TargetError, match="clientTLSMode to Permissive"):
        cluster.patch(security={"tls": strict})
    door = ChangingDoor(cluster)
    load = Load(door, seed=17)
    load.start()
    try:
        set_tls(cluster, permissive, "Permissive")
        assert_served(cluster, plain=True, tls=True)
        assert read_secret(cluster, "c-connection")["uri"].startswith("https://")
        door.change_to(False, True)
        door.change_to(True)
        set_tls(cluster, strict, "Strict")
        assert_served(cluster, plain=False, tls=True)
        with pytest.raises(TargetError, match="clientTLSMode to Permissive"):
            cluster.patch(security=None)
        set_tls(cluster, permissive, "Permissive")
        assert_served(cluster, plain=True, tls=True)
        door.change_to(True, False)
        door.change_to(False)
        set_tls(cluster, None, "Off")
    finally:
        history = load.finish()
    assert read_secret(cluster, "c-connection")["uri"].startswith("http://")
    histories.assert_served(cluster.namespace, history, longest_gap=LONGEST_GAP)
    cluster.assert_agreement(3)
