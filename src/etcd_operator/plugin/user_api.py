"""The API server as a user sees it: objects, and the texts that Pods serve through it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Protocol

import httpx2
from lightkube.config.client_adapter import AsyncClient, ConnectionParams

from etcd_operator.errors import KubeUnavailable
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import Kind, KubeApi
from etcd_operator.runtime.kubernetes.client import (
    REQUEST_SECONDS,
    LightkubeApi,
    translate_error,
)

if TYPE_CHECKING:
    from lightkube.config.kubeconfig import SingleConfig

# How the API server names the writes of the plugin, in `metadata.managedFields`.
PLUGIN_MANAGER = "kubectl-etcd"


class UserApi(KubeApi, Protocol):
    """KubeApi, and what is no object: logs, and what a Pod answers through the API server."""

    async def read_text(self, path: str, parameters: Mapping[str, str]) -> str:
        """Return a text; raises the errors of `errors`."""
        ...

    def stream_lines(self, path: str, parameters: Mapping[str, str]) -> AsyncIterator[str]:
        """Yield lines until the server ends them; raises the errors of `errors`."""
        ...

    async def try_patch(self, kind: Kind, namespace: str, name: str, patch: Json) -> None:
        """Let the API server judge a merge patch without making it; raises KubeError's kinds."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class LightkubeUserApi(LightkubeApi):
    """UserApi over HTTP."""

    @classmethod
    def connect(cls, config: SingleConfig) -> LightkubeUserApi:
        """Connect to the server of a kubeconfig's context as its user."""
        parameters = ConnectionParams(timeout=httpx2.Timeout(REQUEST_SECONDS), trust_env=True)
        return cls(AsyncClient(config, parameters), field_manager=PLUGIN_MANAGER)

    async def read_text(self, path: str, parameters: Mapping[str, str]) -> str:
        """Return a text; raises the errors of `errors`."""
        try:
            response = await self._client.get(path, params=dict(parameters))
        except (httpx2.HTTPError, OSError) as error:
            raise KubeUnavailable(f"get {path}: {error!r}") from error
        if response.status_code >= 400:
            raise translate_error(response.status_code, response.content)
        return response.text

    async def try_patch(self, kind: Kind, namespace: str, name: str, patch: Json) -> None:
        """Let the API server judge a merge patch without making it; raises KubeError's kinds."""
        asked = {"fieldManager": PLUGIN_MANAGER, "dryRun": "All"}
        await self._request("patch", kind, kind.path(namespace, name), params=asked, body=patch)

    async def stream_lines(self, path: str, parameters: Mapping[str, str]) -> AsyncIterator[str]:
        """Yield lines until the server ends them; raises the errors of `errors`."""
        timeout = httpx2.Timeout(REQUEST_SECONDS, read=None)
        try:
            async with self._client.stream(
                "GET", path, params=dict(parameters), timeout=timeout
            ) as response:
                if response.status_code >= 400:
                    raise translate_error(response.status_code, await response.aread())
                async for line in response.aiter_lines():
                    yield line
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise KubeUnavailable(f"get {path}: {error!r}") from error
