"""Reasons that an EtcdBackup and an EtcdRestore give alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from etcd_operator.core.reasons.reason import Reason

REFUSED_BY_KUBERNETES: Final = Reason(
    "RefusedByKubernetes",
    "Kubernetes refuses a step: a quota, an admission rule, a missing right or an invalid field.",
    "Correct what the message says; the step is tried again.",
    blocks=True,
)
CREATED: Final[Mapping[str, Reason]] = {
    "Job": Reason("CreatedJob", "Created a Job: each is one try of a backup or a restore."),
    "PersistentVolumeClaim": Reason(
        "CreatedPersistentVolumeClaim", "Created the disk of a member, which is filled next."
    ),
    "EtcdCluster": Reason("CreatedEtcdCluster", "Created the EtcdCluster that is restored."),
}
