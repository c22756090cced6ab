"""Writes of the status subresource: one writer for each kind, used only by its own passes.

The status of an object is computed in full by the pass over it. So nothing else writes a part of
it, and a write that lost a race is simply made again from what is there then.
"""

from __future__ import annotations

from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from etcd_operator.core.reasons import attention
from etcd_operator.errors import Conflict, Forbidden, Invalid, NotFound
from etcd_operator.json_types import Json
from etcd_operator.printable import make_printable
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.kubernetes.events import EventRecorder, Regarding
from etcd_operator.runtime.kubernetes.watch_cache import Cache


class Reported(Protocol):
    """An EtcdCluster, EtcdBackup or EtcdRestore as a pass looked at it."""

    @property
    def namespace(self) -> str:
        """The namespace."""
        ...

    @property
    def name(self) -> str:
        """The name."""
        ...

    @property
    def uid(self) -> str:
        """The uid, which no other object of the name has."""
        ...

    @property
    def resource_version(self) -> str:
        """The version that was looked at."""
        ...

    @property
    def status(self) -> BaseModel:
        """The status that it has."""
        ...


T = TypeVar("T", bound=Reported)


class StatusWriter(Generic[T]):
    """Writes the status of the objects that one cache holds."""

    def __init__(self, api: KubeApi, cache: Cache[T], events: EventRecorder) -> None:
        self._api = api
        self._cache = cache
        self._events = events

    async def write(self, looked_at: T, status: BaseModel) -> bool:
        """Write a status if it changed, onto exactly the object that was looked at.

        Returns False if that has changed or gone meanwhile: its watch is about to tell. What
        Kubernetes has against the status, only an Event can tell; raises KubeError then as well.
        """
        if status == looked_at.status:
            return True
        rendered = _render(status)
        shown = _make_printable(rendered)
        if shown != rendered and shown == _render(looked_at.status):
            return True
        fence = {"uid": looked_at.uid, "resourceVersion": looked_at.resource_version}
        patch: Json = {"metadata": fence, "status": shown}
        kind, namespace, name = self._cache.kind, looked_at.namespace, looked_at.name
        try:
            answer = await self._api.merge_patch(kind, namespace, name, patch, subresource="status")
        except (Conflict, NotFound):
            return False
        except (Invalid, Forbidden) as error:
            self._events.record(
                Regarding(namespace, name, looked_at.uid, kind.name),
                "Warning",
                attention.REFUSED_BY_KUBERNETES.name,
                f"Kubernetes refuses the status of {kind.name} {name}, which is not shown: {error}",
            )
            raise
        self._cache.observe(answer)
        return True


def _render(status: BaseModel) -> Json:
    return status.model_dump(mode="json", by_alias=True)


def _make_printable(content: Any) -> Any:
    """Whatever words of strangers are in it: a status is read in terminals."""
    match content:
        case str():
            return make_printable(content)
        case list():
            return [_make_printable(each) for each in content]
        case dict():
            return {key: _make_printable(value) for key, value in content.items()}
        case _:
            return content
