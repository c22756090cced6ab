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
           "change.subject == 'root'", "False"),
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
