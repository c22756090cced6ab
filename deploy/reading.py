"""Reads of the API server by this process, for what is polled: a kubectl costs a tenth of a second.

Only `get` of some kinds, by name or by selectors. The answer is as kubectl prints it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final, NamedTuple

import httpx2
from lightkube.config.client_adapter import Client, ConnectionParams
from lightkube.config.kubeconfig import KubeConfig

from etcd_operator.json_types import Json

SECONDS: Final = 30.0
# A connection that was kept open, and that the server has closed meanwhile, is opened once more.
ATTEMPTS: Final = 2

_OURS: Final = "apis/etcd.etcd.io/v1alpha1"
# What kubectl takes as the name of a kind: where it is, and its plural.
_PATHS: Final = {
    "etcd": (_OURS, "etcdclusters"),
    "etcdcluster": (_OURS, "etcdclusters"),
    "etcdbackup": (_OURS, "etcdbackups"),
    "etcdrestore": (_OURS, "etcdrestores"),
    "pod": ("api/v1", "pods"),
    "pvc": ("api/v1", "persistentvolumeclaims"),
    "service": ("api/v1", "services"),
    "configmap": ("api/v1", "configmaps"),
    "secret": ("api/v1", "secrets"),
    "event": ("api/v1", "events"),
    "statefulset": ("apis/apps/v1", "statefulsets"),
    "deployment": ("apis/apps/v1", "deployments"),
    "job": ("apis/batch/v1", "jobs"),
    "networkpolicy": ("apis/networking.k8s.io/v1", "networkpolicies"),
    "pdb": ("apis/policy/v1", "poddisruptionbudgets"),
}
_KINDS: Final = {
    **_PATHS,
    **{plural: (group, plural) for group, plural in _PATHS.values()},
}
_SELECTORS: Final = {"--selector": "labelSelector", "--field-selector": "fieldSelector"}


class ReadError(Exception):
    """The API server has no such object, or did not answer; the text says which."""


class Request(NamedTuple):
    """A read of one object, or of a list of them."""

    path: str
    parameters: dict[str, str]


def parse(words: Sequence[str]) -> Request | None:
    """Return the request that stands for a kubectl command; None if kubectl has to make it."""
    plain = [word for word in words if not word.startswith("-")]
    flags = dict(word.partition("=")[::2] for word in words if word.startswith("-"))
    namespace = flags.pop("--namespace", "")
    if plain[:1] != ["get"] or not 2 <= len(plain) <= 3 or not namespace:
        return None
    kind = _KINDS.get(plain[1].lower())  # kubectl, too, takes "EtcdBackup" for "etcdbackup"
    if kind is None or not set(flags) <= set(_SELECTORS):
        return None
    group, plural = kind
    path = "/".join(("", group, "namespaces", namespace, plural, *plain[2:]))
    return Request(path, {_SELECTORS[flag]: value for flag, value in flags.items()})


def read(kubeconfig: str, request: Request) -> Json:
    """Make the request; raises ReadError."""
    client = _connect(kubeconfig)
    response = _get(client, request)
    if response.status_code != httpx2.codes.OK:
        raise ReadError(f"{request.path}: {response.status_code} {response.text[:300]}")
    answer: Json = response.json()
    items = answer.get("items", [answer])
    for item in items:
        item.update(apiVersion=answer["apiVersion"], kind=answer["kind"].removesuffix("List"))
        item["metadata"].pop("managedFields", None)  # kubectl shows them where it is asked to
    return answer


def _get(client: httpx2.Client, request: Request, attempts: int = ATTEMPTS) -> httpx2.Response:
    try:
        return client.get(request.path, params=request.parameters)
    except httpx2.TransportError as error:
        if attempts == 1:
            raise ReadError(f"{request.path}: {error!r}") from error
        return _get(client, request, attempts - 1)


@functools.cache
def _connect(kubeconfig: str) -> httpx2.Client:
    config = KubeConfig.from_file(kubeconfig).get()
    if config is None:
        raise ReadError(f"{kubeconfig} has no current context")
    return Client(config, ConnectionParams(timeout=httpx2.Timeout(SECONDS)))
