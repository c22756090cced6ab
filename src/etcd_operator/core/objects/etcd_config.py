"""One etcd configuration file per member: the gate made into YAML.

Keys are those of etcd's `--config-file`. JSON is a subset of YAML, so the file is written as JSON
values and needs no YAML library.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from etcd_operator.api.client_tls import ClientTls
from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.api.etcd_settings import Value, convert
from etcd_operator.api.signed_tokens import TOKEN_SETTING
from etcd_operator.api.wal import WAL_MOUNT
from etcd_operator.core.auth.tokens import find_token_setting
from etcd_operator.core.bootstrap.gate import Gate, Layout
from etcd_operator.core.membership.disks import SNAPSHOTS
from etcd_operator.core.model.members import Member, format_id
from etcd_operator.core.model.naming import (
    CLIENT_PORT,
    METRICS_PORT,
    METRICS_TLS_PORT,
    MOST_MEMBERS,
    PEER_PORT,
    Naming,
)
from etcd_operator.core.objects.tls import render_transport
from etcd_operator.core.quorum_loss.record import Stage

DATA_MOUNT = "/var/lib/etcd"
# Below the mount, so that etcd creates it with the mode it wants and lost+found stays outside.
DATA_DIRECTORY = f"{DATA_MOUNT}/data"
# From 3.6 on etcd takes several learners at once; the largest cluster grows from 1 to 9.
MAX_LEARNERS = 8
# With TLS etcd serves gRPC through an HTTP server, unless HTTP has a port of its own: when it is
# told to stop, it cuts off calls that are under way. With a port for gRPC alone it sends clients
# away and answers what has begun: `stopServers` in etcd's server/embed/etcd.go. Since 3.5.8, and
# older ones pass over the setting. Nobody outside the Pod needs HTTP: metrics have ports of theirs.
# A port for gRPC alone serves no plain text beside TLS: `serve` in server/embed/serve.go.
LOOPBACK_HTTP_PORT = 2383


def render_configs(spec: EtcdClusterSpec, naming: Naming, layout: Layout) -> dict[str, str]:
    """Render the ConfigMap data: file name to content, one per ordinal of the layout."""
    files = {
        naming.config_key(ordinal): _render_config(spec, naming, layout, ordinal, gate)
        for ordinal, gate in enumerate(layout.gates)
    }
    if layout.recovery and layout.recovery.stage is Stage.FORCE:
        kept = layout.recovery.ordinal
        text = files[naming.config_key(kept)]
        files[naming.forced_config_key(kept)] = f"{text}force-new-cluster: true\n"
    return files


def render_kept_configs(
    spec: EtcdClusterSpec, naming: Naming, live: Mapping[str, str]
) -> dict[str, str]:
    """Render the live files with the settings of the spec; what each opens or closes stays.

    Without a quorum nobody can say who may join; but a setting that keeps members from running may
    be what took the quorum. A member's file that cannot be read stays as it is; what others have
    put beside the files of members does not.
    """
    files: dict[str, str] = {}
    for ordinal in range(MOST_MEMBERS):
        key, forced = naming.config_key(ordinal), naming.forced_config_key(ordinal)
        files |= {name: live[name] for name in (key, forced) if name in live}
        gate = _read_gate(live.get(key, ""))
        if gate is not None:
            files[key] = _write(_settings(spec, naming, ordinal, *gate))
    return files


def _read_gate(text: str) -> tuple[str, str] | None:
    """Members listed in a file, and the state that it gives for the cluster."""
    lines = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    try:
        found = json.loads(lines["initial-cluster"]), json.loads(lines["initial-cluster-state"])
    except (KeyError, ValueError, RecursionError):
        return None
    return found if all(isinstance(value, str) for value in found) else None


def _render_config(
    spec: EtcdClusterSpec, naming: Naming, layout: Layout, ordinal: int, gate: Gate
) -> str:
    listed = (ordinal,) if gate is Gate.CLOSED else layout.listed
    state = "new" if gate is Gate.NEW else "existing"
    known = _initial_cluster(naming, listed)
    if gate is Gate.JOIN:
        # etcd compares the list with that of its members: each has all its URLs in it.
        known = _initial_cluster(naming, listed, dict(layout.peer_urls))
        known = ",".join((known, *_name_others(layout.beside)))
    return _write(_settings(spec, naming, ordinal, known, state))


def _name_others(members: Iterable[Member]) -> Iterator[str]:
    """Members of somebody else, by their IDs: a joiner compares peer URLs, and any name will do."""
    for member in members:
        yield from (f"{format_id(member.id)}={url}" for url in member.peer_urls)


def _settings(
    spec: EtcdClusterSpec, naming: Naming, ordinal: int, initial_cluster: str, state: str
) -> dict[str, Any]:
    mode = spec.client_tls_mode
    settings: dict[str, Any] = {
        "name": naming.member(ordinal),
        "data-dir": find_data_directory(spec, naming, ordinal),
        "listen-client-urls": ",".join(f"{s}://0.0.0.0:{CLIENT_PORT}" for s in mode.schemes),
        "listen-peer-urls": f"{naming.peer_stage.scheme}://0.0.0.0:{PEER_PORT}",
        "listen-metrics-urls": _metrics_urls(spec),
        "advertise-client-urls": ",".join(naming.advertised_urls(ordinal, mode)),
        "initial-advertise-peer-urls": naming.peer_url(ordinal),
        "initial-cluster": initial_cluster,
        "initial-cluster-state": state,
        "initial-cluster-token": naming.token,
        "enable-grpc-gateway": spec.grpc_gateway,
    }
    if mode is ClientTls.STRICT and not spec.grpc_gateway:
        settings["listen-client-http-urls"] = f"http://127.0.0.1:{LOOPBACK_HTTP_PORT}"
    if spec.storage.wal is not None:
        alone = "," not in initial_cluster
        settings.update(_use_two_disks(naming, ordinal, closed=alone and state == "existing"))
    if spec.minor >= (3, 6):
        settings["max-learners"] = MAX_LEARNERS
    settings.update(render_transport(spec, naming))
    settings.update(render_tuning(spec))
    return settings


def find_data_directory(spec: EtcdClusterSpec, naming: Naming, ordinal: int) -> str:
    """Where a member's data is. Of two disks each names its member: no other's is taken for it."""
    return f"{DATA_MOUNT}/{naming.member(ordinal)}" if spec.storage.wal else DATA_DIRECTORY


def find_wal_directory(naming: Naming, ordinal: int) -> str:
    """Where a member's write-ahead log is, if that has a disk of its own."""
    return f"{WAL_MOUNT}/{naming.member(ordinal)}"


