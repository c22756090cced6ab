"""Numbers in records, which anybody may have edited: each is bounded where it is read."""

from __future__ import annotations

import re
from typing import Final

from etcd_operator.core.model.naming import MOST_MEMBERS

# Revisions of etcd are signed, IDs of members and clusters unsigned 64-bit integers.
LARGEST_REVISION: Final = 2**63 - 1
# Many times what the longest record takes.
LONGEST_RECORD: Final = 16_384
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_IDENTITY: Final = re.compile(r"[0-9a-fA-F]{1,16}")


def read_number(text: str, most: int, least: int = 0) -> int | None:
    """Return a decimal number between two bounds; None for every other text."""
    found = _DECIMAL.fullmatch(text)
    number = int(text) if found else -1
    return number if least <= number <= most else None


def read_identity(text: str) -> int | None:
    """Return a cluster's or a member's ID from hexadecimal; None for every other text."""
    return (int(text, 16) or None) if _IDENTITY.fullmatch(text) else None


def read_size(text: str) -> int | None:
    """Return a number of members; None for one that no cluster can have."""
    return read_number(text, MOST_MEMBERS)


def read_ordinals(text: str) -> tuple[int, ...] | None:
    """Return ordinals with commas between; None for anything that is no such list."""
    if len(text) > 2 * MOST_MEMBERS:
        return None
    found = [read_number(part, MOST_MEMBERS - 1) for part in text.split(",")]
    ordinals = [ordinal for ordinal in found if ordinal is not None]
    distinct = len(set(ordinals)) == len(found)
    return tuple(sorted(ordinals)) if distinct else None


def is_request(text: str) -> bool:
    """Whether this is an approval of quorum loss as the records have it."""
    cluster_id, _, revision = text.partition("/")
    known = read_identity(cluster_id) is not None
    return known and read_number(revision, LARGEST_REVISION) is not None
