"""Warnings about a spec that Kubernetes and etcd accept, and that ends badly.

Nothing here is refused: clusters with such a spec exist, and run for as long as their database is
small.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.api.etcd_config import DEFAULT_QUOTA, LEAST_LOG, LOG_AND_SNAPSHOTS
from etcd_operator.core.auth.login import Account, find_accounts
from etcd_operator.core.auth.state import PasswordState
from etcd_operator.core.model.aliases import find_foreign_aliases, wanted_aliases
from etcd_operator.core.model.live_objects import Claim
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.resources import find_resources
from etcd_operator.core.reasons import verdicts
from etcd_operator.core.reasons.reason import Reason
from etcd_operator.wording import say_foreign, them


class SpecWarning(NamedTuple):
    """A reason, and a sentence with fields, values and the remedy."""

    reason: Reason
    message: str


def find_spec_warnings(snapshot: Snapshot) -> list[SpecWarning]:
    """Return what is to be said of the spec, the worst first."""
    spec = snapshot.spec
    found = (
        _find_unusable_password(snapshot, spec),
        _find_foreign_connection(snapshot),
        _find_foreign_alias(snapshot),
        _compare_with_disk(snapshot, spec),
        _compare_log_with_disk(snapshot, spec),
        _compare_with_memory(snapshot, spec),
        _find_no_address(spec),
        _find_plain_passwords(spec),
    )
    return [warning for warning in found if warning]


def _find_unusable_password(snapshot: Snapshot, spec: EtcdClusterSpec) -> SpecWarning | None:
    accounts = find_accounts(spec, snapshot.naming, snapshot.pods)
    own = next(filter(None, (_find_unusable_login(snapshot, one) for one in accounts)), None)
    if own is not None:
        return own
    for user in spec.users:
        secret = snapshot.passwords.get(user.password_secret or "")
        if secret and secret.problem:
            return SpecWarning(
                verdicts.PASSWORD_UNUSABLE,
                f"Secret {secret.name}, the passwordSecret of user {user.name}, cannot be used: "
                f"{secret.problem}. Correct it, or delete it to have a random password.",
            )
    return None


def _find_unusable_login(snapshot: Snapshot, account: Account) -> SpecWarning | None:
    secret = snapshot.passwords.get(account.secret)
    if (secret is None and account.made) or (secret and not secret.problem):
        return _find_root_without_password(snapshot, account)
    why = f"cannot be used: {secret.problem}" if secret else "does not exist"
    remedy = "correct it, or delete it to have a random password" if account.made else "correct it"
    return SpecWarning(
        verdicts.PASSWORD_UNUSABLE,
        f"Secret {account.secret} with the password of etcd's user {account.user} {why}. The "
        f"operator logs in with the password in it: {remedy}.",
    )


def _find_root_without_password(snapshot: Snapshot, account: Account) -> SpecWarning | None:
    """A root that was created for a certificate alone, where the spec names a password for it."""
    auth, known = snapshot.spec.auth, snapshot.access
    named = auth is not None and auth.root_password_secret == account.secret
    state = known.passwords.get(account.user) if known else None
    if not (named and account.made and state is PasswordState.NONE):
        return None
    return SpecWarning(
        verdicts.PASSWORD_UNUSABLE,
        f"Secret {account.secret} of spec.security.auth.rootPasswordSecret has no effect: etcd's "
        "user root was created without a password, and etcd cannot give it one while "
        "authentication is on. Remove rootPasswordSecret, or set spec.security.auth.enabled to "
        "false and then to true again.",
    )


def _find_plain_passwords(spec: EtcdClusterSpec) -> SpecWarning | None:
    auth, mode = spec.auth, spec.client_tls_mode
    if auth is None or not mode.plain or not (auth.enabled or auth.mode == "Unmanaged"):
        return None
    remedy = (
        "set spec.security.tls.clientTLSMode to Strict when all clients use TLS"
        if mode.tls
        else "turn on TLS for clients, by way of spec.security.tls.clientTLSMode Permissive"
    )
    return SpecWarning(
        verdicts.PASSWORDS_IN_PLAIN_TEXT,
        "Clients without TLS send passwords and keys over the network in plain text, and whoever "
        f"sees it can read them: {remedy}.",
    )


def _find_foreign_connection(snapshot: Snapshot) -> SpecWarning | None:
    uid = snapshot.naming.uid
    foreign = sorted(one.name for one in snapshot.connections.values() if one.owner_uid != uid)
    if not foreign:
        return None
    return SpecWarning(
        verdicts.CONNECTION_NAME_TAKEN,
        f"{say_foreign(foreign, 'Secret')}, so no connection is written there: delete "
        f"{them(len(foreign))}, or set spec.connectionSecrets to false.",
    )


def _find_foreign_alias(snapshot: Snapshot) -> SpecWarning | None:
    foreign = [name for name in find_foreign_aliases(snapshot) if name in wanted_aliases(snapshot)]
    if not foreign:
        return None
    return SpecWarning(
        verdicts.ALIAS_TAKEN,
        f"{say_foreign(foreign, 'Service')} (spec.service.aliases): delete {them(len(foreign))}, "
        "and one that leads to the members is created at once.",
    )


def _find_no_address(spec: EtcdClusterSpec) -> SpecWarning | None:
    """Only a load balancer says by itself at which address it is."""
    wanted = spec.member_addresses
    if wanted is None or wanted.names:
        return None
    if wanted.service and wanted.service.type == "LoadBalancer":
        return None
    kind = f"service.type is {wanted.service.type}" if wanted.service else "they have no Service"
    return SpecWarning(
        verdicts.NO_MEMBER_ADDRESS,
        f"spec.memberAddresses gives members no address: {kind}, and names is empty. Name an "
        "address for each member in spec.memberAddresses.names, or set service.type to "
        "LoadBalancer.",
    )


def _compare_with_disk(snapshot: Snapshot, spec: EtcdClusterSpec) -> SpecWarning | None:
    disk = _smallest_disk(snapshot, spec)
    if disk is None:
        return None
    room = disk - LOG_AND_SNAPSHOTS
    if quota_of(spec) <= room:
        return None
    size = "spec.storage.ephemeral.sizeLimit" if spec.storage.ephemeral else "spec.storage.size"
    remedy = f"Raise {size}."
    if room > 0:
        given = spec.etcd_config and spec.etcd_config.quota_backend_bytes
        field = "it" if given else "spec.etcdConfig.quotaBackendBytes"
        remedy = f"Set {field} to at most {int(room)}, or raise {size}."
    return SpecWarning(
        verdicts.QUOTA_EXCEEDS_DISK,
        f"{_name_quota(spec)} does not fit on a disk of {_format(disk)} beside the write-ahead log "
        f"and snapshots ({_format(LOG_AND_SNAPSHOTS)}): the disk would be full, and members would "
        f"crash, before etcd refuses writes. {remedy}",
    )


def _compare_log_with_disk(snapshot: Snapshot, spec: EtcdClusterSpec) -> SpecWarning | None:
    if spec.storage.wal is None:
        return None
    claims = [claim for claim in snapshot.claims if claim.wal]
    disk = _smallest(snapshot, claims) or spec.storage.wal.size.value
    if disk >= LEAST_LOG:
        return None
    return SpecWarning(
        verdicts.LOG_EXCEEDS_DISK,
        f"etcd's write-ahead log takes {_format(LEAST_LOG)} and more, which does not fit on a disk "
        f"of {_format(disk)}: the disk would be full, and members would crash. Raise "
        "spec.storage.wal.size.",
    )


def _compare_with_memory(snapshot: Snapshot, spec: EtcdClusterSpec) -> SpecWarning | None:
    """Where nobody has chosen either, it is said when the database has come half way."""
    memory = (find_resources(spec).limits or {}).get("memory")
    if memory is None or quota_of(spec) <= memory.value:
        return None
    limit = memory.value
    chosen = spec.resources or (spec.etcd_config and spec.etcd_config.quota_backend_bytes)
    largest = max((member.db_size for member in snapshot.cluster.status.members), default=0)
    if not chosen and largest * 2 < limit:
        return None
    return SpecWarning(
        verdicts.QUOTA_EXCEEDS_MEMORY,
        f"{_name_quota(spec)} is more than a member's memory limit of {_format(limit)}: etcd maps "
        "the database into memory, so a large one makes it slow, or has it killed (OOMKilled). "
        "Raise spec.resources.limits.memory, or lower spec.etcdConfig.quotaBackendBytes.",
    )


def quota_of(spec: EtcdClusterSpec) -> int:
    """The largest size of the database that etcd lets it have."""
    return (spec.etcd_config and spec.etcd_config.quota_backend_bytes) or DEFAULT_QUOTA


def _smallest_disk(snapshot: Snapshot, spec: EtcdClusterSpec) -> Fraction | None:
    """Capacity of the smallest volume; the requested one before there is any.

    None where nobody says it: of an emptyDir without a limit.
    """
    if spec.storage.ephemeral is not None:
        limit = spec.storage.ephemeral.size_limit
        return limit.value if limit else None
    return _smallest(snapshot, snapshot.data_claims) or spec.storage.requested.value


def _smallest(snapshot: Snapshot, claims: Iterable[Claim]) -> Fraction | None:
    ours = [claim.capacity for claim in claims if claim.owner_uid == snapshot.naming.uid]
    return min((size.value for size in ours if size), default=None)


def _name_quota(spec: EtcdClusterSpec) -> str:
    if spec.etcd_config and spec.etcd_config.quota_backend_bytes:
        given = spec.etcd_config.quota_backend_bytes
        if spec.etcd_config.quota:
            field = f"spec.etcdConfig.quota {spec.etcd_config.quota}"
            return f"The quota of {_format(Fraction(given))} ({field})"
        return f"spec.etcdConfig.quotaBackendBytes of {_format(Fraction(given))}"
    return f"etcd's own quota of {_format(Fraction(DEFAULT_QUOTA))} (none is set)"


def _format(size: Fraction | int) -> str:
    """A size in the unit in which it is shortest to read."""
    for unit, factor in (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
        if size >= factor:
            return f"{float(size) / factor:.4g}{unit}"
    return str(int(size))