# From any directory, because the one above the root is the root.
_TO_THE_ROOT = "/.." * 16


def _use_two_disks(naming: Naming, ordinal: int, *, closed: bool) -> dict[str, Any]:
    """Keep the write-ahead log on its own disk; `closed`: start only with both disks of one life.

    Without its log a member is told from an empty one by etcd itself: it exits, as the gate is
    closed. With its log and without its data it would start, and make the data anew from the log:
    what a restore had put there, or a snapshot of the leader, would be missing. So the log output
    that is given to etcd leads through the directory of its snapshots. It is the kernel that goes
    there and back; etcd opens its outputs before all else (`setupLogging` in server/embed), makes
    no directory for them, and exits if it cannot, with nothing written to either disk.
    """
    settings: dict[str, Any] = {"wal-dir": find_wal_directory(naming, ordinal)}
    if closed:
        snapshots = f"{DATA_MOUNT}/{naming.member(ordinal)}/{SNAPSHOTS}"
        settings["log-outputs"] = ["stderr", f"{snapshots}{_TO_THE_ROOT}/dev/null"]
    return settings


def _write(settings: dict[str, Any]) -> str:
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in settings.items())


def name_metrics_ports(spec: EtcdClusterSpec) -> dict[str, int]:
    """Return the ports that serve metrics, by the names that monitors look for.

    With TLS none is named `metrics`: who asks in plain HTTP for what has that name is not let in.
    """
    if spec.metrics_tls:
        return {"health": METRICS_PORT, "metrics-tls": METRICS_TLS_PORT}
    return {"metrics": METRICS_PORT}


def _metrics_urls(spec: EtcdClusterSpec) -> str:
    """Where the metrics are served.

    etcd asks for a client's certificate wherever it serves them over HTTPS, also for /livez and
    /readyz there: `createMetricsListener` in its server/embed/etcd.go takes `ClientTLSInfo`. The
    kubelet's probes have none to show, so the plain port stays.
    """
    plain = f"http://0.0.0.0:{METRICS_PORT}"
    return f"{plain},https://0.0.0.0:{METRICS_TLS_PORT}" if spec.metrics_tls else plain


def _initial_cluster(
    naming: Naming, ordinals: Iterable[int], known: Mapping[int, tuple[str, ...]] | None = None
) -> str:
    """Members by name and peer URL; `known` are the URLs of those that have other ones, or more."""
    listed = ((o, (known or {}).get(o) or (naming.peer_url(o),)) for o in ordinals)
    return ",".join(f"{naming.member(o)}={url}" for o, urls in listed for url in urls)


def render_tuning(spec: EtcdClusterSpec) -> dict[str, Value]:
    """Render what the user set: the part of the file that all members share.

    Raises ValueError for extra settings that `check_settings` would refuse.
    """
    setting = find_token_setting(spec)
    tokens: dict[str, Value] = {TOKEN_SETTING: setting} if setting else {}
    config = spec.etcd_config
    if config is None:
        return tokens
    mode = config.auto_compaction_mode
    if config.auto_compaction_retention is not None:
        mode = mode or "periodic"  # etcd 3.5 takes its own default only from its command line
    wanted: dict[str, Value | None] = {
        "quota-backend-bytes": config.quota_backend_bytes,
        "auto-compaction-mode": mode,
        "auto-compaction-retention": config.auto_compaction_retention,
        "snapshot-count": config.snapshot_count,
        "heartbeat-interval": config.heartbeat_interval,
        "election-timeout": config.election_timeout,
        "max-request-bytes": config.max_request_bytes,
        "log-level": config.log_level,
        "enable-grpc-gateway": config.enable_grpc_gateway,
    }
    extra = {name: convert(name, text) for name, text in (config.extra_args or {}).items()}
    return {key: value for key, value in wanted.items() if value is not None} | extra | tokens
