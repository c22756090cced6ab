"""Types of conditions: names that are part of the API, as `registry` describes them."""

from __future__ import annotations

from typing import Final

AVAILABLE: Final = "Available"
READY: Final = "Ready"
PROGRESSING: Final = "Progressing"
DEGRADED: Final = "Degraded"
QUORUM_HEALTHY: Final = "QuorumHealthy"
DATA_LOSS_POSSIBLE: Final = "DataLossPossible"
QUORUM_LOSS_APPROVED: Final = "QuorumLossApproved"
PAUSED: Final = "Paused"
SPEC_WARNING: Final = "SpecWarning"
CERTIFICATES_VALID: Final = "CertificatesValid"
BACKUP_HEALTHY: Final = "BackupHealthy"
CHANGED_BY_OTHERS: Final = "ChangedByOthers"
UPGRADE_WAITING: Final = "UpgradeWaiting"
# Of EtcdBackup and EtcdRestore.
COMPLETED: Final = "Completed"
VERIFIED: Final = "Verified"
