"""Series about objects, kept as the text that Prometheus reads.

Of each sample the end is kept, from its own labels on: it is made when a pass reports on the
object, and of most objects it is the same, and in memory once. At a scrape the names are put before
it: with hundreds of clusters no number is formatted then. An object that goes takes all its series
with it, whatever labels they had. A gauge of prometheus_client does neither: it formats every
sample at every scrape, and looks at all to find those of one object.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

Key = tuple[str, str]
_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


@dataclass(frozen=True, slots=True)
class Family:
    """A gauge of each object; `labels` are those beside the two that name the object."""

    metric: str
    text: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure of an object: the family, the values of the family's own labels, and the value."""

    family: Family
    value: float
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Shown:
    """Series of one object: for each sample the place of its family, and the end of its line."""

    owner: str
    places: bytes
    ends: tuple[str, ...]


class ObjectSeries:
    """The series of all objects of a kind. Passes write them, the thread of the server reads."""

    def __init__(self, families: tuple[Family, ...], names: tuple[str, str]) -> None:
        self._families = families
        self._places = {family: place for place, family in enumerate(families)}
        self._names = names
        self._shown: dict[Key, _Shown] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._shown

    def show(self, key: Key, samples: tuple[Sample, ...]) -> None:
        """Show an object as it is now, and nothing of what it was."""
        self._shown[key] = _Shown(
            write_labels(self._names, key),
            bytes(self._places[sample.family] for sample in samples),
            tuple(sys.intern(_write_end(sample)) for sample in samples),
        )

    def forget(self, key: Key) -> None:
        """Remove the series of an object, if there are any."""
        self._shown.pop(key, None)

    def clear(self) -> None:
        """Remove the series of all objects."""
        self._shown.clear()

    def expose(self) -> str:
        """Return everything in Prometheus' text format."""
        lines: list[list[str]] = [[] for _ in self._families]
        for one in list(self._shown.values()):  # in one step: a pass may write at any time
            for place, end in zip(one.places, one.ends, strict=True):
                lines[place].append(_join(self._families[place], one.owner, end))
        return "".join(
            write_family(family, lines[place]) for place, family in enumerate(self._families)
        )


def write_family(family: Family, lines: Iterable[str]) -> str:
    """Return the samples of a family, below what it means."""
    header = f"# HELP {family.metric} {family.text}\n# TYPE {family.metric} gauge\n"
    return header + "".join(lines)


def write_labels(names: Iterable[str], values: Iterable[str]) -> str:
    """Return labels as they stand between the braces of a sample."""
    pairs = zip(names, values, strict=True)
    return ",".join([f'{name}="{value.translate(_ESCAPES)}"' for name, value in pairs])


def write_sample(owner: str, sample: Sample) -> str:
    """Return the line of a sample; `owner` are the labels that name its object."""
    return _join(sample.family, owner, _write_end(sample))


def _join(family: Family, owner: str, end: str) -> str:
    return f"{family.metric}{{{owner}{end}"


def _write_end(sample: Sample) -> str:
    labels = sample.family.labels
    own = f",{write_labels(labels, sample.labels)}" if labels else ""
    return f"{own}}} {float(sample.value)!r}\n"
