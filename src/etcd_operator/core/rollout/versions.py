"""Which version members may run next, by what they ran last and what is on their disks.

The lowest version that members were seen to run is recorded on the gate, so that it is known also
while nothing runs. With it goes the minor version whose entries may still be in their logs: etcd
3.7 ends when it meets one of 3.5. Until a version can follow, the objects keep the one of before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.api.release import STEPS_DOWN, Minor, Release, Version
from etcd_operator.core.model.naming import ANNOTATION_VERSION
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.rollout.upgrade_route import refuse_upgrade

# This one cannot read what the other has logged.
FORGETFUL: Final = (3, 7)
FORGOTTEN: Final = (3, 5)
# The first that reads it, and says what its disk can be read by.
BETWEEN: Final = (3, 6)


@dataclass(frozen=True, slots=True)
class Record:
    """The lowest release that members ran last, and the oldest minor version in their logs."""

    release: Release
    log: Minor

    def write(self) -> str:
        """As an annotation, such as `3.6.16 3.5`."""
        return f"{'.'.join(map(str, self.release))} {'.'.join(map(str, self.log))}"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why the spec's version cannot follow: for good, or until etcd's downgrade has prepared it.

    `target` is that of the downgrade: the spec's own minor version, or an earlier one that is
    asked for only because it has every member write a snapshot. `passes` says that etcd is about
    to remove it.
    """

    sentence: str
    target: Minor | None = None
    passes: bool = False


def read_record(snapshot: Snapshot) -> Record | None:
    """Return what the gate remembers."""
    gate = snapshot.config_map
    if gate is None or gate.owner_uid != snapshot.naming.uid:
        return None
    return parse_record(gate.annotations.get(ANNOTATION_VERSION, ""))


def parse_record(text: str) -> Record | None:
    """Read the annotation; None for an empty one, and for one that nobody can read."""
    ran, _, log = text.partition(" ")
    release, oldest = Version(ran).release, Version(f"{log}.0").release
    return Record(release, oldest[:2]) if release and oldest else None


def _running(snapshot: Snapshot) -> list[Release]:
    """Versions of the members that answer."""
    return [s.release for s in snapshot.member_statuses if s.release]


def all_answer(snapshot: Snapshot) -> bool:
    """Whether every member that ever ran has said what it runs."""
    started = {member.id for member in snapshot.members if member.started}
    return bool(started) and started <= {status.member_id for status in snapshot.member_statuses}


def next_record(snapshot: Snapshot) -> str:
    """Return what the gate is to remember from now on; empty if nothing is known."""
    old = read_record(snapshot)
    seen = _running(snapshot)
    if not seen:
        return old.write() if old else ""
    if old and not all_answer(snapshot):
        seen.append(old.release)
    lowest = min(seen)
    if old is not None:
        log = min(old.log, lowest[:2])
    elif snapshot.recorded_cluster_id is None:
        log = lowest[:2]  # it has just been formed
    else:
        log = min(lowest[:2], FORGOTTEN)  # nobody knows where it comes from
    if is_readable(snapshot, BETWEEN) and lowest[:2] == BETWEEN:
        # To be readable by 3.5 every member has written a snapshot: the log begins after it.
        log = BETWEEN
    return Record(lowest, log).write()


def is_readable(snapshot: Snapshot, ran: Minor) -> bool:
    """Whether a downgrade has made every disk of these members readable, and keeps it so.

    Without etcd's downgrade a disk is readable too while one member still runs the minor version
    before: the cluster then speaks and stores as that does.
    """
    told, below = snapshot.member_statuses, STEPS_DOWN[ran]
    newer = [s for s in told if s.minor == ran]
    held = len(newer) < len(told) or all(s.downgrade_minor == below for s in newer)
    stored = all(s.storage_minor == below for s in newer)
    return bool(told) and all_answer(snapshot) and held and stored


@dataclass(frozen=True, slots=True)
class Lie:
    """Members of the template that is there now run another minor version than it is said to."""

    release: Release
    members: tuple[str, ...]


def find_lie(snapshot: Snapshot) -> Lie | None:
    """Return what members with Pods of the present template run, if that is not its version."""
    claimed, told = snapshot.template_version.release, snapshot.member_statuses
    others = [s for s in told if claimed and s.release and s.release[:2] != claimed[:2]]
    if not others:
        return None  # as nearly always: no seat is looked at
    found: dict[str, Release] = {}
    for seat in snapshot.seats():
        status = seat.probe.status if seat.probe else None
        ran = status.release if status and seat.member else None
        if ran and seat.pod and status in others and snapshot.is_current(seat.pod):
            found[seat.pod.name] = ran
    return Lie(max(found.values()), tuple(found)) if found else None


