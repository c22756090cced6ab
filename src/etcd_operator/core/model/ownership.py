"""Which members of etcd are the operator's, and which a client of etcd has added.

A member is known by its peer URL, and etcd takes any URL from any client. The operator's are
those below the ordinals that it announced, at exactly the URL that it would announce, or at that
and the other one while TLS between members changes. One at the host of a member but spelled
otherwise hides nobody: it counts only if it has served, as a member of before the cluster's domain
was another, and nobody else is there. A record that says less than there is was edited, or put back
from a backup: who answers from its own Pod is the operator's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from etcd_operator.core.model.members import Member
from etcd_operator.core.model.naming import (
    ANNOTATION_ANNOUNCED,
    ANNOTATION_BOOTSTRAP,
    ANNOTATION_MEMBERS,
    MOST_MEMBERS,
    Naming,
)
from etcd_operator.core.model.numbers import read_ordinals, read_size
from etcd_operator.printable import make_printable

# A client of etcd adds as many as it likes, with URLs as long as it likes.
NAMED: Final = 5
LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Ownership:
    """The operator's members by ordinal, and all others in the order of etcd's list.

    `taken_over` are those that a take-over has on record: of somebody else, and expected.
    """

    own: Mapping[int, Member]
    foreign: tuple[Member, ...]
    taken_over: tuple[Member, ...] = ()


def count_announced(gate: Mapping[str, str], made: Collection[int]) -> int:
    """Return how many ordinals count, by the annotations of the gate.

    Where they say nothing, by all that was `made` for members: each a number of ordinals.
    """
    members = read_ordinals(gate.get(ANNOTATION_MEMBERS, ""))
    begun = read_size(gate.get(ANNOTATION_BOOTSTRAP, ""))
    highest = members[-1] + 1 if members else 0
    known = max(highest, begun or 0, announced_beyond(gate))
    return min(known or max(made, default=0), MOST_MEMBERS)


def announced_beyond(gate: Mapping[str, str]) -> int:
    """Return how many ordinals the gate says to be announced beyond those of members; 0: none."""
    return read_size(gate.get(ANNOTATION_ANNOUNCED, "")) or 0


def sort_members(
    members: tuple[Member, ...],
    naming: Naming,
    announced: int,
    answering: Mapping[int, int],
    allowed: Collection[int] = (),
) -> Ownership:
    """Tell the operator's members from foreign ones; `announced` is how many ordinals count.

    `allowed` are the member IDs that a take-over has on record.

    Beyond them only those count that are `answering`: IDs of members by the ordinal of their Pod.
    """
    claims: dict[int, list[Member]] = {}
    for member in members:
        ordinal = naming.ordinal_of_member(member)
        if ordinal is None or member.id in allowed:
            continue
        if ordinal < announced or answering.get(ordinal) == member.id:
            claims.setdefault(ordinal, []).append(member)
    chosen = ((ordinal, _choose(ordinal, some, naming)) for ordinal, some in claims.items())
    own = {ordinal: member for ordinal, member in sorted(chosen) if member is not None}
    kept = set(own.values())
    others = [member for member in members if member not in kept]
    return Ownership(
        own,
        tuple(member for member in others if member.id not in allowed),
        tuple(member for member in others if member.id in allowed),
    )


def show_urls(member: Member) -> str:
    """The peer URLs of a member that anybody may have written, as far as they can be shown."""
    text = make_printable(" ".join(member.peer_urls))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _choose(ordinal: int, claims: list[Member], naming: Naming) -> Member | None:
    url = naming.peer_url(ordinal)
    given = (member for member in claims if naming.gives_urls(ordinal, member.peer_urls))
    exact = [member for member in given if url in member.peer_urls]
    served = [member for member in claims if member.started]
    found = exact or served
    return found[0] if len(found) == 1 else None
