"""The mutants of users, passwords and connection Secrets: whom etcd lets in, and what clients know.

The model has no users: unit tests notice each.
"""

from __future__ import annotations

from typing import Final

from tests.model.mutation import Mutant

ACCESS: Final = (
    Mutant("users: deletes what others created", "core/auth/diff.py", "find_changes",
           "auth.mode == 'Managed'", "True"),
    Mutant("users: changes what is nobody's of the spec", "core/auth/diff.py", "find_changes",
           "auth.mode == 'Unmanaged'", "False"),
    Mutant("users: keeps a password that the spec does not want", "core/auth/diff.py",
           "_find_user_step",
           "Step.RECREATE_USER if has else None", "None"),
    Mutant("users: sets a password for a user that etcd keeps none of", "core/auth/diff.py",
           "_find_user_step",
           "Step.RECREATE_USER if secret else None", "Step.SET_LOGIN if secret else None"),
    Mutant("guard: lets what others created be deleted", "core/auth/guard.py", "_find_taken",
           "auth.mode == 'Additive'", "False"),
    Mutant("guard: lets the operator lose its user", "core/auth/guard.py", "refuse_auth_change",
           "_locks_out(change, snapshot)", "False"),
    Mutant("guard: lets its own user go while a member serves plain text", "core/auth/guard.py",
           "_locks_out",
           "change.subject == 'root' or plain", "change.subject == 'root'"),
    Mutant("guard: has root deleted while authentication is on", "core/auth/guard.py",
           "_locks_out",
           "change.subject == 'root' and on", "False"),
    Mutant("guard: lets anybody's password be set for the operator", "core/auth/guard.py",
           "_locks_out",
           "change.secret.name == named[change.subject]", "True"),
    Mutant("guard: lets authentication shut the operator out", "core/auth/guard.py",
           "refuse_auth_change",
           "own is None or own.problem", "False"),
    Mutant("guard: lets plain text shut the operator out", "core/auth/guard.py",
           "refuse_plain_members",
           "lets_in or not known.enabled", "True"),
    Mutant("users: takes TLS away before the operator can log in", "core/auth/login.py",
           "find_login_obstacle",
           "known.passwords.get(OPERATOR_USER) is not PasswordState.WANTED", "False"),
    Mutant("users: enables authentication without a password of the operator",
           "core/auth/diff.py", "find_changes",
           "usable != accounts", "False"),
    Mutant("users: trusts a root that may have no password", "core/auth/diff.py",
           "_find_user_step",
           "user in _OWN and (not known.enabled)", "False"),
    Mutant("users: takes a password that somebody else wrote", "core/auth/login.py",
           "find_foreign_secrets",
           "one.owner_uid != naming.uid", "False"),
    Mutant("guard: lets a user of somebody else get a password", "core/auth/guard.py",
           "_find_taken",
           "change.subject not in {user.name for user in auth.users}", "False"),
    Mutant("connections: keeps a certificate that was renewed", "core/connections/wanted.py",
           "_refresh",
           "live.sources != wanted.fingerprint", "False"),
    Mutant("connections: writes a Secret of somebody else", "core/connections/wanted.py",
           "_refresh",
           "live.owner_uid != snapshot.naming.uid", "False"),
    Mutant("guard: lets a connection Secret of somebody else be written",
           "core/connections/guard.py", "refuse_connection",
           "live is not None and live.owner_uid != snapshot.naming.uid", "False"),
)  # fmt: skip
