"""The values of which a modelled world consists: immutable, hashable and cheap to copy.

A `State` is everything there is at one moment: the API server's objects, what is on the disks,
the membership that etcd has committed, and what is still allowed to go wrong. Two histories that
lead to the same future lead to equal states: uids say only whether an object is the one that a
stale view remembers, resourceVersions are those of the content, and member IDs are numbered per
ordinal with the lowest number that nobody remembers.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from etcd_operator.api.release import Minor
from etcd_operator.simulation.manifest import File, Manifest

NAMESPACE: Final = "default"
NAME: Final = "demo"

PEER_SERVICE: Final = 0
CLIENT_SERVICE: Final = 1
CONFIG_MAP: Final = 2
STATEFUL_SET: Final = 3
BUDGET: Final = 4
SLOTS: Final = (
    ("Service", f"{NAME}-peer"),
    ("Service", f"{NAME}-client"),
    ("ConfigMap", f"{NAME}-config"),
    ("StatefulSet", NAME),
    ("PodDisruptionBudget", NAME),
)
SLOT_OF: Final = {key: slot for slot, key in enumerate(SLOTS)}

WAITING: Final = 0  # the Pod exists, its process was never started
RUNNING: Final = 1
CRASHED: Final = 2

# What etcd says when it ends: on an empty disk behind a closed gate, and after its removal.
SAYS_EMPTY: Final = "cannot fetch cluster info from peer urls"
SAYS_REMOVED: Final = "the member has been permanently removed from the cluster"
# And of one whose version may not join.
SAYS_INCOMPATIBLE: Final = "incompatible with current running cluster"

NO_MINOR: Final[Minor] = (0, 0)

CONTROLLED: Final = 0  # owned by the live StatefulSet
DANGLING: Final = 1  # its owner is gone: the garbage collector will take it
ORPHANED: Final = 2  # nobody owns it: a StatefulSet with its labels adopts it

# As often as the operator counts: from the second restart on the back-off is long.
COUNTED_RESTARTS: Final = 2


def find_slot(kind: str, name: str, cluster: str) -> int | None:
    """The place of a rendered object of a cluster; None for one that scenarios do not have."""
    return SLOT_OF.get((kind, f"{NAME}{name.removeprefix(cluster)}"))


class Line(NamedTuple):
    """One line of the member list; `started` once the member has published its client URLs.

    `advertised` are those, where they are more than the one within Kubernetes.
    """

    ordinal: int
    id: int
    learner: bool
    started: bool
    advertised: str = ""


class Disk(NamedTuple):
    """A data directory.

    `view` is the member list as this member last saw it, empty while that is the current one.
    `synced`: it holds every acknowledged write. `data` is what it holds up to there: 0 is what
    the members' log says, each other number something else.
    """

    cluster: int
    member: int
    view: tuple[Line, ...]
    synced: bool
    data: int = 0


class Claim(NamedTuple):
    """A PersistentVolumeClaim and what is on its volume (None: nothing yet).

    `lost`: its volume can be reached only from a node that does not answer. `volume` is 0 if it
    was there before a restore in place, 1 if the EtcdRestore made it, 2 if the StatefulSet made it
    meanwhile; `kept`: it stays when the claim goes. `asked` is the size that the claim asks for and
    `has` what its volume gives it; nobody knows of them where a restore made or put back the disk.
    `ephemeral`: it is no claim but the emptyDir of the Pod of this ordinal, and goes with the Pod.
    """

    uid: int
    life: int
    bound: bool
    deleting: bool
    disk: Disk | None
    lost: bool = False
    volume: int = 0
    kept: bool = False
    asked: str = ""
    has: str = ""
    ephemeral: bool = False


class Shelved(NamedTuple):
    """A volume that was set aside by a restore in place."""

    disk: Disk | None


class Pod(NamedTuple):
    """A Pod and its process.

    `mounts` are the versions of its configuration file that it may still read, oldest first: a
    mounted ConfigMap lags, but is never older than what was read before. `lost`: its node does
    not answer, so it neither runs nor ends. `stuck`: it does not start, whatever its gate says.
    `has` are its resources as JSON, where they are not those of its revision. `ephemeral`: its data
    is in an emptyDir. `advertised` are the client URLs that its process was started with, as in
    `File`.
    """

    uid: int
    life: int
    revision: str
    owner: int
    deleting: bool
    role: str
    process: int
    restarts: int
    ever_ran: bool
    termination_message: str
    mounts: tuple[File | None, ...]
    lost: bool = False
    stuck: bool = False
    has: str = ""
    ephemeral: bool = False
    advertised: str = ""


class Child(NamedTuple):
    """One of the rendered objects; `life` says which EtcdCluster owns it, 0 if somebody else."""

    uid: int
    life: int
    manifest: Manifest


class Status(NamedTuple):
    """The part of the status on which decisions depend.

    `lost`, that it says so of the quorum, and `spent` approvals only where any are given.
    """

    phase: str
    cluster_id: str
    starting: bool
    recovered: str = ""
    lost: bool = False
    spent: tuple[str, ...] = ()


NO_STATUS: Final = Status("", "", starting=False)


class Marks(NamedTuple):
    """The annotations of a restore in place: wish, record, and that all disks are filled."""

    wish: bool = False
    record: str = ""
    filled: bool = False


NO_MARKS: Final = Marks()


class Cluster(NamedTuple):
    """The EtcdCluster. `life` stands for its uid, `spec` is its place in the scenario's specs.

    `stale` are the approvals of quorum loss that were seen while a quorum stood, by revision.
    """

    life: int
    spec: int
    deleting: bool
    finalizer: bool
    status: Status
    marks: Marks = NO_MARKS
    stale: frozenset[int] = frozenset()


class Stranger(NamedTuple):
    """A learner that a client of etcd has added by hand."""

    id: int
    url: str


class OldMember(NamedTuple):
    """A voter of a StatefulSet that is taken over; `up` as long as its Pod runs."""

    ordinal: int
    id: int
    up: bool = True


# Added to the ordinal of an old member that leads.
OLD: Final = 1000


class Etcd(NamedTuple):
    """The membership that a quorum has committed; `leader` is an ordinal, -1 for none.

    `alarms` are the members that etcd says have corrupt data; 0 if it does not know who. `old` are
    the members that are taken over, whose ordinals are counted from `OLD` on where they lead.
    `speaks` is the cluster's version, and `downgrade` the target of a downgrade; NO_MINOR for none.
    """

    life: int
    cluster: int
    members: tuple[Line, ...]
    leader: int
    alarms: tuple[int, ...] = ()
    foreign: tuple[Stranger, ...] = ()
    old: tuple[OldMember, ...] = ()
    speaks: Minor = NO_MINOR
    downgrade: Minor = NO_MINOR

    def line(self, ordinal: int) -> Line | None:
        """The member at this ordinal."""
        for line in self.members:
            if line.ordinal == ordinal:
                return line
        return None

    @property
    def voters(self) -> tuple[Line, ...]:
        """The members of its own that count."""
        return tuple(line for line in self.members if not line.learner)

    @property
    def votes(self) -> int:
        """How many members count, old ones as well."""
        return len(self.voters) + len(self.old)

    @property
    def leader_id(self) -> int:
        """The member ID of the leader; 0 if there is none."""
        if self.leader >= OLD:
            return next((each.id for each in self.old if each.ordinal + OLD == self.leader), 0)
        line = self.line(self.leader) if self.leader >= 0 else None
        return line.id if line else 0


class Told(NamedTuple):
    """What the StatefulSet's status says: of which manifest, and one sign for each Pod."""

    manifest: int
    created: str


