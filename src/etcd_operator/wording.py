"""Words of sentences for users: numbers that agree, and sentences that follow each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

_IRREGULAR: Final = {"are": "is", "do": "does", "have": "has", "were": "was"}


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: 1 and "voter" are "1 voter", 0 and "voter" are "0 voters".

    `plural` is that of the noun, by default the noun with an s.
    """
    return f"{count} {noun}" if count == 1 else f"{count} {plural or f'{noun}s'}"


def agree(count: int, verb: str) -> str:
    """Return a verb in the number of its subject: 1 and "serve" are "serves", 2 are "serve"."""
    if count != 1:
        return verb
    return _IRREGULAR.get(verb, f"{verb}s")


def part_of(part: int, whole: int, noun: str, verb: str) -> str:
    """Return how many of all do it: `1 of 3 members answers`, `0 of 1 member answers`."""
    return f"{part} of {counted(whole, noun)} {agree(1 if whole == 1 else part, verb)}"


def them(count: int) -> str:
    """Return the pronoun of so many things as an object: it, or them."""
    return "it" if count == 1 else "them"


def say_foreign(names: Sequence[str], kind: str = "") -> str:
    """Return the part of a sentence about objects that are in the way: `Secret a exists and …`."""
    count, listed = len(names), ", ".join(names)
    title = f"{kind} {listed}" if kind else listed
    verbs = f"{agree(count, 'exist')} and {agree(count, 'do')}"
    return f"{title} {verbs} not belong to this EtcdCluster"


def join_sentences(sentences: Iterable[str]) -> str:
    """Return sentences in one line: each that another one follows ends with a mark."""
    *before, last = [each.strip() for each in sentences if each.strip()] or [""]
    return " ".join([*(each if each[-1] in ".!?" else f"{each}." for each in before), last])
