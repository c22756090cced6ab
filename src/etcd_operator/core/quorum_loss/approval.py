"""Approvals of quorum loss: the one in the spec, and the record of those that count no more.

An approval belongs to one incident. It is spent when it is carried out, and when it is seen while
the status does not say that the quorum is lost: then it is older than the next loss, whatever that
will be. What is spent stays on record, in the status and on the ConfigMap, so that neither a
rollback of the spec nor the loss of one of the records opens an approval again.

The record is bounded: of too many approvals of one etcd cluster the lowest become a floor, up to
which every revision is spent. So it may refuse one that nobody has given, and never forgets one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from etcd_operator.api.parse import parse_time
from etcd_operator.core.in_place_restore.record import find_restore_record
from etcd_operator.core.model.members import format_id
from etcd_operator.core.model.naming import ANNOTATION_RECOVERED, ANNOTATION_SPENT
from etcd_operator.core.model.numbers import (
    LARGEST_REVISION,
    LONGEST_RECORD,
    is_request,
    read_number,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import condition_types

# Of one etcd cluster: each is a loss of quorum, or a change of mind in one.
MOST_SPENT: Final = 32

_ENTRY: Final = re.compile(r"([0-9a-f]{1,16})/(<=)?([0-9]{1,19})")

# Per etcd cluster: the revision up to which all are spent, and the single ones above.
_Spent = dict[str, tuple[int, frozenset[int]]]


def approved_request(snapshot: Snapshot) -> str | None:
    """The approval in the spec, spent or not, as `<cluster ID>/<revision>`."""
    wanted = snapshot.spec.recovery.quorum_loss
    if wanted is None:
        return None
    return f"{wanted.cluster_id.lower()}/{wanted.accepted_revision}"


def find_request(snapshot: Snapshot) -> str | None:
    """The approval in the spec that still counts."""
    request = approved_request(snapshot)
    if request is None or _is_edited(snapshot) or _covers(_read(_recorded(snapshot)), request):
        return None
    return None if _belongs_to_no_loss(snapshot) else request


def spent_approvals(snapshot: Snapshot) -> tuple[str, ...]:
    """The record as it is to be written in this pass, with what this pass has found to be spent."""
    entries = [*_recorded(snapshot)]
    request = approved_request(snapshot)
    if request is not None and _belongs_to_no_loss(snapshot):
        entries.append(request)
    kept = _known_ids(snapshot)
    spent = {i: one for i, one in _read(entries).items() if kept is None or i in kept}
    return tuple(_write(spent))


def lost_since(snapshot: Snapshot) -> datetime | None:
    """When the status began to say that the majority is lost; None if it does not say so."""
    for condition in snapshot.cluster.status.conditions:
        if condition.type == condition_types.QUORUM_HEALTHY and condition.status == "False":
            return parse_time(condition.last_transition_time)
    return None


def find_recovered(snapshot: Snapshot) -> tuple[str, str]:
    """The request that was carried out last and the revision that was kept; empty for none."""
    told = (_annotation(snapshot, ANNOTATION_RECOVERED), snapshot.cluster.status.last_recovery)
    request, _, revision = next(filter(is_recovered, told), "").partition(" ")
    return request, revision


def is_of_this_life(snapshot: Snapshot, request: str) -> bool:
    """Whether a request is about the etcd cluster that there is; a restore in place makes another.

    A recovery keeps the cluster ID.
    """
    live = snapshot.recorded_cluster_id
    return live is None or int(request.partition("/")[0], 16) == live


def is_recovered(text: str) -> bool:
    """Whether this is a record of a recovery: the approval, and the revision that was kept."""
    request, _, revision = text[:LONGEST_RECORD].partition(" ")
    return is_request(request) and read_number(revision, LARGEST_REVISION) is not None


def is_spent(text: str) -> bool:
    """Whether this is a record of approvals that count no more."""
    known = text.split() if len(text) <= LONGEST_RECORD else []
    return bool(known) and all(_ENTRY.fullmatch(entry) for entry in known)


def _is_edited(snapshot: Snapshot) -> bool:
    """Whether a record cannot be read: it may say that any approval was carried out already."""
    status = snapshot.cluster.status
    recovered = (_annotation(snapshot, ANNOTATION_RECOVERED), status.last_recovery)
    spent = (_annotation(snapshot, ANNOTATION_SPENT), " ".join(status.spent_approvals))
    readable = all(is_recovered(text) for text in recovered if text)
    return not (readable and all(is_spent(text) for text in spent if text))


def _belongs_to_no_loss(snapshot: Snapshot) -> bool:
    """Whether no loss of quorum is reported that an approval could be about."""
    return snapshot.quorum_confirmed or lost_since(snapshot) is None


def _recorded(snapshot: Snapshot) -> Iterator[str]:
    yield from snapshot.cluster.status.spent_approvals
    yield from _annotation(snapshot, ANNOTATION_SPENT)[:LONGEST_RECORD].split()
    # Records of before there were records of all.
    yield find_recovered(snapshot)[0]
    yield snapshot.cluster.status.last_recovery.partition(" ")[0]


def _read(entries: Iterable[str]) -> _Spent:
    spent: _Spent = {}
    for entry in entries:
        found = _ENTRY.fullmatch(entry)
        if found is None:
            continue
        cluster_id, is_floor, revision = found[1], bool(found[2]), int(found[3])
        floor, single = spent.get(cluster_id, (0, frozenset()))
        if is_floor:
            floor = max(floor, revision)
        else:
            single |= {revision}
        spent[cluster_id] = floor, frozenset(one for one in single if one > floor)
    return spent


def _write(spent: _Spent) -> Iterator[str]:
    for cluster_id, (floor, single) in sorted(spent.items()):
        above = sorted(single)
        surplus, kept = above[:-MOST_SPENT], above[-MOST_SPENT:]
        highest = max([floor, *surplus])
        if highest:
            yield f"{cluster_id}/<={highest}"
        yield from (f"{cluster_id}/{one}" for one in kept)


def _covers(spent: _Spent, request: str) -> bool:
    found = _ENTRY.fullmatch(request)
    if found is None:
        return False
    floor, single = spent.get(found[1], (0, frozenset()))
    return int(found[3]) <= floor or int(found[3]) in single


def _known_ids(snapshot: Snapshot) -> frozenset[str] | None:
    """The etcd clusters that this one is; None while a restore in place may change that."""
    recorded = snapshot.recorded_cluster_id
    if recorded is None or find_restore_record(snapshot.cluster) is not None:
        return None
    return frozenset({format_id(recorded)})


def _annotation(snapshot: Snapshot, name: str) -> str:
    gate = snapshot.config_map
    if gate is None or gate.owner_uid != snapshot.naming.uid:
        return ""
    return gate.annotations.get(name, "")


# Elections are over within two or three timeouts of a second each.
ELECTION: Final = timedelta(seconds=5)


def lasts(snapshot: Snapshot) -> bool:
    """Whether the status has said for longer than an election takes that the majority is lost."""
    since = lost_since(snapshot)
    return since is not None and snapshot.now - since >= ELECTION
