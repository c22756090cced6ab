"""Actions and decisions in a few words, so that a table row fits the eye and a diff is readable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, assert_never

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import (
    Action,
    AddLearner,
    ApplyObject,
    CertificateAction,
    ChangeAuth,
    ChangeClaimAttributes,
    Compact,
    CopyCertificate,
    CreatePasswordSecret,
    Defragment,
    DeleteObject,
    DisarmAlarm,
    EndMirror,
    EvictPod,
    IssueAuthority,
    IssueCertificate,
    LabelPod,
    MaintenanceAction,
    MembershipAction,
    MirrorAction,
    MoveLeader,
    PassLeadership,
    PromoteMember,
    QuarantineDisk,
    RebindVolume,
    RecordRestore,
    RemoveMember,
    RemoveSourceMember,
    RequestBackup,
    ResizeClaim,
    ResizePod,
    RestoreReclaimPolicy,
    RetainVolume,
    ScaleSource,
    SetDowngrade,
    SetFinalizer,
    SetPodRevision,
    ShareTrust,
    StartMirror,
    StopMirror,
    TakeOverAction,
    UpdateMember,
    VolumeAction,
    WriteConnection,
)
from etcd_operator.core.model.decision import Rule
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons.reason import Reason


def brief(action: Action) -> str:
    """One action in a few words, e.g. `delete Pod db-2`."""
    if isinstance(action, MaintenanceAction | MembershipAction):
        return _brief_etcd(action)
    if isinstance(action, VolumeAction | RecordRestore):
        return _brief_replacement(action)
    if isinstance(action, TakeOverAction | CertificateAction | MirrorAction):
        return _brief_others(action)
    if isinstance(action, ChangeAuth | CreatePasswordSecret | WriteConnection):
        return _brief_auth(action)
    match action:
        case SetFinalizer(present=present):
            return "finalizer on" if present else "finalizer off"
        case ApplyObject() | RequestBackup():
            verb = f"apply {action.kind}" if isinstance(action, ApplyObject) else "back up"
            return f"{verb} {action.name}"
        case DeleteObject() | EvictPod():
            return _brief_deletion(action)
        case ResizeClaim() | ResizePod() | SetPodRevision() | ChangeClaimAttributes():
            return _brief_resize(action)
        case LabelPod(name=name, role=role, lost=lost):
            return f"label {name} {role}" + (" and select it" if lost else "")
    assert_never(action)


def _brief_resize(
    action: ResizeClaim | ResizePod | SetPodRevision | ChangeClaimAttributes,
) -> str:
    if isinstance(action, ChangeClaimAttributes):
        return f"{action.name} becomes {action.attributes_class}"
    done = isinstance(action, SetPodRevision)
    return f"{action.name} is resized" if done else f"resize {action.name}"


def _brief_auth(action: ChangeAuth | CreatePasswordSecret | WriteConnection) -> str:
    if isinstance(action, WriteConnection):
        return f"connection {action.connection.secret}"
    if isinstance(action, CreatePasswordSecret):
        return f"password {action.secret}"
    return action.change.sentence


def _brief_deletion(action: DeleteObject | EvictPod) -> str:
    if isinstance(action, EvictPod):
        return f"evict {action.name}"
    return f"delete {action.kind} {action.name}" + (" at once" if action.grace_seconds == 0 else "")


def _brief_replacement(action: VolumeAction | RecordRestore) -> str:
    match action:
        case QuarantineDisk(name=name):
            return f"quarantine {name}"
        case RetainVolume(volume=volume):
            return f"keep {volume}"
        case RebindVolume(name=name, volume=volume):
            return f"put {volume} back as {name}"
        case RestoreReclaimPolicy(volume=volume):
            return f"release {volume}"
        case RecordRestore(following=following, undone=undone):
            done = "undone" if undone else "over"
            return f"record {following.stage.value if following else done}"


def _brief_etcd(action: MaintenanceAction | MembershipAction) -> str:
    if isinstance(action, MaintenanceAction):
        return _brief_care(action)
    return _brief_membership(action)


def _brief_membership(action: MembershipAction) -> str:
    match action:
        case AddLearner(ordinal=ordinal):
            return f"add {ordinal}"
        case PromoteMember(ordinal=ordinal):
            return f"promote {ordinal}"
        case RemoveMember(ordinal=ordinal):
            return f"remove {ordinal}"
        case MoveLeader(from_ordinal=source, to_ordinal=target):
            return f"lead {source}>{target}"
        case UpdateMember(ordinal=ordinal, peer_urls=urls):
            return f"list {ordinal} at {' and '.join(url.partition('://')[0] for url in urls)}"


def _brief_take_over(action: TakeOverAction) -> str:
    match action:
        case ScaleSource(name=name, replicas=replicas):
            return f"scale {name} to {replicas}"
        case RemoveSourceMember(pod=pod):
            return f"remove {pod}"
        case PassLeadership(from_name=source, to_name=target):
            return f"lead {source}>{target}"


def _brief_mirror(action: MirrorAction) -> str:
    match action:
        case StartMirror(approval=approval):
            return "cut over" if approval else "mirror"
        case StopMirror(uid=uid):
            return f"stop {uid}"
        case EndMirror():
            return "end the mirror"


def _brief_others(action: TakeOverAction | CertificateAction | MirrorAction) -> str:
    if isinstance(action, MirrorAction):
        return _brief_mirror(action)
    if isinstance(action, TakeOverAction):
        return _brief_take_over(action)
    return _brief_certificate(action)


def _brief_certificate(action: CertificateAction) -> str:
    match action:
        case CopyCertificate(secret=secret):
            return f"copy {secret}"
        case IssueAuthority(secret=secret):
            return f"authority {secret}"
        case IssueCertificate(leaf=leaf):
            return f"issue {leaf.secret}"
        case ShareTrust(secret=secret, trusted=trusted):
            return f"trust {','.join(sorted(one.key_id for one in trusted))} in {secret}"


def _brief_care(action: MaintenanceAction) -> str:
    match action:
        case Compact(revision=revision):
            return f"compact {revision}"
        case Defragment(ordinal=ordinal):
            return f"defragment {ordinal}"
        case DisarmAlarm(alarm=alarm, member_id=member_id):
            return f"disarm {alarm} {member_id:x}"
        case SetDowngrade(target=target):
            return f"downgrade to {target}" if target else "downgrade off"
    assert_never(action)


def briefs(snapshot: Snapshot) -> tuple[str, ...]:
    """The whole plan in a few words."""
    return tuple(brief(action) for action in plan(snapshot).actions)


# Of a row that acts: another row of the file has the sentence, with other names and numbers.
SAID: Final = ""


@dataclass(frozen=True)
class Fires:
    """A row: in this scene this rule decides, says this and does this, and nothing else."""

    title: str
    rule: Rule
    scene: Snapshot
    reason: Reason
    message: str
    phase: Phase
    actions: tuple[str, ...] = ()
    flags: frozenset[str] = field(default_factory=frozenset)  # settled, blocked, "no corrections"

    def check(self) -> None:
        """Plan the scene and compare everything a user or a server would see."""
        made = plan(self.scene)
        decision = made.decision
        flags = {name for name in ("settled", "blocked") if getattr(decision, name)}
        flags |= set() if decision.corrects_objects else {"no corrections"}
        assert self.message or self.actions, "what only waits is told by its sentence"
        message = self.message or decision.message
        seen = (made.rule, decision.reason, decision.message, decision.phase, flags)
        wanted = (self.rule.__name__, self.reason, message, self.phase, set(self.flags))
        assert seen == wanted
        assert tuple(brief(action) for action in made.actions) == self.actions


@dataclass(frozen=True)
class Passes:
    """A row: in this scene this rule has nothing to say."""

    title: str
    rule: Rule
    scene: Snapshot

    def check(self) -> None:
        """Ask the rule alone, so that an earlier rule cannot hide a mistake in it."""
        decision = self.rule(self.scene)
        assert decision is None, f"{decision}"


def flags(*names: str) -> frozenset[str]:
    """The flags that a decision must have, all others absent."""
    return frozenset(names)
