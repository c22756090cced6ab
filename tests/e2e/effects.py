"""Effects of a preview and of passes, as far as they can be compared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from etcd_operator.simulation.prediction import PredictedStep, Prediction

# Counts voters while a learner starts, if a pass falls into that time.
_PACED = "Updated PodDisruptionBudget "
# Written as often as there is something new to write.
_CORRECTIONS = ("Updated ", "Labelled ", "Took Pod ")
# That etcd and Kubernetes give, and the end of the name of an EtcdBackup, which goes by them.
_NAMES = re.compile(r" \([0-9a-f]+\)| of revision .+|-[0-9a-f]{8}(?=: )")
# Why a Pod that is not Ready makes way for one of the new template, in words of the kubelet.
_NOT_READY = re.compile(r": it (?:crashes|does not become Ready|never started) and the spec has ")
# Where the scheduler was before the Pod that kept another from its node had ended.
_RESCHEDULED = ": the Pod that kept it from a node was replaced."
# In seconds: of an hour is the overlap of certificate authorities.
LONGEST_WAIT: Final = 300.0


def count_effects(sentences: Iterable[str]) -> Counter[str]:
    """Count effects: without member IDs and revisions, and a correction of an object once."""
    paced = (sentence for sentence in sentences if not sentence.startswith(_PACED))
    plain = [
        _NAMES.sub("", _NOT_READY.sub(": it is not Ready and the spec has ", sentence))
        for sentence in paced
        if not sentence.endswith(_RESCHEDULED)
    ]
    once = {text for text in plain if text.startswith(_CORRECTIONS)}
    return Counter([*(t for t in plain if not t.startswith(_CORRECTIONS)), *sorted(once)])


def find_soon(expected: Prediction) -> Iterator[str]:
    """The actions before the first wait that no test waits for."""
    for entry in expected.entries:
        if isinstance(entry, PredictedStep):
            yield entry.sentence
        elif entry.seconds > LONGEST_WAIT:
            return
