"""Finalizers of others, which keep what is being deleted until they are taken off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from etcd_operator.core.model.live_objects import Pod

# Anybody who may write the object chooses how many there are: so many are named, and so much.
MOST_NAMED: Final = 3
MOST_CHARACTERS: Final = 100


def explain_finalizers(title: str, finalizers: Sequence[str]) -> str:
    """Return the sentence about an object that finalizers of others keep."""
    names = ", ".join(name[:MOST_CHARACTERS] for name in finalizers[:MOST_NAMED])
    more = len(finalizers) - MOST_NAMED
    names += f" and {more} more" if more > 0 else ""
    return (
        f"{title} is kept by finalizer {names}, which is not the operator's: whoever put it there "
        "has to take it off."
    )


def find_held(pods: Iterable[Pod]) -> list[Pod]:
    """Return the Pods that have ended and stay: nothing can take their place until they go."""
    return [pod for pod in pods if pod.deleting and pod.finalizers and not pod.running]


def name_held(pods: Iterable[Pod]) -> list[str]:
    """Return a sentence for each of those."""
    return [explain_finalizers(f"Pod {pod.name}", pod.finalizers) for pod in find_held(pods)]
