from __future__ import annotations

import asyncio

from etcd_operator.plugin.clusters import list_all
from etcd_operator.plugin.session import Place
from etcd_operator.runtime.kubernetes.api import SERVICES
from tests.builders.plugin import Terminal
from tests.fakes.user_api import NAMESPACE


def test_listed_objects_say_of_what_kind_they_are() -> None:
    """The API server leaves it out; a preview would take it for somebody's edit."""
    terminal = Terminal()
    terminal.server.put(SERVICES, "db-peer", {"metadata": {}}, NAMESPACE)
    (found,) = asyncio.run(list_all(terminal.api.session(Place()), SERVICES, NAMESPACE))
    assert (found["apiVersion"], found["kind"]) == ("v1", "Service")
