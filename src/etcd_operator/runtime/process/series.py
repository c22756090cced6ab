"""Series about objects, kept as the text that Prometheus reads.

The text of an object is made when one of its figures changes, and put together with those of the
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
        self._samples: dict[Key, tuple[Sample, ...]] = {}
        self._texts: dict[Key, dict[Family, str]] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._samples

    def show(self, key: Key, samples: tuple[Sample, ...]) -> None:
        """Show an object as it is now, and nothing of what it was."""
        if self._samples.get(key) != samples:
            self._samples[key] = samples
            self._texts[key] = self._write_samples(key, samples)

    def forget(self, key: Key) -> None:
        """Remove the series of an object, if there are any."""
        self._samples.pop(key, None)
        self._texts.pop(key, None)

    def clear(self) -> None:
        """Remove the series of all objects."""
        self._samples.clear()
        self._texts.clear()

    def expose(self) -> str:
        """Return everything in Prometheus' text format."""
        texts = list(self._texts.values())  # in one step: a pass may write at any time
        return "".join(
            write_family(family, (text[family] for text in texts if family in text))
            for family in self._families
        )

    def _write_samples(self, key: Key, samples: tuple[Sample, ...]) -> dict[Family, str]:
        texts: dict[Family, str] = {}
        for sample in samples:
            line = write_sample(self._names, key, sample)
            texts[sample.family] = texts.get(sample.family, "") + line
        return texts


def write_family(family: Family, lines: Iterable[str]) -> str:
    """Return the samples of a family, below what it means."""
    header = f"# HELP {family.metric} {family.text}\n# TYPE {family.metric} gauge\n"
    return header + "".join(lines)


def write_sample(names: tuple[str, str], key: Key, sample: Sample) -> str:
    """Return the line of a sample."""
    labels = zip((*names, *sample.family.labels), (*key, *sample.labels), strict=True)
    pairs = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels)
    return f"{sample.family.metric}{{{pairs}}} {float(sample.value)!r}\n"
