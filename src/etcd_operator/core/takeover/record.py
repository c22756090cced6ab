"""The record of a take-over: whose members are taken over, how far it is, and what was agreed.

It is kept on the ConfigMap with the gate, and written before anything is done. The members in it
are the only foreign ones that the operator works beside, and the only ones that it removes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from etcd_operator.api.bootstrap import MOST_SOURCES
from etcd_operator.api.release import Version
from etcd_operator.core.model.numbers import (
    LARGEST_REVISION,
    LONGEST_RECORD,
    read_identity,
    read_number,
    read_size,
)
from etcd_operator.core.model.source import title_source

# On the gate.
ANNOTATION_TAKE_OVER: Final = "etcd.etcd.io/take-over"
# Beside it: since when each old member is away that a person stops, in seconds since 1970.
ANNOTATION_AWAY: Final = "etcd.etcd.io/take-over-away"
# On the EtcdCluster: the cluster ID and the revision at which all members were compared.
ANNOTATION_APPROVED: Final = "etcd.etcd.io/approve-take-over"
# On the EtcdCluster: the ID of the etcd cluster of which no old member runs any more, as a person
# says. Of processes at endpoints that the operator does not reach nobody else knows.
ANNOTATION_GONE: Final = "etcd.etcd.io/old-members-gone"

# A process that a person restarts is back sooner, as a rule. What was seen too long ago counts for
# nothing: nobody may have looked since.
PATIENCE_SECONDS: Final = 30
LONGEST_AWAY: Final = 120

_HIGHEST_ORDINAL: Final = 9999
# In seconds; far beyond any clock.
_LATEST: Final = 10**11
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
# In place of the name of a StatefulSet.
_ENDPOINTS: Final = "-"


class Stage(Enum):
    """How far a take-over is; each begins when what the one before it needs has come true."""

    JOIN = "join"  # members are added, one learner after the other
    COMPARE = "compare"  # all members must have the same data
    APPROVE = "approve"  # a person may have to agree
    REMOVE = "remove"  # the old members go, one after the other


@dataclass(frozen=True, slots=True)
class TakeOver:
    """The StatefulSet by name, the size and version of before, and member IDs by ordinal.

    Of members at listed endpoints `source` is empty, and an ordinal is a place in that list.
    `revision` is the one at which all members had the same data; 0 before that. `away` is since
    when members are away that a person stops, by ordinal, in seconds since 1970.
    """

    stage: Stage
    source: str
    size: int
    version: Version
    members: Mapping[int, int] = field(hash=False)
    revision: int = 0
    away: Mapping[int, int] = field(default_factory=dict, hash=False)

    @property
    def title(self) -> str:
        """Whose members are taken over, in words."""
        return title_source(self.source)

    def write(self) -> str:
        """The text of the annotation."""
        known = ",".join(
            f"{ordinal}={member:x}" for ordinal, member in sorted(self.members.items())
        )
        words = (
            self.stage.value,
            self.source or _ENDPOINTS,
            self.size,
            self.version,
            known,
            self.revision,
        )
        return " ".join(map(str, words))

    def write_away(self) -> str:
        """The text of the annotation beside it; empty if no member is away."""
        return ",".join(f"{ordinal}={since}" for ordinal, since in sorted(self.away.items()))


def read_take_over(text: str) -> TakeOver | None:
    """Read the annotation; None for an empty one, and for one that nobody can read."""
    words = text.split() if len(text) <= LONGEST_RECORD else []
    if len(words) != 6 or words[0] not in {stage.value for stage in Stage}:
        return None
    size, revision = read_size(words[2]), read_number(words[5], LARGEST_REVISION)
    version, members = Version(words[3]), _read_members(words[4])
    if not size or revision is None or version.release is None or members is None:
        return None
    source = "" if words[1] == _ENDPOINTS else words[1]
    if source and not _NAME.fullmatch(source):
        return None
    return TakeOver(Stage(words[0]), source, size, version, members, revision)


def find_take_over(gate: Mapping[str, str]) -> TakeOver | None:
    """The take-over that is under way, by the annotations of the gate."""
    record = read_take_over(gate.get(ANNOTATION_TAKE_OVER, ""))
    return replace(record, away=_read_away(gate.get(ANNOTATION_AWAY, ""))) if record else None


def _read_away(text: str) -> dict[int, int]:
    """Nothing of what nobody can read: then it begins again."""
    away: dict[int, int] = {}
    for entry in text.split(",") if text and len(text) <= LONGEST_RECORD else ():
        ordinal, _, seconds = entry.partition("=")
        place, since = read_number(ordinal, _HIGHEST_ORDINAL), read_number(seconds, _LATEST)
        if place is None or since is None or place in away or len(away) == MOST_SOURCES:
            return {}
        away[place] = since
    return away


def _read_members(text: str) -> dict[int, int] | None:
    members: dict[int, int] = {}
    for entry in text.split(",")[: MOST_SOURCES + 1]:
        ordinal, _, identity = entry.partition("=")
        place, member = read_number(ordinal, _HIGHEST_ORDINAL), read_identity(identity)
        if place is None or member is None or place in members:
            return None
        members[place] = member
    return members if len(members) <= MOST_SOURCES else None
