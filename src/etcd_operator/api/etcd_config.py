"""Options of etcd: what users set of the members' configuration, and quotas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field

from etcd_operator.api.model import Model
from etcd_operator.api.quantity import Quantity

# etcd's own, where none is set. Source: DefaultQuotaBytes in etcd's server/storage/quota.go.
DEFAULT_QUOTA: Final = 2 * 2**30
# The write-ahead log has segments of 64 MiB, of which etcd keeps five, with one that it writes and
# one that it has prepared.
LEAST_LOG: Final = 7 * 64 * 2**20
# Beside the database: the log, and snapshots.
LOG_AND_SNAPSHOTS: Final = 512 * 2**20
# More is not advised by etcd: https://etcd.io/docs/v3.6/dev-guide/limit/
LARGEST_QUOTA: Final = 8 * 2**30
# Of a smaller disk, less than 256 MiB would be left for the database.
SMALLEST_FOLLOWED: Final = Quantity.parse("1Gi")
_STEP: Final = 2**20


class EtcdConfig(Model):
    """Settings of etcd itself; anything left out has etcd's own default."""

    quota_backend_bytes: int | None = Field(
        None, ge=0, description="Largest database size in bytes before writes are refused."
    )
    quota: Literal["FollowsDisk"] | None = Field(
        None,
        description=(
            "FollowsDisk: the quota is half of what spec.storage.size has beyond 512Mi, and 8Gi at "
            "most. When the disks have grown, the members are rolled with the larger one. Instead "
            "of `quotaBackendBytes`."
        ),
    )
    auto_compaction_mode: Literal["periodic", "revision"] | None = Field(
        None,
        description="Whether history is compacted by age, the default, or by number.",
    )
    auto_compaction_retention: str | None = Field(
        None, max_length=32, description="How much history compaction keeps, e.g. 1h or 1000."
    )
    snapshot_count: int | None = Field(
        None, ge=1, description="Committed transactions between two snapshots to disk."
    )
    heartbeat_interval: int | None = Field(
        None, ge=1, description="Milliseconds between heartbeats of the leader."
    )
    election_timeout: int | None = Field(
        None, ge=1, le=50000, description="Milliseconds without heartbeat before an election."
    )
    # Members add half a mebibyte to it: beyond 64 bits no request of any size would fit.
    max_request_bytes: int | None = Field(
        None, ge=1, le=2**31 - 1, description="Largest client request in bytes."
    )
    log_level: Literal["debug", "info", "warn", "error", "panic", "fatal"] | None = Field(
        None, description="Log level of etcd."
    )
    enable_grpc_gateway: bool | None = Field(
        None,
        alias="enableGRPCGateway",
        description=(
            "Whether etcd's JSON gateway (/v3/kv/range, …) is on, which APISIX, Patroni and "
            "OpenStack use. If unset, it is off with TLS for clients, and on without."
        ),
    )
    extra_args: Mapping[str, str] | None = Field(
        None,
        description=(
            "Other options of etcd, by the name of the flag without dashes, e.g. max-txn-ops. "
            "Options that the operator sets itself are refused."
        ),
    )


def follow_disk(size: Quantity) -> int:
    """Return the quota for a disk of this size, in bytes.

    There is room for a second copy of the database: etcd writes one when it defragments, and when
    a member that was away for long gets a snapshot from the leader.
    """
    room = max(int(size.value) - LOG_AND_SNAPSHOTS, 0) // 2
    return min(room // _STEP * _STEP, LARGEST_QUOTA)
