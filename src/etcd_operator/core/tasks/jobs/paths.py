"""Where things are in the Pod of a Job. Alone in a module, so that a step loads nothing for it."""

from __future__ import annotations

from typing import Final

SPOOL: Final = "/spool"
STORE: Final = "/store"
SECRETS: Final = "/secrets"
# The directory of the key that backups are encrypted with, in there.
ENCRYPTION: Final = "encryption"
# Of a cluster with TLS: the operator's own client certificate, and what the cluster itself has.
IDENTITY: Final = "/etcd-tls/identity"
PRESENTED: Final = "/etcd-tls/server"
TRUST: Final = "/etcd-tls/trust"
# Of a cluster without TLS whose users have passwords: that of the operator's user, and its name.
LOGIN: Final = "/etcd-login"
LOGIN_VARIABLE: Final = "ETCD_OPERATOR_USER"
TASK_VARIABLE: Final = "ETCD_OPERATOR_TASK"

SNAPSHOT: Final = f"{SPOOL}/snapshot.db"
TRIAL: Final = f"{SPOOL}/trial"
TRIAL_CLIENT: Final = "http://127.0.0.1:2379"
