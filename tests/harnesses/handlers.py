"""The handlers of actions over an API server in memory, and what is in it."""

from __future__ import annotations

from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.handlers import ActionHandlers
from etcd_operator.runtime.engine.task_caches import TaskCaches
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.etcd.pool import EtcdPool
from etcd_operator.runtime.kubernetes.api import Kind
from etcd_operator.runtime.pki.connections import ConnectionSecrets
from etcd_operator.runtime.pki.passwords import PasswordSecrets
from etcd_operator.runtime.pki.secrets import CertificateSecrets
from etcd_operator.runtime.process.clock import SystemClock
from tests.builders.snapshots import NAMING
from tests.fakes.kubernetes import InMemoryApi

# The resourceVersion of whatever is put there first.
FIRST = 7


async def find_image() -> str:
    """The operator's image."""
    return "etcd-operator:dev"


class HandlersHarness:
    """Handlers, their caches, and the server that they ask."""

    def __init__(self) -> None:
        self.api = InMemoryApi()
        self.server = self.api.server
        self.server.version = FIRST - 1
        self.caches = Caches(self.api)
        clock = SystemClock()
        stores = (
            CertificateSecrets(self.api, clock),
            AuthCache(clock),
            PasswordSecrets(self.api, clock),
            ConnectionSecrets(self.api, clock),
        )
        self.tasks = TaskCaches(self.api)
        self.handlers = ActionHandlers(
            self.api, self.caches, EtcdPool(), *stores, self.tasks, find_image
        )

    def put(self, kind: Kind, name: str, uid: str = "uid-1", **body: Json) -> Json:
        """An object of the cluster, as the API server answers with it."""
        metadata = {"uid": uid, "labels": NAMING.labels(), **body.pop("metadata", {})}
        whole = {"spec": {}, "status": {}, **body, "metadata": metadata}
        return self.server.put(kind, name, whole, NAMING.namespace)
