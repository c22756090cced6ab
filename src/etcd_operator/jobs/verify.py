"""Compare what a snapshot restores to with the cluster that it was taken from.

The hash is etcd's own (`Maintenance.HashKV`) over all keys up to one revision. It depends on how
far history was compacted, so two hashes are compared only where that is equal.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from etcd_operator.errors import BackupDiffers, EtcdError, EtcdRefused, Refusal, TaskError
from etcd_operator.jobs.members import open_member
from etcd_operator.jobs.verify_result import VerifyResult
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.wording import counted

START_SECONDS: Final = 600.0
HASH_SECONDS: Final = 600.0


async def compare(
    trial_address: str, source_address: str, least: int, *, plain: bool = False
) -> VerifyResult:
    """Return what was restored. Raises BackupDiffers, or TaskError if it cannot be told.

    `plain`: the member that the snapshot is of serves plain text.
    """
    begun = time.monotonic()
    # The trial presents the certificate of the member that the snapshot is of.
    trial = open_member(trial_address, source_address.rpartition(":")[0])
    source = open_member(source_address, plain=plain)
    try:
        revision = await _await_revision(trial)
        if revision < least:
            raise BackupDiffers(
                f"The backup differs: it ends at revision {revision}, but the cluster had "
                f"acknowledged {least}."
            )
        keys, _ = await trial.count(revision)
        hash_kv, compacted = await trial.hash_kv(revision, timeout=HASH_SECONDS)
        how = await _compare(source, revision, keys, hash_kv, compacted)
    finally:
        await trial.close()
        await source.close()
    seconds = time.monotonic() - begun
    sentence = (
        f"Restored for trial: revision {revision}, {counted(keys, 'key')}; {how} ({seconds:.1f} s)."
    )
    return VerifyResult(revision, keys, hash_kv, compacted, sentence)


async def _await_revision(trial: EtcdMemberClient) -> int:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            status = await trial.status(timeout=2.0)
            if status.leader:
                return status.revision
            said = "it has no leader"
        except EtcdError as error:
            said = str(error)
        if time.monotonic() > deadline:
            raise TaskError(f"The trial restore does not serve: {said}")
        await asyncio.sleep(0.05)


async def _compare(
    source: EtcdMemberClient, revision: int, keys: int, hash_kv: int, compacted: int
) -> str:
    """Compare with the source at the same revision; returns what was compared."""
    try:
        there, _ = await source.count(revision)
        there_hash, there_compacted = await source.hash_kv(revision, timeout=HASH_SECONDS)
    except EtcdRefused as error:
        if error.refusal is not Refusal.COMPACTED:
            raise
        return "the cluster has compacted that revision meanwhile, so hashes were not compared"
    if there != keys:
        raise BackupDiffers(
            f"The backup differs: it has {counted(keys, 'key')} at revision {revision}, the "
            f"cluster {there}."
        )
    if there_compacted != compacted:
        return "the cluster has compacted meanwhile, so keys were counted and hashes not compared"
    if there_hash != hash_kv:
        raise BackupDiffers(
            f"The backup differs: at revision {revision} its hash is {hash_kv}, the cluster's "
            f"{there_hash}."
        )
    return f"hash {hash_kv} equals the cluster's"