def find_range(snapshot: Snapshot, spec: EtcdClusterSpec) -> tuple[Release, Release] | None:
    """Return the lowest and the highest release that members run, or ran last.

    None where the spec's version needs to follow none: nobody has run yet, or the spec only says
    otherwise what is in the image that is there.
    """
    record = read_record(snapshot)
    seen = _running(snapshot)
    if record and not all_answer(snapshot):
        seen.append(record.release)
    if find_lie(snapshot) and spec.etcd_image == snapshot.template_image:
        return None  # no version is wanted but the one that is there: the spec calls it otherwise
    template = _template_release(snapshot)
    if not seen and template:
        seen.append(template)  # without a record, nothing else says what ran
    if not seen or snapshot.recorded_cluster_id is None:
        return None
    return min(seen), max(seen)


def _template_release(snapshot: Snapshot) -> Release | None:
    """What Pods of the template run: as members say, else as the template says."""
    lie = find_lie(snapshot)
    return lie.release if lie else snapshot.template_version.release


def find_obstacle(snapshot: Snapshot, spec: EtcdClusterSpec) -> Obstacle | None:
    """Return why the spec's version cannot follow what members run or ran; None if it can."""
    ran = find_range(snapshot, spec)
    if ran is None:
        return None
    (lowest, highest), record = ran, read_record(snapshot)
    template = _template_release(snapshot)
    if refused := refuse_upgrade(snapshot, spec, lowest):
        return Obstacle(refused)
    if spec.minor < highest[:2] and (refused := _refuse_downgrade(spec, lowest, highest)):
        return Obstacle(refused)
    if template and template[:2] == spec.minor and not _goes_up_again(snapshot, spec.minor):
        return None  # it was found possible before, and is under way
    if spec.minor < highest[:2] and not is_readable(snapshot, highest[:2]):
        below = Version.name_minor(spec.minor)
        return Obstacle(f"etcd makes every disk readable by {below}", spec.minor)
    if lowest[:2] < FORGETFUL <= spec.minor and not _is_log_new(snapshot, record):
        return Obstacle("etcd writes snapshots, for 3.7 cannot read what 3.5 has logged", FORGOTTEN)
    if BETWEEN <= lowest[:2] < spec.minor and not stores_as_it_runs(snapshot):
        return Obstacle("etcd stores as the version that its members run", passes=True)
    return None


def stores_as_it_runs(snapshot: Snapshot) -> bool:
    """Whether etcd has gone up to the version that members run, after an upgrade or a downgrade."""
    return all(status.storage_minor == status.minor for status in snapshot.member_statuses)


def _goes_up_again(snapshot: Snapshot, wanted: Minor) -> bool:
    """Whether a downgrade was ended before any member ran its version: disks go up again then."""
    told = snapshot.member_statuses
    return all_answer(snapshot) and all(
        s.minor > wanted and s.downgrade_minor != wanted for s in told
    )


def _refuse_downgrade(spec: EtcdClusterSpec, lowest: Release, highest: Release) -> str | None:
    ran, below = Version.of(highest), STEPS_DOWN.get(highest[:2])
    if below == spec.minor:
        rejoins = spec.storage.ephemeral is not None and spec.minor < lowest[:2]
        return _refuse_joining(spec, ran) if rejoins else None
    older = f"spec.version {spec.version} is older than {ran}, which members run, and etcd"
    if below is None:
        return f"{older} cannot go back there: keep {ran} or a later one."
    step = Version.name_minor(below)
    return f"{older} goes back one minor version at a time: downgrade to {step} first."


def _refuse_joining(spec: EtcdClusterSpec, ran: Version) -> str:
    """Say why members that are not restarted, but join anew, cannot go back.

    During a downgrade etcd lets nobody join of the version that it goes to (`allowedVersionRange`
    in server/etcdserver/cluster_util.go).
    """
    return (
        f"spec.version {spec.version} is older than {ran}, which members run. With "
        f"spec.storage.ephemeral members join anew, and etcd lets none of an older version join: "
        f"keep {ran} or a later one, or create another cluster and move the data."
    )


def _is_log_new(snapshot: Snapshot, record: Record | None) -> bool:
    """Whether no entry of 3.5 is left, and nothing of what that took."""
    told = snapshot.member_statuses
    settled = all(
        not s.downgrade_target and s.storage_minor == BETWEEN for s in told if s.minor == BETWEEN
    )
    return record is not None and record.log >= BETWEEN and settled and all_answer(snapshot)


def find_version_before(snapshot: Snapshot, spec: EtcdClusterSpec) -> Version | None:
    """Return the version to stay with while the spec's cannot follow; None if it can.

    A template that was to run the lower version of a downgrade that has ended goes back to what
    members run. Not where the spec names an image: nobody knows that of the other version any more.
    """
    obstacle = find_obstacle(snapshot, spec)
    if obstacle is None:
        return None
    record, kept = read_record(snapshot), snapshot.template_version
    if lie := find_lie(snapshot):
        kept = Version.of(lie.release)
    elif obstacle.target == kept.minor == spec.minor and snapshot.kept_image is None:
        kept = Version.of(max(_running(snapshot)))
    if kept.release is None and record:
        kept = Version.of(record.release)
    return kept if kept.release else None
