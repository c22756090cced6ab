"""The rules that the API server itself checks, in CEL, by the path of the field they guard.

The API server puts the path and the value in front of each message, which says the remedy.
Transition rules (those with `oldSelf`) look at `status.clusterID`: until the cluster is formed,
whatever turned out to be wrong can still be corrected.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.api.cel import bootstrap, disk, service, tls
from etcd_operator.api.cel.pod_template import pod_template_rules
from etcd_operator.api.cel.rule import Said, build_rule
from etcd_operator.api.cluster import DEFAULT_VERSION, SIZES
from etcd_operator.api.disk import Storage
from etcd_operator.api.duration import DURATION_FORM
from etcd_operator.api.etcd_config import SMALLEST_FOLLOWED
from etcd_operator.api.etcd_settings import RETAINED_REVISIONS, RETAINED_TIME
from etcd_operator.api.image import IMAGE_FORM, IMAGE_REMEDY, TAGGED_VERSION
from etcd_operator.api.image_catalog import CONFIG_MAP_NAME
from etcd_operator.api.metadata import metadata_rules
from etcd_operator.api.release import SAFE_FOR_36, STEPS_DOWN, TESTED_MINORS, Version
from etcd_operator.api.security import KNOWN_BY_LOGIN, NEEDS_LOGIN
from etcd_operator.api.signed_tokens import LIFE_REMEDY, LONGEST_HOURS, TOKEN_SETTING, TWICE
from etcd_operator.api.validation import (
    NAME_FORM,
    NAME_LENGTH,
    SOURCE_REMEDY,
    SOURCES_OF_DATA,
    TIME_OF_DAY,
)
from etcd_operator.json_types import Json

_FORMED: Final = disk.FORMED
_SIZE_HINT: Final = "use 1, 3, 5, 7 or 9 members, or 0 to stop the cluster"
_CLIENT_TLS: Final = "has(self.tls) && self.tls.enabled && self.tls.clientTLSEnabled"
_STORAGE: Final = "has(self.spec.storage) && has(oldSelf.spec.storage)"
_VERSION: Final = "^v?3[.][0-9]{1,3}[.][0-9]{1,3}$"
_DURATION: Final = f"^{DURATION_FORM}$"
# Every member whose version is known: of others, such as those with a vendor's suffix, the operator
# judges. The field's own rule speaks about a spec's version that is none.
_EVERY_VERSION: Final = (
    "self.spec.version == oldSelf.spec.version || "
    f"!self.spec.version.matches('{_VERSION}') || "
    "!has(self.status) || !has(self.status.members) || "
    f"self.status.members.all(m, !has(m.version) || !m.version.matches('{_VERSION}') || "
)
# An image that the spec names is of no version between; tags and catalogs may have one of each.
_NAMES_IMAGE: Final = "has(self.spec.image) && self.spec.image != ''"


def _minor(version: str) -> str:
    return f"int({version}.split('.')[1])"


# What a catalog has between, the operator judges; of tags it knows those of tested versions.
_KNOWS_BETWEEN: Final = (
    f"!({_NAMES_IMAGE}) && (has(self.spec.imageCatalogRef) || "
    f"{_minor('self.spec.version')} <= {TESTED_MINORS[-1][1]})"
)


def _list_steps_down() -> str:
    named = [map(Version.name_minor, step) for step in sorted(STEPS_DOWN.items(), reverse=True)]
    return " and from ".join(" to ".join(step) for step in named)


def _say(value: str, text: str) -> Said:
    return Said(f"{value} + ' is {text}'")


CEL_RULES: Final[dict[str, list[Json]]] = {
    "": [
        {
            # Only when it is created: an object that is there must still be able to say what is.
            **build_rule(
                f"oldSelf.hasValue() || (size(self.metadata.name) <= {NAME_LENGTH} && "
                f"self.metadata.name.matches('^{NAME_FORM.pattern}$'))",
                "metadata.name does not fit its Services and Pods: use at most "
                f"{NAME_LENGTH} lower-case letters, digits and dashes, beginning with a letter",
            ),
            "optionalOldSelf": True,
        },
        build_rule(
            f"!({_FORMED}) || !({_STORAGE}) || "
            "(has(self.spec.storage.storageClassName) ? self.spec.storage.storageClassName : '') "
            "== (has(oldSelf.spec.storage.storageClassName) ? "
            "oldSelf.spec.storage.storageClassName : '')",
            "the StorageClass cannot change on an existing cluster: create another cluster "
            "and move the data",
            reason="FieldValueForbidden",
            path=".spec.storage.storageClassName",
        ),
        build_rule(
            f"!({_FORMED}) || !({_STORAGE}) || "
            "!has(oldSelf.spec.storage.volumeAttributesClassName) || "
            "has(self.spec.storage.volumeAttributesClassName)",
            disk.ATTRIBUTES_STAY,
            reason="FieldValueForbidden",
            path=".spec.storage",
        ),
        build_rule(
            f"!({_FORMED}) || !({_STORAGE}) || !has(self.status.diskSize) || "
            "self.status.diskSize == '' || "
            "string(self.spec.storage.size) == string(oldSelf.spec.storage.size) || "
            "quantity(string(self.spec.storage.size)).compareTo("
            "quantity(self.status.diskSize)) >= 0",
            Said(
                "'disks cannot shrink below the ' + self.status.diskSize + ' that they have: keep "
                "that size, or use a larger one'"
            ),
            reason="FieldValueForbidden",
            path=".spec.storage.size",
        ),
        build_rule(
            f"{_EVERY_VERSION}{_minor('m.version')} <= {_minor('self.spec.version')} || "
            f"({_minor('m.version')} in {[minor for _, minor in sorted(STEPS_DOWN)]} && "
            f"{_minor('m.version')} == {_minor('self.spec.version')} + 1))",
            _say(
                "'version ' + self.spec.version",
                "too far below what the members run: etcd goes back from "
                f"{_list_steps_down()}, one minor version at a time",
            ),
            reason="FieldValueForbidden",
            path=".spec.version",
        ),
        build_rule(
            f"{_KNOWS_BETWEEN} || "
            f"{_EVERY_VERSION}{_minor('m.version')} + 1 >= {_minor('self.spec.version')})",
            _say(
                "'version ' + self.spec.version",
                "more than one minor version above what the members run: upgrade one minor "
                "version at a time",
            ),
            reason="FieldValueForbidden",
            path=".spec.version",
        ),
        build_rule(
            f"!({_NAMES_IMAGE}) || "
            f"{_EVERY_VERSION}{_minor('self.spec.version')} < 6 || {_minor('m.version')} != 5 || "
            f"int(m.version.split('.')[2]) >= {SAFE_FOR_36[2]})",
            _say(
                "'version ' + self.spec.version",
                f"not safe to upgrade to from before 3.5.{SAFE_FOR_36[2]}, because removed "
                "members may come back: upgrade to the newest 3.5 first",
            ),
            reason="FieldValueForbidden",
            path=".spec.version",
        ),
        build_rule(
            "!has(self.spec.security) || !has(self.spec.security.auth) || "
            "!has(self.spec.security.auth.jwt) || !has(self.spec.etcdConfig) || "
            "!has(self.spec.etcdConfig.extraArgs) || "
            f"!('{TOKEN_SETTING}' in self.spec.etcdConfig.extraArgs)",
            f"etcdConfig.extraArgs.{TOKEN_SETTING} {TWICE}",
            path=".spec.etcdConfig",
        ),
        *tls.OBJECT_RULES,
        *bootstrap.OBJECT_RULES,
        *service.OBJECT_RULES,
        *disk.OBJECT_RULES,
    ],
    "spec.security.tls": list(tls.FIELD_RULES),
    "spec.security": [
        build_rule(
            f"!has(self.auth) || ({_CLIENT_TLS}) || self.auth.mode != 'Unmanaged' || "
            "has(self.auth.rootPasswordSecret)",
            f"auth.mode Unmanaged {NEEDS_LOGIN}",
        ),
        build_rule(
            f"!has(self.auth) || ({_CLIENT_TLS}) || self.auth.mode == 'Unmanaged' || "
            "!has(self.auth.users) || self.auth.users.all(u, has(u.passwordSecret))",
            f"auth.users: one of them {KNOWN_BY_LOGIN}",
        ),
        build_rule(
            "!has(self.auth) || !has(self.auth.rootPasswordSecret) || !has(self.auth.users) || "
            "self.auth.users.all(u, !has(u.passwordSecret) || "
            "u.passwordSecret != self.auth.rootPasswordSecret)",
            "auth.rootPasswordSecret is the passwordSecret of a user as well: give each a Secret "
            "of its own",
        ),
        build_rule(
            "!has(self.auth) || self.auth.mode != 'Unmanaged' || !has(self.auth.users) || "
            "!self.auth.users.exists(u, has(u.passwordSecret))",
            "auth.mode Unmanaged lets the operator set no password: remove passwordSecret from "
            "users, or use Additive",
        ),
        build_rule(
            "!has(oldSelf.auth) || has(self.auth)",
            "auth cannot be removed: set auth.enabled to false to turn it off",
            reason="FieldValueForbidden",
        ),
    ],
    **{
        f"spec.security.networkPolicy.{field}[]": [
            build_rule(
                "has(self.ipBlock) != (has(self.podSelector) || has(self.namespaceSelector))",
                "name podSelector, namespaceSelector or both, or ipBlock alone",
            )
        ]
        for field in ("clientFrom", "metricsFrom")
    },
    # A negative size is refused by the scale subresource already.
    "spec.size": [
        build_rule(
            f"self < 0 || self > {SIZES[-1]} || self in {list(SIZES)}",
            _say(
                "'size ' + ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'][self]",
                f"even: {_SIZE_HINT}",
            ),
        ),
        build_rule(f"self <= {SIZES[-1]}", f"size is at most {SIZES[-1]}: {_SIZE_HINT}"),
    ],
    "spec.version": [
        build_rule(
            f"self.matches('{_VERSION}') && {_minor('self')} >= 5",
            _say(
                "'version ' + self",
                "not a supported version of etcd: use 3.5.0 or later, for example "
                f"{DEFAULT_VERSION}",
            ),
        )
    ],
    "spec": [
        build_rule(
            f"!has(self.image) || self.image.find('{TAGGED_VERSION}') in "
            "['', ':' + self.version.replace('v', ''), ':v' + self.version.replace('v', '')]",
            _say(
                "'version ' + self.version",
                "not the version in the tag of image: change both together",
            ),
            path=".image",
        ),
        build_rule(
            "!has(self.etcdConfig) || !has(self.etcdConfig.quota) || !has(self.storage) || "
            "!isQuantity(string(self.storage.size)) || "
            f"quantity(string(self.storage.size)).compareTo(quantity('{SMALLEST_FOLLOWED}')) >= 0",
            f"quota FollowsDisk needs disks of {SMALLEST_FOLLOWED} or more: raise storage.size",
            path=".etcdConfig.quota",
        ),
        *bootstrap.SPEC_RULES,
        *disk.SPEC_RULES,
    ],
    "spec.image": [
        build_rule(
            f"self == '' || self.matches('^{IMAGE_FORM}$')", _say("'image ' + self", IMAGE_REMEDY)
        )
    ],
    "spec.imageCatalogRef.name": [
        build_rule(
            f"self.matches('^{CONFIG_MAP_NAME}$')",
            _say("'name ' + self", "not the name of a ConfigMap: name one of the namespace"),
        )
    ],
    **disk.storage_rules("spec.storage", str(Storage().size)),
    "spec.storage.size": [
        build_rule(
            "isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0'))",
            _say("'size ' + string(self)", "not a size: use a positive quantity such as 10Gi"),
        )
    ],
    "spec.storage.volumeClaimTemplate": [
        *(
            build_rule(f"!has(self.spec) || !has(self.spec.{field})", f"{field} {SOURCE_REMEDY}")
            for field in SOURCES_OF_DATA
            if field != "volumeName"
        ),
        build_rule(
            "!has(self.spec) || !has(self.spec.volumeName) || self.spec.volumeName == ''",
            f"volumeName {SOURCE_REMEDY}",
        ),
    ],
    "spec.recovery.memberReplacementDelay": [
        build_rule(
            f"self.matches('{_DURATION}') && duration(self) >= duration('10s')",
            _say("'delay ' + self", "not possible: use 10s or more, such as 5m"),
        )
    ],
    **pod_template_rules("spec.podTemplate"),
    **metadata_rules("spec.inheritedMetadata"),
    **service.service_rules("spec.service"),
    **service.alias_rules("spec.service"),
    **service.address_rules("spec.memberAddresses"),
    "spec.maintenance.defragmentation.minimumSize": [
        build_rule(
            "isQuantity(string(self)) && !quantity(string(self)).isLessThan(quantity('0'))",
            _say("'size ' + string(self)", "not a size: use a quantity such as 100Mi"),
        )
    ],
    "spec.maintenance.defragmentation.window.start": [
        build_rule(
            f"self.matches('^{TIME_OF_DAY.pattern}$')",
            _say("'start ' + self", "not a time of day: use one such as 02:00"),
        )
    ],
    "spec.security.auth.jwt.lifetime": [
        build_rule(
            f"self.matches('{_DURATION}') && duration(self) >= duration('1s') && "
            f"duration(self) <= duration('{LONGEST_HOURS}h')",
            _say("'lifetime ' + self", f"not possible: {LIFE_REMEDY}"),
        )
    ],
    "spec.maintenance.defragmentation.window.duration": [
        build_rule(
            f"self.matches('{_DURATION}') && duration(self) > duration('0s') && "
            "duration(self) <= duration('24h')",
            _say("'duration ' + self", "not possible: use up to 24h, such as 2h"),
        )
    ],
    **{
        f"spec.backup.{field}": [
            build_rule(
                "self == '' || self.matches('^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$')",
                _say("self", "not the name of an EtcdBackup: name one of this cluster"),
            )
        ]
        for field in ("beforeUpgrade", "beforeTakeOver", "beforeDeletion")
    },
    "spec.etcdConfig": [
        build_rule(
            "!has(self.quota) || !has(self.quotaBackendBytes)",
            "quota and quotaBackendBytes cannot both be given: remove one of them",
        ),
        build_rule(
            "(has(self.electionTimeout) ? self.electionTimeout : 1000) >= "
            "5 * (has(self.heartbeatInterval) ? self.heartbeatInterval : 100)",
            "electionTimeout must be at least five times heartbeatInterval: raise it or lower "
            "heartbeatInterval",
        ),
        build_rule(
            "!has(self.autoCompactionRetention) || "
            "(has(self.autoCompactionMode) && self.autoCompactionMode == 'revision' ? "
            f"self.autoCompactionRetention.matches('{RETAINED_REVISIONS}') : "
            f"self.autoCompactionRetention.matches('{RETAINED_TIME}'))",
            "autoCompactionRetention must be a length of time such as 1h, or with "
            "autoCompactionMode revision a number of revisions such as 1000: correct it",
        ),
    ],
}
