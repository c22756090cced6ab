"""The rules that the API server checks of EtcdBackup and EtcdRestore, by the path of the field."""

from __future__ import annotations

from typing import Final

from etcd_operator.api.cel.cluster import CEL_RULES
from etcd_operator.api.cel.rule import build_rule
from etcd_operator.api.metadata import metadata_rules
from etcd_operator.api.store_forms import (
    ACCOUNT,
    ACCOUNT_REMEDY,
    BUCKET,
    BUCKET_REMEDY,
    ENDPOINT,
    ENDPOINT_REMEDY,
    REGION,
    REGION_REMEDY,
)
from etcd_operator.json_types import Json

_TEMPLATE: Final = "spec.clusterTemplate"


def _needs(storage_type: str, field: str, example: str) -> Json:
    return build_rule(
        f"self.storageType != '{storage_type}' || has(self.{field})",
        f"storageType {storage_type} needs the field {field}: set {example}",
    )


_ENCRYPTION: Final[dict[str, list[Json]]] = {
    "spec.encryption.keySecret": [
        build_rule(
            "self.matches('^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$')",
            "keySecret is the name of a Secret, and never the key itself: create a Secret with the "
            "key, and name it",
        )
    ],
}


def _form(form: str, what: str, remedy: str) -> list[Json]:
    return [build_rule(f"self == '' || self.matches(r'^{form}$')", f"{what}: {remedy}")]


_ENDPOINT_RULES: Final = _form(ENDPOINT, "it is not the URL of a service", ENDPOINT_REMEDY)
_REGION_RULES: Final = _form(REGION, "it is not the name of a region", REGION_REMEDY)
_ACCOUNT_RULES: Final = _form(ACCOUNT, "it is not the name of an account", ACCOUNT_REMEDY)
_BUCKET_RULES: Final = _form(BUCKET, "it is not the name of a bucket", BUCKET_REMEDY)


def _access_rules(parent: str) -> dict[str, list[Json]]:
    """Rules for fields that become part of the name of the host that credentials are sent to."""
    return {
        f"{parent}.s3.endpoint": _ENDPOINT_RULES,
        f"{parent}.s3.region": _REGION_RULES,
        f"{parent}.azure.endpoint": _ENDPOINT_RULES,
        f"{parent}.azure.account": _ACCOUNT_RULES,
    }


BACKUP_RULES: Final[dict[str, list[Json]]] = {
    "spec": [
        _needs("S3", "s3", "s3.bucket"),
        _needs("GCS", "gcs", "gcs.bucket"),
        _needs("Azure", "azure", "azure.account and azure.container"),
        _needs("Local", "local", "local.claimName"),
    ],
    "spec.schedule": [
        build_rule(
            "self == '' || self.matches('^(@(hourly|daily|midnight|weekly|monthly|yearly|annually)"
            "|[^ ]+( +[^ ]+){4})$')",
            "a schedule has five fields, minute hour day month weekday: use one such as 0 2 * * *",
        )
    ],
    **_access_rules("spec"),
    **metadata_rules("spec.jobTemplate"),
    "spec.scratch.size": CEL_RULES["spec.storage.size"],
    "spec.s3.bucket": _BUCKET_RULES,
    "spec.gcs.bucket": _BUCKET_RULES,
    "spec.azure.container": _BUCKET_RULES,
    **_ENCRYPTION,
}

RESTORE_RULES: Final[dict[str, list[Json]]] = {
    "spec": [
        build_rule(
            "(has(self.backupName) && self.backupName != '') != has(self.source)",
            "name one backup: set either backupName or source.url",
        ),
        build_rule(
            "!has(self.source) || has(self.clusterTemplate) || self.restoreType == 'Replace'",
            "source.url does not describe the cluster: set clusterTemplate",
        ),
        build_rule(
            "self.restoreType == 'New' || !has(self.clusterTemplate)",
            "with restoreType Replace the cluster keeps its own spec: remove clusterTemplate",
        ),
        build_rule(
            "self.restoreType == oldSelf.restoreType",
            "restoreType cannot change: create another EtcdRestore",
        ),
        build_rule(
            "self.clusterName == oldSelf.clusterName",
            "clusterName cannot change: create another EtcdRestore",
        ),
        build_rule(
            "!has(self.clusterTemplate) || self.clusterTemplate.size > 0",
            "clusterTemplate.size must not be 0: a cluster without members holds nothing",
        ),
    ],
    **_access_rules("spec.source"),
    **metadata_rules("spec.jobTemplate"),
    "spec.scratch.size": CEL_RULES["spec.storage.size"],
    **_ENCRYPTION,
    # What holds of an EtcdCluster when it is created holds of the template of one.
    **{
        f"{_TEMPLATE}{path.removeprefix('spec')}": rules
        for path, rules in CEL_RULES.items()
        if path.startswith("spec.")
    },
}
