"""Log lines of members and of the operator, made alike: time, source, level, sentence, details."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from etcd_operator.json_types import Json
from etcd_operator.plugin.session import Session
from etcd_operator.runtime.kubernetes.api import PODS

# What a line is made of already, and what nobody reads: where in the source it was written.
_HEAD: Final = frozenset({"level", "ts", "msg", "caller", "timestamp", "event", "logger"})
# Lines of the operator's log that are looked through.
BETWEEN: Final = 5000
STYLES: Final = {"warn": "yellow", "warning": "yellow", "error": "red", "fatal": "bold red"}


@dataclass(frozen=True, slots=True)
class Source:
    """A container whose log is read; `about` keeps only the operator's lines about that cluster."""

    namespace: str
    pod: str
    container: str
    about: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log: its Pod, its sentence, and the details that a program wrote beside it."""

    time: str
    source: str
    level: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The sentence with its details, as people read them."""
        details = " ".join(f"{key}={_write(value)}" for key, value in self.details.items())
        return f"{self.message}  {details}".rstrip()

    def describe(self) -> Json:
        """Return the line as a document."""
        return asdict(self)


def parse_line(source: Source, raw: str) -> Line | None:
    """Read a line that begins with the time of Kubernetes; None for one about something else."""
    moment, _, text = raw.partition(" ")
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return None if source.about else Line(moment, source.pod, "", text)
    if source.about and not _is_about(said, source.about):
        return None
    sentence = str(said.get("msg") or said.get("event") or "")
    details = {key: value for key, value in said.items() if key not in _HEAD}
    return Line(moment, source.pod, str(said.get("level", "")), sentence, details)


def _is_about(said: Json, cluster: tuple[str, str]) -> bool:
    namespace, name = cluster
    told = said.get("cluster")
    return told == f"{namespace}/{name}" or (told == name and said.get("namespace") == namespace)


def _write(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


async def read_lines(session: Session, source: Source, tail: int) -> list[Line]:
    """Return the last lines of a log; raises the errors of `errors`.

    The operator's log has lines about other clusters between those that are meant.
    """
    asked = max(tail, BETWEEN) if source.about else tail
    parameters = {**_parameters(source), "tailLines": str(asked)}
    text = await session.api.read_text(_path(source), parameters)
    lines = list(_parse(source, text.splitlines()))
    return lines[-tail:] if tail > 0 else []


async def follow_lines(
    session: Session, source: Source, tail: int, after: str
) -> AsyncIterator[Line]:
    """Yield the lines of a log after a time until its container ends; the last ones without a time.

    The API server begins with the second of that time, and all times have nine digits of one.
    """
    begin = {"sinceTime": after} if after else {"tailLines": str(tail)}
    parameters = {**_parameters(source), "follow": "true", **begin}
    async for raw in session.api.stream_lines(_path(source), parameters):
        for line in _parse(source, [raw]):
            if line.time > after:
                yield line


def _parse(source: Source, raws: list[str]) -> Iterator[Line]:
    for raw in raws:
        line = parse_line(source, raw)
        if line is not None:
            yield line


def _path(source: Source) -> str:
    return PODS.path(source.namespace, source.pod, "log")


def _parameters(source: Source) -> dict[str, str]:
    return {"container": source.container, "timestamps": "true"}
