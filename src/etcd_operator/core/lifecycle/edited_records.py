"""Records that somebody has edited: found here, once, before any rule depends on them.

The operator keeps what must survive a pass in annotations and in the status, where whoever may
write the object may write anything. What cannot be read counts as absent where it is read, and
nothing is done while it is there: absent might mean that the cluster was never formed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from etcd_operator.core.bootstrap.gate_record import ANNOTATION_RESTORE_SIZE
from etcd_operator.core.certificates.tls_record import is_tls_record
from etcd_operator.core.consistency.record import read_differed
from etcd_operator.core.model.issuer_stage import ANNOTATION_ISSUER_STAGE, read_issuer_stage
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.naming import (
    ANNOTATION_ANNOUNCED,
    ANNOTATION_BOOTSTRAP,
    ANNOTATION_CLUSTER_ID,
    ANNOTATION_DIFFERED,
    ANNOTATION_MEMBERS,
    ANNOTATION_RECOVERED,
    ANNOTATION_RECOVERY,
    ANNOTATION_SPENT,
    ANNOTATION_TLS,
    ANNOTATION_VERSION,
    MOST_MEMBERS,
)
from etcd_operator.core.model.numbers import read_identity, read_number, read_ordinals, read_size
from etcd_operator.core.model.peer_stage import ANNOTATION_PEER_TLS, read_stage
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.quorum_loss.approval import is_recovered, is_spent
from etcd_operator.core.quorum_loss.record import read_recovery
from etcd_operator.core.rollout.versions import parse_record
from etcd_operator.core.takeover.record import ANNOTATION_TAKE_OVER, read_take_over

# What a person did not write is told by more than this of it.
SHOWN: Final = 60
PUT_BACK: Final = "put back what it was"
# What members and their objects say anew.
DERIVED: Final = f"{PUT_BACK}, or remove it to have it written anew"

Check = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that nobody can read: where it is, what it says, and what a person can do."""

    where: str
    text: str
    remedy: str

    @property
    def sentence(self) -> str:
        """The sentence for the user; what was written there may be long."""
        shown = self.text if len(self.text) <= SHOWN else f"{self.text[:SHOWN]}…"
        return f"{self.where} was edited and cannot be read: it says {shown!r}; {self.remedy}."


def _is_differed(text: str) -> bool:
    return read_differed(text) is not None


_ON_GATE: Final[Mapping[str, tuple[Check, str]]] = {
    ANNOTATION_CLUSTER_ID: (read_identity, DERIVED),
    ANNOTATION_MEMBERS: (read_ordinals, DERIVED),
    ANNOTATION_ANNOUNCED: (read_size, DERIVED),
    ANNOTATION_BOOTSTRAP: (read_size, PUT_BACK),
    ANNOTATION_VERSION: (parse_record, DERIVED),
    ANNOTATION_TLS: (is_tls_record, PUT_BACK),
    ANNOTATION_PEER_TLS: (read_stage, PUT_BACK),
    ANNOTATION_ISSUER_STAGE: (read_issuer_stage, PUT_BACK),
    ANNOTATION_RECOVERY: (read_recovery, PUT_BACK),
    ANNOTATION_RECOVERED: (is_recovered, PUT_BACK),
    ANNOTATION_SPENT: (is_spent, PUT_BACK),
    ANNOTATION_DIFFERED: (_is_differed, DERIVED),
    ANNOTATION_TAKE_OVER: (read_take_over, PUT_BACK),
}
_ON_STATEFUL_SET: Final = (ANNOTATION_CLUSTER_ID, ANNOTATION_BOOTSTRAP)


def find_unreadable(snapshot: Snapshot) -> tuple[Unreadable, ...]:
    """Return every record of the cluster that is there and cannot be read."""
    gate, live = snapshot.config_map, snapshot.statefulset
    return (
        *_check_annotations(gate, tuple(_ON_GATE), snapshot),
        *_check_annotations(live, _ON_STATEFUL_SET, snapshot),
        *_check_restore(snapshot),
        *_check_status(snapshot),
    )


def _check_annotations(
    child: Child | None, names: tuple[str, ...], snapshot: Snapshot
) -> Iterator[Unreadable]:
    if child is None or child.owner_uid != snapshot.naming.uid:
        return
    for name in names:
        text = child.annotations.get(name, "")
        check, remedy = _ON_GATE[name]
        if text and check(text) in (None, False):
            yield Unreadable(f"The annotation {name} of {child.kind} {child.name}", text, remedy)


def _check_restore(snapshot: Snapshot) -> Iterator[Unreadable]:
    text = snapshot.cluster.annotations.get(ANNOTATION_RESTORE_SIZE, "")
    if text and read_number(text, MOST_MEMBERS, least=1) is None:
        where = f"The annotation {ANNOTATION_RESTORE_SIZE} of the EtcdCluster"
        yield Unreadable(where, text, PUT_BACK)


def _check_status(snapshot: Snapshot) -> Iterator[Unreadable]:
    """The status is written anew from the other records; without them it is all there is."""
    status = snapshot.cluster.status
    if status.cluster_id and read_identity(status.cluster_id) is None:
        yield Unreadable("status.clusterID", status.cluster_id, PUT_BACK)
    if status.last_recovery and not is_recovered(status.last_recovery):
        yield Unreadable("status.lastRecovery", status.last_recovery, PUT_BACK)
    spent = " ".join(status.spent_approvals)
    if spent and not is_spent(spent):
        yield Unreadable("status.spentApprovals", spent, PUT_BACK)
