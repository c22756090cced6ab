"""Find what is wrong with a spec, each flaw in one sentence: field, value, remedy.

The CRD's CEL rules say the same at the API server; these guard against an object that got past
them, and say what this version cannot do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from etcd_operator.api.bootstrap import check_joining
from etcd_operator.api.cluster import DEFAULT_VERSION, SIZES, EtcdCluster, EtcdClusterSpec
from etcd_operator.api.ephemeral import check_ephemeral
from etcd_operator.api.etcd_config import SMALLEST_FOLLOWED
from etcd_operator.api.etcd_settings import check_retention, check_settings
from etcd_operator.api.image import IMAGE_REMEDY, Image
from etcd_operator.api.image_catalog import check_catalog_ref
from etcd_operator.api.metadata import check_metadata
from etcd_operator.api.mirror import check_mirror
from etcd_operator.api.network import check_network
from etcd_operator.api.pod_checks import check_host_aliases, check_pod_template
from etcd_operator.api.quantity import Quantity, read_quantity
from etcd_operator.api.release import READS_ALLOWED_NAMES, Version
from etcd_operator.api.resources import check_resources
from etcd_operator.api.security import Tls, check_auth, check_tls
from etcd_operator.api.service import check_aliases, check_member_addresses, check_service
from etcd_operator.api.signed_tokens import check_tokens
from etcd_operator.api.wal import check_wal

# <name>-client must be a DNS label, and so must <name>-<hash of ten characters> for the Pods.
NAME_LENGTH: Final = 52
SHORTEST_DELAY: Final = timedelta(seconds=10)
TIME_OF_DAY: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
# On a Pod: replace this member now.
ANNOTATION_REPLACE: Final = "etcd.etcd.io/replace-member"
# What of a claim decides which data a new disk begins with: etcd would start with an earlier life.
SOURCES_OF_DATA: Final = ("volumeName", "dataSource", "dataSourceRef")
SOURCE_REMEDY: Final = (
    "is not possible, because members may start only on empty disks: remove it, and start from "
    "data with an EtcdRestore"
)
NAME_FORM: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Problem:
    """A field that cannot be carried out, and the sentence for the user."""

    field: str
    sentence: str


def find_problems(cluster: EtcdCluster) -> tuple[Problem, ...]:
    """Return everything that is wrong with the cluster's name and spec."""
    flaws = tuple(Problem("spec", flaw) for flaw in cluster.flaws)
    joining = (Problem(*flaw) for flaw in (*check_joining(cluster), *check_mirror(cluster)))
    aliases = (Problem(*flaw) for flaw in check_aliases(cluster.name, cluster.spec.service.aliases))
    wrong = (*_check_spec(cluster.spec), *_check_pods(cluster), *aliases, *joining)
    return (*flaws, *_check_name(cluster.name), *wrong)


def _check_pods(cluster: EtcdCluster) -> Iterator[Problem]:
    template = cluster.spec.pod_template
    if template is None:
        return
    yield from (Problem(*flaw) for flaw in check_pod_template(template))
    yield from (Problem(*flaw) for flaw in check_host_aliases(template, cluster.name))


def _check_name(name: str) -> Iterator[Problem]:
    if len(name) > NAME_LENGTH or not NAME_FORM.fullmatch(name):
        yield Problem(
            "metadata.name",
            f"metadata.name {name} does not fit its Services and Pods: use at most "
            f"{NAME_LENGTH} lower-case letters, digits and dashes, beginning with a letter.",
        )


def _check_spec(spec: EtcdClusterSpec) -> Iterator[Problem]:
    if spec.size not in SIZES:
        yield Problem(
            "spec.size",
            f"spec.size {spec.size} is not possible: use 1, 3, 5, 7 or 9 members, or 0 to stop "
            "the cluster.",
        )
    if not spec.version.is_plain or spec.minor < (3, 5):
        yield Problem(
            "spec.version",
            f"spec.version {spec.version} is not a supported version of etcd: use 3.5.0 or later, "
            f"for example {DEFAULT_VERSION}.",
        )
    if spec.image:
        yield from _check_image(spec.image, spec.version)
    if spec.image_catalog_ref and (flaw := check_catalog_ref(spec.image_catalog_ref)):
        yield Problem("spec.imageCatalogRef.name", flaw)
    yield from _check_storage(spec)
    yield from (Problem(*flaw) for flaw in check_resources("spec.resources", spec.resources))
    if spec.inherited_metadata:
        given = spec.inherited_metadata
        flaws = check_metadata("spec.inheritedMetadata", given.labels, given.annotations)
        yield from (Problem(*flaw) for flaw in flaws)
    yield from _check_maintenance(spec)
    yield from _check_etcd(spec)
    yield from _check_quota(spec)
    if spec.security and spec.security.tls and spec.security.tls.enabled:
        yield from (Problem(*flaw) for flaw in check_tls(spec.security.tls))
        yield from _check_peer_issuer(spec, spec.security.tls)
    if spec.security:
        yield from (
            Problem(*flaw) for flaw in check_auth(spec.security, joins=spec.joins is not None)
        )
    yield from (Problem(*flaw) for flaw in check_tokens(spec))
    yield from (Problem(*flaw) for flaw in check_service("spec.service", spec.service))
    if spec.member_addresses:
        yield from (Problem(*flaw) for flaw in check_member_addresses(spec.member_addresses))
    if spec.network_rules:
        yield from (Problem(*flaw) for flaw in check_network(spec.network_rules))


