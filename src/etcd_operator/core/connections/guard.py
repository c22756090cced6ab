"""The second opinion about connection Secrets; see `guards`."""

from __future__ import annotations

from etcd_operator.core.actions import WriteConnection
from etcd_operator.core.model.snapshot import Snapshot


def refuse_connection(action: WriteConnection, snapshot: Snapshot) -> str | None:
    """Only a Secret of the cluster's own is written, and only from Secrets that were looked at."""
    wanted = action.connection
    live = snapshot.connections.get(wanted.secret)
    if live is not None and live.owner_uid != snapshot.naming.uid:
        return "the Secret has another owner than the EtcdCluster"
    if (live.uid if live else "") != action.uid:
        return "the Secret is not the one that was read"
    if not snapshot.cluster.spec.connection_secrets:
        return "spec.connectionSecrets is not set"
    if wanted.uri.startswith("https:") and wanted.certificate is None:
        return "clients need a certificate, and there is none yet"
    return None
