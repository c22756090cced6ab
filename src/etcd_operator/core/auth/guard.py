"""The second opinion about users, roles and their passwords; see `guards`."""

from __future__ import annotations

from etcd_operator.api.security import Auth
from etcd_operator.core.actions import ApplyObject, ChangeAuth, CreatePasswordSecret
from etcd_operator.core.auth.state import OPERATOR_USER, Change, PasswordState, Step
from etcd_operator.core.model.client_tls import CLIENT
from etcd_operator.core.model.naming import ANNOTATION_TLS
from etcd_operator.core.model.snapshot import Snapshot

_LOGIN_STEPS = (Step.SET_LOGIN, Step.RECREATE_USER)
# The users that the operator is.
_OWN = ("root", OPERATOR_USER)


def refuse_auth_change(action: ChangeAuth, snapshot: Snapshot) -> str | None:
    """Nobody may lock the operator out: it speaks as etcd's own root."""
    change, auth = action.change, snapshot.cluster.spec.auth
    if change.subject in _OWN and _locks_out(change, snapshot):
        return f"the operator would lose its access as etcd's user {change.subject}"
    if auth and (taken := _find_taken(action, auth)) is not None:
        return taken
    own = snapshot.passwords.get(snapshot.naming.operator_password)
    plain = any(not pod.client_tls.tls for pod in snapshot.pods) or not snapshot.naming.client_tls
    if change.step is Step.ENABLE and plain and (own is None or own.problem):
        return "members with plain text alone would not let the operator in: it has no password"
    return None


def _locks_out(change: Change, snapshot: Snapshot) -> bool:
    """Whether a step takes from root, or from the operator's own user, what lets the operator in.

    Beside members with TLS alone it needs no user of its own, and nowhere is it to have a password
    that is not in its Secret.
    """
    known = snapshot.access
    begins_plain = snapshot.cluster.spec.client_tls_mode.plain
    plain = begins_plain or any(pod.client_tls.plain for pod in snapshot.pods)
    named = _own_secrets(snapshot)
    given = change.secret is not None and change.secret.name == named[change.subject]
    match change.step:
        case Step.DELETE_USER:
            return change.subject == "root" or plain
        case Step.TAKE_ROLE:
            return True
        case Step.ADD_USER:
            return not given and (begins_plain or change.subject == OPERATOR_USER)
        case Step.SET_LOGIN:
            return not (plain and given)
        case Step.RECREATE_USER:
            on = known is None or known.enabled
            return not (plain and given) or (change.subject == "root" and on)
        case _:
            return False


def _own_secrets(snapshot: Snapshot) -> dict[str, str]:
    """The Secrets with the passwords of the users that the operator is, by user."""
    auth, naming = snapshot.cluster.spec.auth, snapshot.naming
    return {
        OPERATOR_USER: naming.operator_password,
        "root": (auth and auth.root_password_secret) or naming.root_password,
    }


def refuse_plain_members(action: ApplyObject, snapshot: Snapshot) -> str | None:
    """No file takes TLS from members before etcd knows the password that the operator has."""
    annotations = (action.manifest.get("metadata") or {}).get("annotations") or {}
    auth, known, live = snapshot.cluster.spec.auth, snapshot.access, snapshot.config_map
    before = live.annotations.get(ANNOTATION_TLS, "") if live else ""
    begins = CLIENT in before.split(",") and CLIENT not in annotations.get(ANNOTATION_TLS, "")
    if not begins or auth is None or auth.mode == "Unmanaged":
        return None
    if snapshot.recorded_cluster_id is None:
        return None  # and etcd has no users yet
    if known and not known.enabled:
        return None
    roles = known.users.get(OPERATOR_USER, ()) if known else ()
    if known and "root" in roles and known.passwords.get(OPERATOR_USER) is PasswordState.WANTED:
        return None
    return "members without TLS would not let the operator in: etcd has not told of its password"


def refuse_password_secret(action: CreatePasswordSecret, snapshot: Snapshot) -> str | None:
    """Only a Secret that the spec names is created, and never one that is there."""
    auth = snapshot.cluster.spec.auth
    named = {user.password_secret for user in snapshot.cluster.spec.users}
    if auth and auth.mode != "Unmanaged":
        named |= {*_own_secrets(snapshot).values()}
    if action.secret not in named:
        return "spec.security.auth.users names no such passwordSecret"
    there = action.secret in snapshot.passwords or action.secret in snapshot.credentials
    return "the Secret exists" if there else None


def _find_taken(action: ChangeAuth, auth: Auth) -> str | None:
    """Users and roles that are others' are theirs: by the mode, all or those not listed."""
    change = action.change
    if auth.mode == "Unmanaged":
        return "spec.security.auth.mode is Unmanaged"
    if change.subject in _OWN:
        return None
    if change.step in _LOGIN_STEPS and change.subject not in {user.name for user in auth.users}:
        return "spec.security.auth.users has no such user"
    if auth.mode == "Additive" and change.step in (Step.DELETE_USER, Step.DELETE_ROLE):
        return "spec.security.auth.mode is Additive, and others may have created it"
    return None
