# ruff: noqa: ARG002 (an implementation of a protocol has all its arguments)
"""The API server in memory as a user of the plugin sees it: with texts, and with rights."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from etcd_operator.errors import Forbidden, Invalid, KubeError, NotFound
from etcd_operator.json_types import Json
from etcd_operator.plugin.session import Place, Session
from etcd_operator.runtime.kubernetes.api import CLUSTERS, PODS, Kind
from tests.fakes.kubernetes import ApiServer, InMemoryApi, Request

NAMESPACE = "team"


class FakeUserApi(InMemoryApi):
    """UserApi without HTTP: `texts` by path, and `denied` pairs of verb and kind or path."""

    def __init__(self, server: ApiServer) -> None:
        super().__init__(server)
        self.texts: dict[str, str] = {}
        self.denied: set[tuple[str, str]] = set()
        self.unknown: set[str] = set()  # kinds that this Kubernetes does not have
        self.error: KubeError | None = None
        self.refuses: str | KubeError = ""  # what the API server says to every change
        self.warns: tuple[str, ...] = ()  # what it says beside, of every change
        self.vouches = True  # whether it says that a Pod has the rights of an operator
        self.tried: list[Json] = []
        self.closed = False

    async def _arrive(
        self, verb: str, kind: Kind, name: str = "", body: Json | None = None
    ) -> tuple[Request, float]:
        if self.error:
            raise self.error
        if (verb, kind.plural) in self.denied:
            raise Forbidden(f'User "jo" cannot {verb} resource "{kind.plural}"', 403)
        if kind.name in self.unknown:
            raise NotFound("the server could not find the requested resource", 404)
        return await super()._arrive(verb, kind, name, body)

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """Create an object; of the rights of others, say what `vouches` says."""
        if kind.name != "SubjectAccessReview":
            return await super().create(kind, namespace, body)
        if ("create", kind.plural) in self.denied:
            raise Forbidden(f'User "jo" cannot create resource "{kind.plural}"', 403)
        return {**body, "status": {"allowed": self.vouches}}

    async def read_text(self, path: str, parameters: Mapping[str, str]) -> str:
        """Return the text of a path."""
        if ("get", "proxy") in self.denied and "/proxy/" in path:
            raise Forbidden('User "jo" cannot get resource "pods/proxy"', 403)
        if ("get", "log") in self.denied and path.endswith("/log"):
            raise Forbidden('User "jo" cannot get resource "pods/log"', 403)
        if path not in self.texts:
            raise NotFound(path, 404)
        return self.texts[path]

    async def stream_lines(self, path: str, parameters: Mapping[str, str]) -> AsyncIterator[str]:
        """Yield the lines of a text."""
        for line in (await self.read_text(path, parameters)).splitlines():
            yield line

    async def try_patch(
        self, kind: Kind, namespace: str, name: str, patch: Json
    ) -> tuple[str, ...]:
        """Judge a change as `refuses` and `denied` say."""
        return self._try("patch", kind, patch)

    async def try_create(self, kind: Kind, namespace: str, body: Json) -> tuple[str, ...]:
        """Judge an object as `refuses` and `denied` say."""
        return self._try("create", kind, body)

    def _try(self, verb: str, kind: Kind, body: Json) -> tuple[str, ...]:
        if (verb, kind.plural) in self.denied:
            raise Forbidden(f'User "jo" cannot {verb} resource "{kind.plural}"', 403)
        if isinstance(self.refuses, KubeError):
            raise self.refuses
        if self.refuses:
            raise Invalid(self.refuses, 422)
        self.tried.append(body)
        return self.warns

    async def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    def session(self, place: Place) -> Session:
        """A session of a verb with this connection."""
        return Session(self, place, place.namespace or NAMESPACE)

    def metrics(self, pod: str, **values: float) -> None:
        """Let a Pod serve these metrics of etcd."""
        path = PODS.path(NAMESPACE, f"{pod}:2381", "proxy") + "/metrics"
        self.texts[path] = "".join(f"# HELP {k} x\n{k} {v}\n" for k, v in values.items())


def put_cluster(server: ApiServer, name: str = "db", **changes: Any) -> Json:
    """Store a healthy EtcdCluster of three; `changes` are parts of its status."""
    ready = {"type": "Ready", "status": "True", "reason": "Healthy", "message": "All are healthy."}
    roles = ("leader", "follower", "follower")
    status = {
        "phase": "Running",
        "message": "All are healthy.",
        "conditions": [
            {"type": "Available", "status": "True", "reason": "QuorumAvailable", "message": ""},
            ready,
            {"type": "QuorumHealthy", "status": "True", "reason": "MajorityAnswers", "message": ""},
        ],
        "members": [
            {"name": f"{name}-{n}", "id": f"{n + 1:x}", "role": role, "ready": True}
            | {"version": "3.6.16", "dbSize": 4096}
            for n, role in enumerate(roles)
        ],
        "replicas": 3,
        "readyReplicas": 3,
        "clusterID": "8e9e05c52164694d",
        "observedGeneration": 1,
        "certificates": [{"secret": f"{name}-client-tls", "notAfter": "2031-01-01T00:00:00Z"}],
        **changes,
    }
    body = {
        "metadata": {"generation": 1},
        "spec": {"size": 3, "version": "v3.6.16"},
        "status": status,
    }
    return server.put(CLUSTERS, name, body, NAMESPACE)


def put_pods(server: ApiServer, name: str = "db", count: int = 3) -> None:
    """Store the Pods of a cluster, each running on a node of its own."""
    for ordinal in range(count):
        body = {
            "metadata": {"labels": {"etcd.etcd.io/cluster": name}},
            "spec": {"nodeName": f"n{ordinal}", "containers": [{"name": "etcd"}]},
            "status": {
                "phase": "Running",
                "podIP": f"10.0.0.{ordinal}",
                "containerStatuses": [{"name": "etcd", "restartCount": ordinal}],
            },
        }
        server.put(PODS, f"{name}-{ordinal}", body, NAMESPACE)
