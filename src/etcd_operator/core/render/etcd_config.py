"""One etcd configuration file per member: the gate made into YAML.

Keys are those of etcd's `--config-file`. JSON is a subset of YAML, so the file is written as JSON
values and needs no YAML library.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.core.layout import Gate, Layout
from etcd_operator.core.naming import CLIENT_PORT, METRICS_PORT, PEER_PORT, Naming

DATA_MOUNT = "/var/lib/etcd"
# Below the mount, so that etcd creates it with the mode it wants and lost+found stays outside.
DATA_DIRECTORY = f"{DATA_MOUNT}/data"
# From 3.6 on etcd takes several learners at once; the largest cluster grows from 1 to 9.
MAX_LEARNERS = 8


def render_configs(spec: EtcdClusterSpec, naming: Naming, layout: Layout) -> dict[str, str]:
    """Render the ConfigMap data: file name to content, one per ordinal of the layout."""
    return {
        naming.config_key(ordinal): _render_config(spec, naming, layout, ordinal, gate)
        for ordinal, gate in enumerate(layout.gates)
    }


def _render_config(
    spec: EtcdClusterSpec, naming: Naming, layout: Layout, ordinal: int, gate: Gate
) -> str:
    listed = (ordinal,) if gate is Gate.CLOSED else layout.listed
    settings: dict[str, str | int | bool] = {
        "name": naming.member(ordinal),
        "data-dir": DATA_DIRECTORY,
        "listen-client-urls": f"http://0.0.0.0:{CLIENT_PORT}",
        "listen-peer-urls": f"http://0.0.0.0:{PEER_PORT}",
        "listen-metrics-urls": f"http://0.0.0.0:{METRICS_PORT}",
        "advertise-client-urls": naming.client_url(ordinal),
        "initial-advertise-peer-urls": naming.peer_url(ordinal),
        "initial-cluster": _initial_cluster(naming, listed),
        "initial-cluster-state": "new" if gate is Gate.NEW else "existing",
        "initial-cluster-token": naming.token,
        "enable-grpc-gateway": False,
    }
    if spec.minor >= (3, 6):
        settings["max-learners"] = MAX_LEARNERS
    settings.update(_tuning(spec))
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in settings.items())


def _initial_cluster(naming: Naming, ordinals: Iterable[int]) -> str:
    return ",".join(f"{naming.member(o)}={naming.peer_url(o)}" for o in ordinals)


def _tuning(spec: EtcdClusterSpec) -> dict[str, str | int | bool]:
    config = spec.etcd_config
    if config is None:
        return {}
    wanted = {
        "quota-backend-bytes": config.quota_backend_bytes,
        "auto-compaction-mode": config.auto_compaction_mode,
        "auto-compaction-retention": config.auto_compaction_retention,
        "snapshot-count": config.snapshot_count,
        "heartbeat-interval": config.heartbeat_interval,
        "election-timeout": config.election_timeout,
        "max-request-bytes": config.max_request_bytes,
    }
    return {key: value for key, value in wanted.items() if value is not None}
