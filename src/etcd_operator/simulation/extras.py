"""Actions that no scenario has, carried out on a simulated real cluster.

Certificates are issued and backups succeed at once; databases shrink to what is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from etcd_operator.core.actions import (
    Action,
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
    IssueAuthority,
    IssueCertificate,
    MirrorAction,
    RequestBackup,
    ResizeClaim,
    ShareTrust,
    TakeOverAction,
    UpdateMember,
    WriteConnection,
)
from etcd_operator.core.auth.state import Change, EtcdAuth, PasswordSecret, PasswordState, Step
from etcd_operator.core.certificates.state import (
    AUTHORITY_LIFETIME,
    CLIENT_TRUST_FILE,
    CLOCK_SKEW,
    PEER_TRUST_FILE,
    Certificate,
    Credential,
    Trusted,
)
from etcd_operator.core.connections.state import ConnectionSecret
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.members import NO_SPACE
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.required_backup.requirement import ANNOTATION_BEFORE
from etcd_operator.core.required_backup.state import BackupState
from etcd_operator.json_types import Json
from etcd_operator.simulation import passes, take_over
from etcd_operator.simulation.manifest import Manifest
from etcd_operator.simulation.mirror import edit_mirror
from etcd_operator.simulation.origin import Beyond
from etcd_operator.simulation.second_disks import is_about_log
from etcd_operator.simulation.world import STATEFUL_SET, State, find_slot, put

Perform = Callable[[State], passes.Outcome]
Edit = Callable[[Beyond], Beyond]

TRUST_FILES: Final = (CLIENT_TRUST_FILE, PEER_TRUST_FILE)


def handle_real(action: Action, snapshot: Snapshot, limit: int) -> Perform:
    """Return how an action on a real cluster is carried out in the modelled world."""
    if isinstance(action, MirrorAction):
        edit: Edit | None = edit_mirror(action)
    else:
        edit = _find_edit(action, snapshot)
    if edit is not None:
        return lambda state: (state._replace(beyond=edit(state.beyond)), None)
    if isinstance(action, TakeOverAction):
        return take_over.handle(action)
    if isinstance(action, ApplyObject):
        Manifest.of(action.manifest).exactly()
    perform = passes.handle(action, snapshot, limit)
    if isinstance(action, ApplyObject) and action.kind == "ConfigMap":
        return _with_trust(perform, action.manifest, snapshot)
    if isinstance(action, ApplyObject | DeleteObject) and action.kind == "StatefulSet":
        return _with_revision(perform)
    return perform


def _find_edit(action: Action, snapshot: Snapshot) -> Edit | None:
    """Return how what no scenario has becomes another; None for what the world carries out."""
    match action:
        case ApplyObject() | DeleteObject():
            return _edit_child(action, snapshot)
        case Compact() | ChangeClaimAttributes() | UpdateMember():
            return _edit_values(action)
        case ResizeClaim(name=name, size=size) if is_about_log(action, snapshot.naming):
            return lambda beyond: replace(beyond, wal_sizes={**beyond.wal_sizes, name: size})
        case Defragment(ordinal=ordinal):
            return _edit_database(ordinal, snapshot)
        case DisarmAlarm(alarm=alarm) if alarm == NO_SPACE:
            return lambda beyond: replace(beyond, no_space=False)
        case ChangeAuth(change=change):
            return lambda beyond: replace(beyond, access=change_auth(beyond.access, change))
        case CreatePasswordSecret() | WriteConnection():
            return _edit_secrets_of_users(action, snapshot.naming.uid)
        case RequestBackup():
            return _edit_backups(action)
        case CopyCertificate() | IssueAuthority() | IssueCertificate() | ShareTrust():
            return _edit_credentials(action, snapshot.naming.uid)
        case _:
            return None


def _edit_values(action: Compact | ChangeClaimAttributes | UpdateMember) -> Edit:
    if isinstance(action, Compact):
        return lambda beyond: replace(beyond, compacted=True)
    if isinstance(action, UpdateMember):
        urls = {action.member_id: action.peer_urls}
        return lambda beyond: replace(beyond, peer_urls={**beyond.peer_urls, **urls})
    changed = {action.name: action.attributes_class}
    return lambda beyond: replace(
        beyond, attributes_classes={**beyond.attributes_classes, **changed}
    )


def _edit_child(action: ApplyObject | DeleteObject, snapshot: Snapshot) -> Edit | None:
    key = (action.kind, action.name)
    if find_slot(*key, snapshot.naming.name) is not None:
        return None
    if isinstance(action, DeleteObject):
        if action.kind in ("Pod", "PersistentVolumeClaim"):
            return None
        return lambda beyond: replace(
            beyond, children={k: v for k, v in beyond.children.items() if k != key}
        )
    body, uid = action.manifest, action.uid or f"new-{action.name}"
    made = Child(action.kind, action.name, uid, snapshot.naming.uid, "1", body=body)
    return lambda beyond: replace(beyond, children={**beyond.children, key: made})


def _edit_database(ordinal: int, snapshot: Snapshot) -> Edit:
    status = snapshot.probes[ordinal].status if ordinal in snapshot.probes else None
    used = status.db_size_in_use if status else 0
    return lambda beyond: replace(beyond, database_sizes={**beyond.database_sizes, ordinal: used})


def _edit_backups(action: RequestBackup) -> Edit:
    annotations = action.manifest["metadata"].get("annotations") or {}

    def edit(beyond: Beyond) -> Beyond:
        made = BackupState(
            name=action.name,
            last=beyond.now,
            due=None,
            created=beyond.now,
            mark=annotations.get(ANNOTATION_BEFORE, ""),
            verified=True,
        )
        return replace(beyond, backups=(*beyond.backups, made))

    return edit


def _edit_secrets_of_users(action: CreatePasswordSecret | WriteConnection, owner: str) -> Edit:
    if isinstance(action, CreatePasswordSecret):
        password = PasswordSecret(action.secret, f"new-{action.secret}", "1", owner_uid=owner)
        return lambda beyond: replace(
            beyond, passwords={**beyond.passwords, password.name: password}
        )
    wanted = action.connection
    uid = action.uid or f"new-{wanted.secret}"
    made = ConnectionSecret(wanted.secret, uid, owner, "1", wanted.fingerprint)
    return lambda beyond: replace(beyond, connections={**beyond.connections, made.name: made})


def _edit_credentials(action: CertificateAction, owner: str) -> Edit:
    def edit(beyond: Beyond) -> Beyond:
        made = replace(_issue(action, beyond), owner_uid=owner)
        return replace(beyond, credentials={**beyond.credentials, made.name: made})

    return edit


def _issue(action: CertificateAction, beyond: Beyond) -> Credential:
    if isinstance(action, IssueCertificate):
        return _issue_leaf(action, beyond)
    if isinstance(action, CopyCertificate):
        return _copy(action, beyond)
    name = action.secret
    before = beyond.credentials.get(name)
    count = _next_version(before)
    if isinstance(action, ShareTrust):
        assert before is not None
        # Who is trusted no more signs no more either.
        return replace(before, trusted=action.trusted, resource_version=f"{count}", previous=None)
    own = action.handed_over.key_id if action.handed_over else f"{name}-{count}"
    lasts = beyond.now + AUTHORITY_LIFETIME
    certificate = Certificate(own, own, beyond.now - CLOCK_SKEW, lasts)
    trusted = Trusted(own, f"simulated authority {own}", lasts, beyond.now - CLOCK_SKEW)
    return Credential(
        name,
        before.uid if before else f"new-{name}",
        "",
        f"{count}",
        certificate,
        (*action.keep, trusted),
        generation=action.generation,
        previous=before.certificate if before and action.keep else None,
    )


def _copy(action: CopyCertificate, beyond: Beyond) -> Credential:
    before = beyond.credentials.get(action.secret)
    server, client = (beyond.credentials[name] for name in action.sources)
    return replace(
        server,
        name=action.secret,
        uid=before.uid if before else f"new-{action.secret}",
        resource_version=f"{_next_version(before)}",
        trusted=action.trusted,
        client=client.certificate,
    )


def _next_version(before: Credential | None) -> int:
    counts = before is not None and before.resource_version.isdecimal()
    return int(before.resource_version) + 1 if before and counts else 1


def _issue_leaf(action: IssueCertificate, beyond: Beyond) -> Credential:
    leaf = action.leaf
    before, authority = (beyond.credentials.get(each) for each in (leaf.secret, leaf.authority))
    signer = action.signer
    if not signer and authority and authority.certificate:
        signer = authority.certificate.key_id
    count = _next_version(before)
    certificate = Certificate(
        f"{leaf.secret}-{count}",
        signer,
        beyond.now - CLOCK_SKEW,
        beyond.now + action.lifetime,
        leaf.common_name,
        leaf.names,
        server=leaf.server,
        client=leaf.client,
    )
    own = authority.trusted if authority else ()
    trusted = action.trusted or tuple(t for t in own if t.key_id == signer) or own
    return Credential(
        leaf.secret, before.uid if before else f"new-{leaf.secret}", "", f"{count}",
        certificate, trusted,
    )  # fmt: skip


def _with_revision(perform: Perform) -> Perform:
    """Have a StatefulSet that is created anew know the revisions of the one before it."""

    def perform_and_compare(state: State) -> passes.Outcome:
        before = state.statefulset
        after, error = perform(state)
        now, last = after.statefulset, after.beyond.last_statefulset
        if before is not None:
            last = before.manifest
        elif now is not None and last is not None:
            same = now._replace(manifest=now.manifest.over(last))
            after = after._replace(children=put(after.children, STATEFUL_SET, same))
        return after._replace(beyond=replace(after.beyond, last_statefulset=last)), error

    return perform_and_compare


def _with_trust(perform: Perform, manifest: Json, snapshot: Snapshot) -> Perform:
    """Have members be told whom to trust by the gate that is written."""
    known = {
        one.key_id: one
        for trusted in (
            *(each.trusted for each in snapshot.credentials.values()),
            *snapshot.gate_trust.values(),
        )
        for one in trusted
    }
    data = manifest.get("data") or {}
    told = {
        file: tuple(one for one in known.values() if one.pem.strip() in data[file])
        for file in TRUST_FILES
        if file in data
    }

    def perform_and_tell(state: State) -> passes.Outcome:
        after, error = perform(state)
        if error is None:
            after = after._replace(beyond=replace(after.beyond, gate_trust=told))
        return after, error

    return perform_and_tell


def change_auth(access: EtcdAuth | None, change: Change) -> EtcdAuth:
    """Return users and roles after one step."""
    known = access or EtcdAuth()
    users, roles, passwords = dict(known.users), dict(known.roles), dict(known.passwords)
    subject, grants = change.subject, frozenset(filter(None, (change.grant,)))
    match change.step:
        case Step.ADD_ROLE:
            roles[subject] = frozenset()
        case Step.GRANT:
            roles[subject] = roles.get(subject, frozenset()) | grants
        case Step.REVOKE:
            roles[subject] = roles.get(subject, frozenset()) - grants
        case Step.ADD_USER | Step.RECREATE_USER | Step.SET_LOGIN:
            passwords[subject] = PasswordState.WANTED if change.secret else PasswordState.NONE
            users[subject] = known.users[subject] if change.step is Step.SET_LOGIN else frozenset()
        case Step.GIVE_ROLE:
            users[subject] = users.get(subject, frozenset()) | {change.role}
        case Step.TAKE_ROLE:
            users[subject] = users.get(subject, frozenset()) - {change.role}
        case Step.DELETE_USER:
            users.pop(subject, None)
        case Step.DELETE_ROLE:
            roles.pop(subject, None)
    enabled = known.enabled
    if change.step in (Step.ENABLE, Step.DISABLE):
        enabled = change.step is Step.ENABLE
    return EtcdAuth(enabled, users, roles, passwords, known.revision)
