"""Series about objects, kept as the text that Prometheus reads.

The text of an object is made when a pass reports on it, and put together with those of the
others at a scrape: with hundreds of clusters a scrape joins strings and formats nothing. An object
that goes takes all its series with it, whatever labels they had. A gauge of prometheus_client does
neither: it formats every sample at every scrape, and looks at all to find those of one object.
"""

from __future__ import annotations

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


class ObjectSeries:
    """The series of all objects of a kind. Passes write them, the thread of the server reads."""

    def __init__(self, families: tuple[Family, ...], names: tuple[str, str]) -> None:
        self._families = families
        self._names = names
        self._texts: dict[Key, tuple[str, ...]] = {}  # one of each family, in their order

    def __contains__(self, key: Key) -> bool:
        return key in self._texts

    def show(self, key: Key, samples: tuple[Sample, ...]) -> None:
        """Show an object as it is now, and nothing of what it was."""
        self._texts[key] = self._write_samples(key, samples)

    def forget(self, key: Key) -> None:
        """Remove the series of an object, if there are any."""
        self._texts.pop(key, None)

    def clear(self) -> None:
        """Remove the series of all objects."""
        self._texts.clear()

    def expose(self) -> str:
        """Return everything in Prometheus' text format."""
        texts = list(self._texts.values())  # in one step: a pass may write at any time
        return "".join(
            write_family(family, (each[place] for each in texts))
            for place, family in enumerate(self._families)
        )

    def _write_samples(self, key: Key, samples: tuple[Sample, ...]) -> tuple[str, ...]:
        texts, owner = dict.fromkeys(self._families, ""), write_labels(self._names, key)
        for sample in samples:
            texts[sample.family] += write_sample(owner, sample)
        return tuple(texts.values())


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
    family = sample.family
    own = f",{write_labels(family.labels, sample.labels)}" if family.labels else ""
    return f"{family.metric}{{{owner}{own}}} {float(sample.value)!r}\n"
