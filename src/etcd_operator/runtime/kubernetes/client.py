"""The client of the API server: requests, pages, watches, and the errors that answers stand for.

lightkube supplies configuration, authentication and TLS; requests are made by hand because its
watch ends on the first refused connection and it has no delete preconditions.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final, Protocol
from urllib.parse import urlencode

import httpx2
import msgspec
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import KubeConfig
from lightkube.core.exceptions import ConfigError

from etcd_operator import FIELD_MANAGER
from etcd_operator.errors import (
    Conflict,
    EvictionRefused,
    Forbidden,
    Gone,
    Invalid,
    KubeUnavailable,
    NotFound,
)
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import PODS, Kind, WatchEvent
from etcd_operator.runtime.kubernetes.pages import read_page, read_pages

# The API server reads a first page from its cache, and may read each further one from etcd. For all
# objects of 1000 clusters it took 2.4 s of the processor in pages of 500, and 1.5 s in these.
PAGE_SIZE: Final = 1000
# Requests are as many as there are workers, and none waits for another. For each one the pool looks
# at every connection that it has, and at the sockets of those that nobody uses: with 64 of them and
# the watches that was a quarter of what a request takes of the processor.
REQUESTS: Final = httpx2.Limits(
    max_connections=None, max_keepalive_connections=16, keepalive_expiry=60.0
)
# Each watch of each namespace holds a connection: with httpx's own limit of 100, they would wait
# for ever from eight namespaces on.
WATCHES: Final = httpx2.Limits(max_connections=None)
REQUEST_SECONDS: Final = 10.0
# How the API server says that it refuses an eviction for a PodDisruptionBudget.
BUDGET: Final = "DisruptionBudget"
# Of an error: an admission webhook may say anything.
LONGEST_MESSAGE: Final = 2000
# How the API server says that a webhook whose word it must have is not there: nothing was written.
NO_WEBHOOK: Final = "failed calling webhook"
# How it says 500 of an object that has no place for a field or another type of value: to apply it
# again is no use.
_MALFORMED: Final = ("failed to create typed patch object", "failed to convert new object")
# Bookmarks come about once a minute: a watch that is silent for longer is a dead connection.
WATCH_IDLE_SECONDS: Final = 90.0


class RequestCounter(Protocol):
    """Told of every finished request; code 0 means that there was no answer."""

    def __call__(self, verb: str, resource: str, code: int) -> None:
        """Count one request."""
        ...


class LightkubeApi:
    """KubeApi over HTTP, authenticated by lightkube."""

    def __init__(
        self,
        client: httpx2.AsyncClient,
        count: RequestCounter | None = None,
        *,
        watching: httpx2.AsyncClient | None = None,
        watch_idle_seconds: float = WATCH_IDLE_SECONDS,
        field_manager: str = FIELD_MANAGER,
    ) -> None:
        self._client = client
        self._watching = watching or client
        self._field_manager = field_manager
        self._count = count or (lambda *_: None)
        self._watch_idle_seconds = watch_idle_seconds
        self._random = random.Random()  # noqa: S311 (spreads watch time-outs, guards nothing)

    @classmethod
    def from_environment(
        cls, count: RequestCounter | None = None, *, context: str = ""
    ) -> LightkubeApi:
        """Connect with the Pod's own service account, else with KUBECONFIG.

        A `context` is one of that kubeconfig; without one its current context is used.
        """
        try:
            config = KubeConfig.from_env().get(context or None)
        except ConfigError as error:
            raise KubeUnavailable(f"no connection to Kubernetes: {error}") from error
        if config is None:
            raise KubeUnavailable("no kubeconfig and no service account: set KUBECONFIG")
        parameters = ConnectionParams(timeout=httpx2.Timeout(REQUEST_SECONDS), trust_env=True)
        shared = parameters.httpx_params(config)
        return cls(
            httpx2.AsyncClient(**shared, limits=REQUESTS),
            count,
            watching=httpx2.AsyncClient(**shared, limits=WATCHES),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()
        await self._watching.aclose()

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Return one object; raises NotFound."""
        return await self._request("get", kind, kind.path(namespace, name))

    def list_pages(
        self,
        kind: Kind,
        namespace: str | None,
        label_selector: str = "",
        *,
        field_selector: str = "",
    ) -> AsyncIterator[Json]:
        """Yield the pages of a list."""
        parameters = {
            "limit": str(PAGE_SIZE),
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
        }
        asked = {name: value for name, value in parameters.items() if value}
        ask = partial(self._request, "list", kind, kind.path(namespace))
        return read_pages(lambda place: ask(params=asked | place))

    async def watch(
        self, kind: Kind, namespace: str | None, label_selector: str, resource_version: str
    ) -> AsyncIterator[WatchEvent]:
        """Yield what happens after a resourceVersion until the server ends the watch."""
        parameters = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(self._random.randint(240, 480)),
        }
        if label_selector:
            parameters["labelSelector"] = label_selector
        timeout = httpx2.Timeout(REQUEST_SECONDS, read=self._watch_idle_seconds)
        path = kind.path(namespace)
        try:
            async with self._watching.stream(
                "GET",
                f"{path}?{urlencode(parameters)}",
                timeout=timeout,
                headers={"Accept-Encoding": "identity"},
            ) as response:
                self._count("watch", kind.plural, response.status_code)
                if response.status_code >= 400:
                    asked = response.headers.get("Retry-After")
                    raise translate_error(response.status_code, await response.aread(), asked)
                async for line in _split_lines(response.aiter_raw()):
                    yield _read_event(line)
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            self._count("watch", kind.plural, 0)
            raise KubeUnavailable(f"watch of {kind.plural} broke: {error!r}") from error

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """Create an object; raises Conflict if it exists."""
        return await self._request("create", kind, kind.path(namespace), body=body)

    async def apply(self, kind: Kind, manifest: Json) -> Json:
        """Apply server-side, taking over the fields in the manifest."""
        metadata = manifest["metadata"]
        return await self._request(
            "apply",
            kind,
            kind.path(metadata["namespace"], metadata["name"]),
            params={
                "fieldManager": self._field_manager,
                "force": "true",
                "fieldValidation": "Strict",
            },
            body=manifest,
        )

    async def merge_patch(
        self, kind: Kind, namespace: str, name: str, patch: Json, *, subresource: str = ""
    ) -> Json:
        """Merge-patch an object or its subresource."""
        path = kind.path(namespace, name, subresource)
        return await self._request(
            "patch", kind, path, params={"fieldManager": self._field_manager}, body=patch
        )

    async def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        *,
        uid: str,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
        orphan: bool = False,
    ) -> Json:
        """Delete exactly the object with this uid; its dependants follow, or become orphans."""
        preconditions = {"uid": uid}
        if resource_version is not None:
            preconditions["resourceVersion"] = resource_version
        options: Json = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": preconditions,
            "propagationPolicy": "Orphan" if orphan else "Background",
        }
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        return await self._request("delete", kind, kind.path(namespace, name), body=options)

    async def evict(
        self, namespace: str, name: str, *, uid: str, grace_seconds: int | None = None
    ) -> None:
        """Evict exactly the Pod with this uid, if its PodDisruptionBudget allows it now."""
        options: Json = {"preconditions": {"uid": uid}}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        await self._request(
            "evict",
            PODS,
            PODS.path(namespace, name, "eviction"),
            body={
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"name": name, "namespace": namespace},
                "deleteOptions": options,
            },
        )

    async def resize(
        self, namespace: str, name: str, *, resource_version: str, container: str, resources: Json
    ) -> Json:
        """Replace the resources of one container of a running Pod."""
        whole = {**resources, "$patch": "replace"}
        return await self._request(
            "resize",
            PODS,
            PODS.path(namespace, name, "resize"),
            params={"fieldManager": self._field_manager},
            body={
                "metadata": {"resourceVersion": resource_version},
                "spec": {"containers": [{"name": container, "resources": whole}]},
            },
        )

    async def _request(
        self,
        verb: str,
        kind: Kind,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: Json | None = None,
    ) -> Json:
        response = await self._exchange(verb, kind, path, params=params, body=body)
        try:
            result: Json = _READ.get(verb, msgspec.json.decode)(response.content)
        except msgspec.DecodeError as error:
            code = response.status_code
            raise KubeUnavailable(f"{verb} {path}: the answer is no JSON", code) from error
        return result

    async def _exchange(
        self,
        verb: str,
        kind: Kind,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: Json | None = None,
    ) -> httpx2.Response:
        """Send a request, and return an answer that is no error."""
        method, content_type = _METHODS[verb]
        content = None if body is None else msgspec.json.encode(body, enc_hook=_encode)
        headers = {"Content-Type": content_type} if content is not None else {}
        # httpx takes twice as long for a URL that it is given in two parts.
        url = f"{path}?{urlencode(params)}" if params else path
        code = 0
        try:
            response = await self._client.request(method, url, content=content, headers=headers)
            code = response.status_code
        except (httpx2.HTTPError, OSError) as error:
            raise KubeUnavailable(f"{verb} {path}: {error!r}") from error
        finally:
            self._count(verb, kind.plural, code)
        if code >= 400:
            raise translate_error(code, response.content, response.headers.get("Retry-After"))
        return response


