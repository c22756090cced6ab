"""Effective spec: the one answer to which version counts now, for rules, objects and the status.

The user's spec counts, but for its version, which the first of these may replace: a restore in
place that can still be undone has that of the disks that would come back; an upgrade that waits for
a backup has that of before; a take-over keeps the version, and the size, that it began with; one
that is too far above what members run has the next on the way there. Beyond that, objects have a
version that can follow what members run, and serve clients as all members can on the way to TLS or
from it. Where an image catalog names the images, that of the version counts; a version that it has
none for waits, as one for a backup does.
"""

from __future__ import annotations

from dataclasses import replace

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.api.etcd_settings import check_settings
from etcd_operator.api.image import Image
from etcd_operator.api.release import Version
from etcd_operator.api.security import Security, Tls
from etcd_operator.api.validation import find_problems
from etcd_operator.core.certificates.client_tls import find_next_mode
from etcd_operator.core.certificates.exchange import hold_certificate
from etcd_operator.core.certificates.issuer_machine import find_next_issuer_stage
from etcd_operator.core.certificates.peer_issuer_machine import find_next_peer_issuer
from etcd_operator.core.in_place_restore.record import find_restore_record
from etcd_operator.core.model.snapshot import EffectiveSpec, Snapshot
from etcd_operator.core.peer_tls.machine import find_next_stage
from etcd_operator.core.required_backup.requirement import find_version_to_keep
from etcd_operator.core.rollout.upgrade_route import find_needed, find_route, list_known
from etcd_operator.core.rollout.versions import find_range, find_version_before
from etcd_operator.core.storage.quota import with_quota


def with_effective_spec(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with its effective spec, found anew from all else that it says.

    Its peer URLs are those of the members that start now.
    """
    naming = replace(
        snapshot.naming,
        peer_stage=find_next_stage(snapshot),
        issuer_stage=find_next_issuer_stage(snapshot),
        peer_issuer=find_next_peer_issuer(snapshot),
    )
    if naming != snapshot.naming:
        snapshot = snapshot.evolve(naming=naming)
    return snapshot.evolve(effective=find_effective_spec(snapshot))


def find_effective_spec(snapshot: Snapshot) -> EffectiveSpec:
    """Return the spec that counts for this snapshot; of the user's nothing changes but versions.

    What is rendered may also serve clients otherwise, until members can follow, and gives members
    certificates for each other as their peer URLs have it.
    """
    found = _find_versions(snapshot)
    rendered = found.rendered.serving_clients(find_next_mode(snapshot))
    has = snapshot.naming.peer_stage.has_certificates
    return replace(found, rendered=_with_certificates(rendered, has=has))


def _with_certificates(spec: EtcdClusterSpec, *, has: bool) -> EtcdClusterSpec:
    """The spec with members that have certificates for each other, or none; clients get no TLS."""
    if has == spec.peer_tls:
        return spec
    security, clients = spec.security or Security(), spec.client_tls
    wishes = {"enabled": has or clients, "client_tls_enabled": clients, "peer_tls_enabled": has}
    tls = (security.tls or Tls()).model_copy(update=wishes)
    return spec.model_copy(update={"security": security.model_copy(update={"tls": tls})})


def _find_versions(snapshot: Snapshot) -> EffectiveSpec:
    """The effective spec as far as versions go.

    A spec that cannot be carried out is held by nothing: it is refused in its own words.
    """
    asked = with_quota(snapshot, _find_image(snapshot, snapshot.cluster.spec))
    asked = hold_certificate(snapshot, asked)
    if begun := snapshot.take_over:
        # The size, too: nobody joins or leaves but by the take-over.
        held = _at_version(snapshot, asked, begun.version).model_copy(update={"size": begun.size})
        return EffectiveSpec(held, held)
    restored, route = _find_version_restored(snapshot), _find_route(snapshot, asked)
    following = _at_version(snapshot, asked, route[0], next_step=True) if route else asked
    kept = find_version_to_keep(snapshot, following.version)
    if (restored or route or kept) and find_problems(snapshot.cluster):
        return EffectiveSpec(asked, _at_version_before(snapshot, asked))
    if restored:
        before = _at_version(snapshot, asked, restored)
        return EffectiveSpec(before, before)
    spec = _at_version(snapshot, following, kept)
    return EffectiveSpec(
        spec,
        _at_version_before(snapshot, spec),
        held_version=following.tag if kept else "",
        route=(*(version.tag for version in route), asked.tag) if route else (),
    )


def _find_route(snapshot: Snapshot, asked: EtcdClusterSpec) -> tuple[Version, ...]:
    """The versions to go through before the one that is asked for; none where a way is unknown."""
    ran = find_range(snapshot, asked)
    if ran is None or find_needed(ran[0], asked.minor) is None:
        return ()
    route = find_route(ran[0], asked.minor, list_known(snapshot))
    return () if route.missing else tuple(Version(Version.of(r).tag) for r in route.between)


def _at_version_before(snapshot: Snapshot, spec: EtcdClusterSpec) -> EtcdClusterSpec:
    """The spec with the version to stay with, where its own cannot follow what members run."""
    return _at_version(snapshot, spec, find_version_before(snapshot, spec))


def _find_image(snapshot: Snapshot, spec: EtcdClusterSpec) -> EtcdClusterSpec:
    """The spec with the image that its catalog has; without one, as the template has it.

    So a catalog that is lost, or has lost an image, restarts nobody, and members heal.
    """
    if not spec.names_by_catalog:
        return spec
    image = _find_in_catalog(snapshot, spec.version)
    if image is None and (kept := snapshot.template_image):
        spec = _at_version(snapshot, spec, snapshot.template_version)
        return spec.model_copy(update={"image": kept})
    return spec.model_copy(update={"image": image})


def _find_in_catalog(snapshot: Snapshot, version: Version) -> Image | None:
    catalog = snapshot.image_catalog if snapshot.cluster.spec.names_by_catalog else None
    return catalog.find(version) if catalog else None


def _find_version_restored(snapshot: Snapshot) -> Version | None:
    """The version of the etcd cluster whose disks would come back; None if none would."""
    restore = find_restore_record(snapshot.cluster)
    if restore is None or restore.retired is not None:
        return None
    # Without a record of it, what the user asks for may be what ran.
    return restore.version if restore.version.release else snapshot.cluster.spec.version


def _at_version(
    snapshot: Snapshot, spec: EtcdClusterSpec, version: Version | None, *, next_step: bool = False
) -> EtcdClusterSpec:
    """The spec with this version, and without settings that only the version it asks for knows.

    Those would keep the members of this version from starting. The image of a version that stays is
    that of the template, and of the next step of an upgrade that of the catalog.
    """
    release = version.release if version else None
    if version is None or release is None or release == spec.release:
        return spec
    config = spec.etcd_config
    if config and config.extra_args:
        unknown = {path for path, _ in check_settings(config.extra_args, release[1])}
        known = {
            name: text
            for name, text in config.extra_args.items()
            if not any(path.endswith(f".{name}") for path in unknown)
        }
        config = config.model_copy(update={"extra_args": known})
    image = _find_in_catalog(snapshot, version)
    if snapshot.statefulset and not next_step:
        image = snapshot.kept_image
    held = spec.at_version(version, image)
    return held.model_copy(update={"etcd_config": config})
