"""Bring etcd's users and roles to what the spec asks for."""

from __future__ import annotations

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import Action, ChangeAuth
from etcd_operator.core.auth.diff import find_changes, find_hindrances, find_missing_secrets
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, POD_START, Decision
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import attention, routine
from etcd_operator.wording import them


def sync_auth(snapshot: Snapshot) -> Decision | None:
    """Make users and roles as the spec has them, then let etcd ask for them."""
    changes, live = find_changes(snapshot), snapshot.membership
    if live is None or not snapshot.quorum_confirmed:
        return None
    if missing := find_missing_secrets(snapshot):
        names = ", ".join(action.secret for action in missing)
        return _decide(snapshot, f"Creating passwords of users: Secret {names}.", missing)
    if not changes:
        return None
    message = f"Updating users and roles: {len(changes)} changes left."
    actions = tuple(ChangeAuth(change, live.cluster_id) for change in changes)
    return _decide(snapshot, message, actions)


def report_authentication_off(snapshot: Snapshot) -> Decision | None:
    """Say that etcd lets everybody in as long as the operator itself could not log in."""
    hindrances = find_hindrances(snapshot)
    if not hindrances:
        return None
    found = (snapshot.passwords.get(account.secret) for account in hindrances)
    secrets = [secret for secret in found if secret is not None]
    why = " ".join(f"Secret {each.name} cannot be used: {each.problem}." for each in secrets)
    return Decision(
        reason=attention.AUTHENTICATION_OFF,
        message=(
            "Authentication is not enabled, and every client may read and write, because the "
            f"operator could not log in any more. {why} Correct {them(len(secrets))}, or delete "
            f"{them(len(secrets))} to have a random password."
        ),
        phase=Phase.RUNNING,
        requeue_after=OUTSIDE_CHANGE,
    )


def _decide(snapshot: Snapshot, message: str, actions: tuple[Action, ...]) -> Decision:
    return Decision(
        reason=routine.SYNCING_AUTH,
        message=message,
        phase=snapshot.cluster.status.phase or Phase.RUNNING,
        actions=actions,
        requeue_after=POD_START,
    )
