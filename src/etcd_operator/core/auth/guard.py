"""The second opinion about users, roles and their passwords; see `guards`."""

from __future__ import annotations

from etcd_operator.api.client_tls import ClientTls
from etcd_operator.api.security import Auth
from etcd_operator.core.actions import ChangeAuth, CreatePasswordSecret
from etcd_operator.core.auth.state import Step
from etcd_operator.core.model.snapshot import Snapshot

_LOGIN_STEPS = (Step.SET_LOGIN, Step.RECREATE_USER)


def refuse_auth_change(action: ChangeAuth, snapshot: Snapshot) -> str | None:
    """Nobody may lock the operator out: it speaks as etcd's own root."""
    change, auth = action.change, snapshot.cluster.spec.auth
    locks_out = (Step.DELETE_USER, Step.TAKE_ROLE, *_LOGIN_STEPS)
    if change.step in locks_out and change.subject == "root":
        return "the operator would lose its access as etcd's user root"
    if auth and (taken := _find_taken(action, auth)) is not None:
        return taken
    if change.step is Step.ENABLE and not snapshot.naming.client_tls:
        return "etcd knows users by their client certificates, and spec.security.tls is off"
    plain = [pod.name for pod in snapshot.pods if pod.client_tls is ClientTls.OFF]
    if change.step is Step.ENABLE and plain:
        return f"{plain[0]} serves plain text alone, and would not know the operator"
    return None


def refuse_password_secret(action: CreatePasswordSecret, snapshot: Snapshot) -> str | None:
    """Only a Secret that the spec names is created, and never one that is there."""
    named = {user.password_secret for user in snapshot.cluster.spec.users}
    if action.secret not in named:
        return "spec.security.auth.users names no such passwordSecret"
    there = action.secret in snapshot.passwords or action.secret in snapshot.credentials
    return "the Secret exists" if there else None


def _find_taken(action: ChangeAuth, auth: Auth) -> str | None:
    """Users and roles that are others' are theirs: by the mode, all or those not listed."""
    change = action.change
    if auth.mode == "Unmanaged":
        return "spec.security.auth.mode is Unmanaged"
    if change.step in _LOGIN_STEPS and change.subject not in {user.name for user in auth.users}:
        return "spec.security.auth.users has no such user"
    if auth.mode == "Additive" and change.step in (Step.DELETE_USER, Step.DELETE_ROLE):
        return "spec.security.auth.mode is Additive, and others may have created it"
    return None