class View(NamedTuple):
    """Caches that lag: what they show of each kind, `LIVE` for a kind that is up to date.

    `told` belongs to the children: it is the StatefulSet's status.
    """

    cluster: tuple[Cluster | None, ...]
    children: tuple[Child | None, ...]
    pods: tuple[Pod | None, ...]
    claims: tuple[Claim | None, ...]
    told: Told


# A comparison of what members hold: each member's ID, and its data.
Hashes = tuple[tuple[int, int], ...]

# No kind has an empty tuple: a frozen EtcdCluster is a tuple of one.
LIVE: Final = ()


class State(NamedTuple):
    """One moment.

    `written` tells whether a write was acknowledged; `told` is a StatefulSet's status that its
    controller has yet to bring up to date; `frozen` are caches that lag, `paused` a pass
    that was interrupted between two actions; `script` is the next of the user's moves and `faults`
    the number of faults that may still happen. `shelf` are the volumes that a restore in place has
    set aside, `former` is the membership of before. `compared` are the last comparisons that the
    operator has in memory, as far as they showed a difference. `shut_out`: members serve, and
    do not answer the operator. `beyond` is what scenarios do not have and a real cluster does.
    """

    cluster: Cluster | None
    children: tuple[Child | None, ...]
    pods: tuple[Pod | None, ...]
    claims: tuple[Claim | None, ...]
    etcd: Etcd | None
    written: bool
    told: Told | None
    frozen: View | None
    paused: Any
    script: int
    faults: int
    shelf: tuple[Shelved | None, ...]
    former: Etcd | None = None
    compared: tuple[Hashes, ...] = ()
    shut_out: bool = False
    beyond: Any = None

    @property
    def statefulset(self) -> Child | None:
        """The live StatefulSet."""
        return self.children[STATEFUL_SET]

    @property
    def remembered(self) -> bool:
        """Whether anybody remembers an older state: then a new object needs another uid."""
        return self.frozen is not None or self.paused is not None


def put(items: tuple[Any, ...], place: int, value: Any) -> tuple[Any, ...]:
    """Return the tuple with one place changed."""
    return (*items[:place], value, *items[place + 1 :])


def empty_world(width: int, faults: int) -> State:
    """A cluster of Kubernetes without anything of ours; members have ordinals below `width`."""
    return State(
        cluster=None,
        children=(None,) * len(SLOTS),
        pods=(None,) * width,
        claims=(None,) * width,
        etcd=None,
        written=False,
        told=None,
        frozen=None,
        paused=None,
        script=0,
        faults=faults,
        shelf=(None,) * width,
    )


def forget_uids(state: State) -> State:
    """Canonicalise: once nobody remembers an older state, all uids are alike."""
    if state.remembered:
        return state
    return state._replace(
        children=tuple(c and (c._replace(uid=0) if c.uid else c) for c in state.children),
        pods=tuple(p and (p._replace(uid=0) if p.uid else p) for p in state.pods),
        claims=tuple(c and (c._replace(uid=0) if c.uid else c) for c in state.claims),
    )
