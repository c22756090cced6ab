"""Progress of a mirror: one key in the etcd of the new cluster, beside what is copied.

Each transaction of the Job writes it together with the keys that it is about. So what it says is
true of what is there, and a Job that ended anywhere goes on where it was. The operator reads it.
Whoever may write keys of the cluster can write this one too: nothing in it is believed to have a
type or a size, and what it says harms nobody else.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from etcd_operator.core.model.members import format_id
from etcd_operator.json_types import Json

PROGRESS_KEY: Final = b"etcd.etcd.io/mirror"
# On the EtcdCluster: cluster ID of the source and the revision at which its mirror began.
ANNOTATION_CUT_OVER: Final = "etcd.etcd.io/approve-cut-over"
LONGEST_PROBLEM: Final = 500
# Of a key that is to be remembered. A longer one is cut, which sorts before it: some keys are
# compared once more then.
LONGEST_CURSOR: Final = 1024
_LONGEST: Final = 8192
# As in `core.model.numbers`, without what that loads: a Job starts while nobody writes.
_LARGEST: Final = 2**63 - 1
_IDENTITY: Final = re.compile(r"[0-9a-f]{1,16}")
_NUMBERS: Final = ("began", "revision", "seen", "keys", "total", "leased")


class MirrorPhase(Enum):
    """How far a mirror is."""

    COPYING = "Copying"  # the keys as they are at one revision
    FOLLOWING = "Following"  # every write since then
    CUT_OVER = "CutOver"  # all was equal, and the source counts no more


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a mirror.

    `source` is the cluster ID of the source, and `began` its revision when the mirror began. All
    its writes up to `revision` are here; while it copies, those of keys before `cursor` alone.
    `seen` is the newest revision that the source had. `keys` were compared or copied, of `total`;
    `leased` of them are left out, because they have a lease. `writer` is the Pod that writes, and
    `problem` what a cut-over waits for. `scope` tells a change of what is copied.
    """

    phase: MirrorPhase
    source: int
    began: int
    revision: int
    seen: int
    keys: int = 0
    total: int = 0
    leased: int = 0
    cursor: bytes = b""
    writer: str = ""
    problem: str = ""
    scope: str = ""

    @property
    def lag(self) -> int:
        """Revisions of the source that are not here yet."""
        return max(self.seen - self.revision, 0)

    @property
    def approval(self) -> str:
        """What a person approves: a cut-over from this etcd cluster, of this mirror."""
        return f"{format_id(self.source)}/{self.began}"

    def write(self) -> bytes:
        """The value of the key."""
        document: Json = {name: getattr(self, name) for name in _NUMBERS}
        document |= {"phase": self.phase.value, "source": format_id(self.source)}
        document["cursor"] = base64.b64encode(self.cursor[:LONGEST_CURSOR]).decode()
        document |= {"writer": self.writer, "problem": self.problem[:LONGEST_PROBLEM]}
        document["scope"] = self.scope
        return json.dumps(document, separators=(",", ":")).encode()


def read_progress(value: bytes | None) -> Progress | None:
    """Read the value of the key; None for none, and for one that is no progress."""
    if value is None or len(value) > _LONGEST:
        return None
    try:
        said = json.loads(value)
        phase, source = MirrorPhase(said["phase"]), _read_identity(said["source"])
        numbers: dict[str, Any] = {name: _read_number(said[name]) for name in _NUMBERS}
        cursor = base64.b64decode(said["cursor"], validate=True)
        texts = {name: _read_text(said[name]) for name in ("writer", "problem", "scope")}
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        return None
    return Progress(phase, source, cursor=cursor[:LONGEST_CURSOR], **{**numbers, **texts})


def _read_identity(text: object) -> int:
    if not isinstance(text, str) or not _IDENTITY.fullmatch(text):
        raise ValueError("no ID of a cluster")
    return int(text, 16)


def _read_text(value: object) -> str:
    """A text of ours has no character that a status or a log would not show."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("no text")
    return value[:LONGEST_PROBLEM]


def _read_number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        raise ValueError("no revision and no number of keys")
    return value


def show_key(key: bytes) -> str:
    """Return a key in words: escaped where it is no text, and cut."""
    cut = key[:80]
    return ascii(cut.decode("utf-8", "backslashreplace")) + ("…" if len(key) > len(cut) else "")
