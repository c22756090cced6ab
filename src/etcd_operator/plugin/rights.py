"""Reads that a user may have no right for: what is missing is said, and the rest is shown."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from etcd_operator.errors import Forbidden, KubeError, KubeUnavailable
from etcd_operator.json_types import Json
from etcd_operator.plugin.clusters import list_all
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.session import Session
from etcd_operator.runtime.kubernetes.api import Kind

T = TypeVar("T")


class Gaps:
    """What could not be read, each once: the right that is missing, or the error."""

    def __init__(self) -> None:
        self._found: dict[str, Exit] = {}

    @property
    def sentences(self) -> list[str]:
        """One sentence for each."""
        return list(self._found)

    @property
    def code(self) -> Exit:
        """The exit code of what needs all of it: that of a lost connection before a right's."""
        codes = self._found.values()
        first = (Exit.UNREACHABLE, Exit.FORBIDDEN, Exit.FAILED)
        return next((each for each in first if each in codes), Exit.DONE)

    @property
    def read_code(self) -> Exit:
        """The exit code of what shows the rest: a lost connection is no right that is missing."""
        return Exit.UNREACHABLE if self.code is Exit.UNREACHABLE else Exit.DONE

    async def attempt(
        self, right: str, work: Awaitable[T], otherwise: T, *, elsewhere: bool = False
    ) -> T:
        """Await a read; without the right, or without an answer, say so and go on.

        `elsewhere`: the API server passes it on to a Pod, which may be what does not answer.
        """
        try:
            return await work
        except Forbidden:
            self._found[f"no right to {right}"] = Exit.FORBIDDEN
        except (KubeError, PluginError) as error:
            broken = isinstance(error, KubeUnavailable) and not error.status and not elsewhere
            code = Exit.UNREACHABLE if broken else Exit.FAILED
            self._found[f"could not {right}: {error}"] = code
        return otherwise

    async def list_or_none(
        self,
        session: Session,
        kind: Kind,
        namespace: str | None,
        selector: str = "",
        fields: str = "",
    ) -> list[Json]:
        """List objects; without the right, say so and return none."""
        place = f"in namespace {namespace}" if namespace else "in all namespaces"
        return await self.attempt(
            f"list {kind.plural} {place}",
            list_all(session, kind, namespace, selector, fields),
            [],
        )