_METHODS: Final = {
    "get": ("GET", ""),
    "list": ("GET", ""),
    "create": ("POST", "application/json"),
    "evict": ("POST", "application/json"),
    "apply": ("PATCH", "application/apply-patch+yaml"),
    "patch": ("PATCH", "application/merge-patch+json"),
    "resize": ("PATCH", "application/strategic-merge-patch+json"),
    "delete": ("DELETE", "application/json"),
}

# All else is one object.
_READ: Final[dict[str, Callable[[bytes], Json]]] = {"list": read_page}


async def _split_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Frame the stream by newline; a last line without one was cut off and is dropped."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield line


def _encode(value: object) -> str:
    """Texts of types of their own, such as durations; raises TypeError for all else."""
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no value of JSON")


def _read_event(line: bytes) -> WatchEvent:
    try:
        event = msgspec.json.decode(line)
        kind, body = event["type"], event["object"]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise KubeUnavailable(f"watch sent a line that is no event: {line[:80]!r}") from error
    if kind == "ERROR":
        raise translate_error(int(body.get("code") or 500), line)
    return WatchEvent(kind, body)


def translate_error(code: int, content: bytes, retry_after: str | None = None) -> Exception:
    """Return the error of `errors` for an HTTP status and the Status object in the body."""
    message, reason = content[:200].decode(errors="replace"), ""
    body: Json = {}
    try:
        said = msgspec.json.decode(content)
        body = said.get("object", said)
        message = str(body.get("message", message))[:LONGEST_MESSAGE]
        reason = str(body.get("reason", ""))
    except (msgspec.DecodeError, AttributeError):
        pass  # a proxy's error page: its beginning is all there is to say
    if code == 422 and _is_another_object(body):
        return Conflict(message, code, reason)
    budget = _find_budget(code, body)
    if budget:
        return EvictionRefused(budget, code, reason)
    if code == 500 and NO_WEBHOOK in message:
        return Forbidden(message, code, reason)
    if code == 500 and message.startswith(_MALFORMED):
        return Invalid(message, code, reason)
    if code in _ERRORS:
        return _ERRORS[code](message, code, reason)
    seconds = float(retry_after) if retry_after and retry_after.isdecimal() else None
    return KubeUnavailable(message, code, reason, seconds)


def _is_another_object(body: Json) -> bool:
    """Whether the uid in a patch is not that of the live object: told as an invalid change of it.

    Of the other preconditions, a resourceVersion and the uid of a deletion, it says 409.
    """
    causes = (body.get("details") or {}).get("causes") or ()
    return any(cause.get("field") == "metadata.uid" for cause in causes)


def _find_budget(code: int, body: Json) -> str:
    """Refusal of an eviction, in the words of the API server; empty if nothing refuses.

    Of several budgets over one Pod it does not say which, and says 500.
    """
    causes = (body.get("details") or {}).get("causes") or ()
    said = [cause.get("message", "") for cause in causes if cause.get("reason") == BUDGET]
    if code == 429 and said:
        return " ".join(part.rstrip(".") + "." for part in said if part) or str(body["message"])
    message = str(body.get("message", ""))
    return message if code == 500 and "more than one PodDisruptionBudget" in message else ""


_ERRORS: Final = {
    400: Invalid,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
}
