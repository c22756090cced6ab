"""The API server of the local cluster, called by this process: its kinds, requests and answers.

A kubectl takes a fifth of a second of a processor, whatever it does.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import httpx2
from lightkube.config.client_adapter import Client, ConnectionParams
from lightkube.config.kubeconfig import KubeConfig

from etcd_operator.json_types import Json

SECONDS: Final = 30.0
# A connection that was kept open, and that the server has closed meanwhile, is opened once more.
ATTEMPTS: Final = 2
# Every group with its kinds in one answer: API servers have this form since Kubernetes 1.30.
_DISCOVERY: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class ApiError(Exception):
    """The API server refused, or did not answer; the text is the one that kubectl would print."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class Kind(NamedTuple):
    """A kind of objects: the path of its group and version, its plural, whether it has namespaces.

    `names` are those that kubectl takes, and what manifests call it.
    """

    group: str
    plural: str
    namespaced: bool
    names: frozenset[str]

    def path(self, namespace: str, name: str = "") -> str:
        """Return the path of an object, or of all objects in the namespace."""
        place = ("namespaces", namespace) if self.namespaced and namespace else ()
        return "/".join(("", self.group, *place, self.plural, *([name] if name else ())))


class ApiServer:
    """The API server that a kubeconfig names."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client
        self._kinds: tuple[Kind, ...] = ()

    def find_kind(self, name: str, group: str = "") -> Kind | None:
        """Return the kind that kubectl would take for this name, or None.

        With the path of a group and version, it is the kind that a manifest has.
        """
        for _ in range(2):  # it may have come only after they were read
            for kind in self._kinds:
                if name.lower() in kind.names and group in {"", kind.group}:
                    return kind
            self._kinds = tuple(self._discover())
        return None

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Json | None = None,
        content: str = "application/json",
        accept: str = "application/json",
        parameters: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """Make a request; raises ApiError if it is not answered well."""
        text = None if body is None else json.dumps(body)
        headers = {"Accept": accept, "Content-Type": content}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._client.request(
                    method, path, content=text, headers=headers, params=parameters
                )
            except httpx2.TransportError as error:
                if attempt == ATTEMPTS:
                    raise ApiError(f"{method} {path}: {error!r}") from error
            else:
                break
        if not answer.is_success:
            raise ApiError(_describe(answer), answer.status_code)
        return answer

    def exists(self, path: str, uid: str) -> bool:
        """Whether this very object is still there."""
        try:
            found: Json = self.ask("GET", path).json()
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return False
        return uid in {"", found["metadata"]["uid"]}

    def _discover(self) -> Iterator[Kind]:
        for root in ("api", "apis"):
            answer: Json = self.ask("GET", f"/{root}", accept=_DISCOVERY).json()
            for group in answer["items"]:
                for version in group["versions"]:
                    name = group["metadata"].get("name", "")
                    path = "/".join(filter(None, (root, name, version["version"])))
                    yield from _read_kinds(path, version.get("resources", ()))


def _read_kinds(group: str, resources: Any) -> Iterator[Kind]:
    for each in resources:
        names = {each["resource"], each["singularResource"], *each.get("shortNames", ())}
        names.add(each["responseKind"]["kind"].lower())
        yield Kind(group, each["resource"], each["scope"] == "Namespaced", frozenset(names))


def _describe(answer: httpx2.Response) -> str:
    """What kubectl prints of a refusal: its reason and its sentence."""
    try:
        status: Json = answer.json()
        return f"Error from server ({status['reason']}): {status['message']}"
    except (ValueError, KeyError, TypeError):
        return f"Error from server: {answer.status_code} {answer.text[:300]}"


@functools.cache
def connect(kubeconfig: str) -> ApiServer:
    """Return the API server of a kubeconfig; raises ApiError if it names none."""
    config = KubeConfig.from_file(kubeconfig).get()
    if config is None:
        raise ApiError(f"{kubeconfig} has no current context")
    return ApiServer(Client(config, ConnectionParams(timeout=httpx2.Timeout(SECONDS))))
