"""The API server as a user sees it: objects, and the texts that Pods serve through it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

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


# A code, who warns, and a quoted text: RFC 7234, section 5.5, as Kubernetes writes it.
_WARNING: Final = re.compile(r'\d{3} \S+ "((?:[^"\\]|\\.)*)"')


class UserApi(KubeApi, Protocol):
    """KubeApi, and what is no object: logs, and what a Pod answers through the API server."""

    async def read_text(self, path: str, parameters: Mapping[str, str]) -> str:
        """Return a text; raises the errors of `errors`."""
        ...

    def stream_lines(self, path: str, parameters: Mapping[str, str]) -> AsyncIterator[str]:
        """Yield lines until the server ends them; raises the errors of `errors`."""
        ...

    async def try_patch(
        self, kind: Kind, namespace: str, name: str, patch: Json
    ) -> tuple[str, ...]:
        """Let the API server judge a merge patch without making it; returns its warnings.

        Raises KubeError's kinds.
        """
        ...

    async def try_create(self, kind: Kind, namespace: str, body: Json) -> tuple[str, ...]:
        """Let the API server judge an object without creating it; returns its warnings.

        Raises KubeError's kinds.
        """
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

    async def try_patch(
        self, kind: Kind, namespace: str, name: str, patch: Json
    ) -> tuple[str, ...]:
        """Let the API server judge a merge patch without making it; returns its warnings."""
        return await self._try("patch", kind, kind.path(namespace, name), patch)

    async def try_create(self, kind: Kind, namespace: str, body: Json) -> tuple[str, ...]:
        """Let the API server judge an object without creating it; returns its warnings."""
        return await self._try("create", kind, kind.path(namespace), body)

    async def _try(self, verb: str, kind: Kind, path: str, body: Json) -> tuple[str, ...]:
        asked = {"fieldManager": PLUGIN_MANAGER, "dryRun": "All"}
        answer = await self._exchange(verb, kind, path, params=asked, body=body)
        return read_warnings(answer.headers.get_list("Warning"))

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


def read_warnings(headers: Iterable[str]) -> tuple[str, ...]:
    """Return the texts of the API server's Warning headers."""
    quoted = (text for header in headers for text in _WARNING.findall(header))
    return tuple(re.sub(r"\\(.)", r"\1", text) for text in quoted)