def _check_peer_issuer(spec: EtcdClusterSpec, tls: Tls) -> Iterator[Problem]:
    if tls.peer_issuer_ref and spec.version.is_plain and spec.release < READS_ALLOWED_NAMES:
        least = ".".join(map(str, READS_ALLOWED_NAMES))
        yield Problem(
            "spec.security.tls.peerIssuerRef",
            f"spec.security.tls.peerIssuerRef needs etcd {least} or later, which lets members in "
            f"by their common name alone, and spec.version is {spec.version}: upgrade first.",
        )


def _check_image(image: Image, version: Version) -> Iterator[Problem]:
    if not image.is_whole:
        yield Problem("spec.image", f"spec.image {image} is {IMAGE_REMEDY}.")
    elif image.tagged_number not in ("", version.number):
        yield Problem(
            "spec.image",
            f"spec.image {image} is etcd {image.tagged_number} by its tag, and spec.version says "
            f"{version}: change both together.",
        )


def _check_etcd(spec: EtcdClusterSpec) -> Iterator[Problem]:
    config = spec.etcd_config
    if config and config.auto_compaction_retention is not None:
        flaws = check_retention(config.auto_compaction_mode, config.auto_compaction_retention)
        yield from (Problem(*flaw) for flaw in flaws)
    if config and config.extra_args:
        flaws = check_settings(config.extra_args, spec.minor[1])
        yield from (Problem(*flaw) for flaw in flaws)


def _check_quota(spec: EtcdClusterSpec) -> Iterator[Problem]:
    config, disk = spec.etcd_config, spec.storage.requested
    if config is None or config.quota is None:
        return
    path = f"spec.etcdConfig.quota {config.quota}"
    if config.quota_backend_bytes is not None:
        remedy = f"{path} and quotaBackendBytes cannot both be given: remove one of them."
        yield Problem("spec.etcdConfig.quota", remedy)
    if disk < SMALLEST_FOLLOWED:
        remedy = f"needs disks of {SMALLEST_FOLLOWED} or more: raise spec.storage.size of {disk}."
        yield Problem("spec.etcdConfig.quota", f"{path} {remedy}")


def _check_storage(spec: EtcdClusterSpec) -> Iterator[Problem]:
    sizes = {"spec.storage.size": spec.storage.size}
    if named := spec.storage.size_of_template:
        sizes["spec.storage.volumeClaimTemplate.spec.resources.requests.storage"] = named
    for path, written in sizes.items():
        size = written if isinstance(written, Quantity) else read_quantity(written)
        if size is None or size.value <= 0:
            remedy = "use a positive quantity such as 10Gi"
            yield Problem(path, f"{path} {str(written)[:80]} is not a size: {remedy}.")
    yield from (Problem(*flaw) for flaw in (*check_ephemeral(spec), *check_wal(spec)))
    claim = (spec.storage.volume_claim_template or {}).get("spec")
    given = claim if isinstance(claim, dict) else {}
    for field in SOURCES_OF_DATA:
        if given.get(field):
            path = f"spec.storage.volumeClaimTemplate.spec.{field}"
            yield Problem(path, f"{path} {SOURCE_REMEDY}.")


def _check_maintenance(spec: EtcdClusterSpec) -> Iterator[Problem]:
    """Recovery, maintenance, and a template that would ask for replacement without end."""
    delay = spec.recovery.member_replacement_delay
    if delay.length < SHORTEST_DELAY:
        path = "spec.recovery.memberReplacementDelay"
        yield Problem(path, f"{path} {delay} is not possible: use 10s or more, such as 5m.")
    if spec.pod_template and ANNOTATION_REPLACE in (spec.pod_template.annotations or {}):
        path = f"spec.podTemplate.annotations.{ANNOTATION_REPLACE}"
        yield Problem(path, f"{path} would replace every member again and again: remove it.")
    routine = spec.maintenance.defragmentation
    if routine is None:
        return
    path = "spec.maintenance.defragmentation"
    if routine.minimum_size.value < 0:
        yield Problem(
            f"{path}.minimumSize",
            f"{path}.minimumSize {routine.minimum_size} is not a size: use a quantity such as "
            "100Mi.",
        )
    window = routine.window
    if window and not TIME_OF_DAY.fullmatch(window.start):
        yield Problem(
            f"{path}.window.start",
            f"{path}.window.start {window.start} is not a time of day: use one such as 02:00.",
        )
    if window and not timedelta() < window.duration.length <= timedelta(days=1):
        yield Problem(
            f"{path}.window.duration",
            f"{path}.window.duration {window.duration} is not possible: use up to 24h, such as 2h.",
        )
