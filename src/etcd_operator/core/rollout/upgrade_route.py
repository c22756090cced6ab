"""Route of an upgrade: the versions to go through between what members run and what is asked for.

etcd goes up one minor version at a time, and to 3.6 from 3.5.26 or later only. So an upgrade that
is further than that is several, each with all that belongs to one. The next version is worked out
anew in each pass, from what members run, the spec and the images that are known: an interruption, a
change of mind or another image needs no record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from etcd_operator.api.release import SAFE_FOR_36, TESTED_RELEASES, Minor, Release, Version

if TYPE_CHECKING:  # the plugin finds routes, and need not load these to do so
    from etcd_operator.api.cluster import EtcdClusterSpec
    from etcd_operator.core.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Route:
    """The releases between, the next one first.

    `missing` is the lowest that would do where no image is known of one; None if none is missing.
    """

    between: tuple[Release, ...] = ()
    missing: Release | None = None


def find_route(ran: Release, wanted: Minor, known: Iterable[Release]) -> Route:
    """Return what to go through from a release to a minor version, of the releases that are known.

    Of each minor version between it is the newest.
    """
    newest = {release[:2]: release for release in sorted(known)}
    between: list[Release] = []
    while (needed := find_needed(ran, wanted)) is not None:
        found = newest.get(needed[:2])
        if found is None or found < needed:
            return Route(tuple(between), needed)
        between.append(found)
        ran = found
    return Route(tuple(between))


def find_needed(ran: Release, wanted: Minor) -> Release | None:
    """Return the lowest release that has to run before the wanted minor version.

    None if that can follow at once.
    """
    (major, minor), safe = ran[:2], SAFE_FOR_36
    if wanted > safe[:2] == ran[:2] and ran < safe:
        return safe
    return (major, minor + 1, 0) if wanted > (major, minor + 1) else None


def list_known(snapshot: Snapshot) -> tuple[Release, ...]:
    """Return the releases whose image is known: by the catalog, else by the tags of etcd's own.

    An image that the spec names is of the spec's own version, and of no other.
    """
    spec = snapshot.cluster.spec
    if spec.image:
        return ()
    if spec.image_catalog_ref is None:
        return TESTED_RELEASES
    return tuple(snapshot.image_catalog.list_releases()) if snapshot.image_catalog else ()


def refuse_upgrade(snapshot: Snapshot, spec: EtcdClusterSpec, lowest: Release) -> str | None:
    """Return why no way is known from the lowest release to the spec's version.

    None if it can follow at once.
    """
    needed = find_needed(lowest, spec.minor)
    if needed is None:
        return None
    missing = find_route(lowest, spec.minor, list_known(snapshot)).missing or needed
    ran, first = Version.of(lowest), _name(missing)
    why = f"more than one minor version above {ran}, which members ran last"
    if needed == SAFE_FOR_36:
        why = f"not safe to upgrade to from {ran}, because removed members may come back"
    return f"spec.version {spec.version} is {why}, and {_explain_missing(snapshot, first)}"


def _explain_missing(snapshot: Snapshot, first: str) -> str:
    """Say why the image of a version between is unknown, and what helps."""
    spec = snapshot.cluster.spec
    if spec.image:
        return f"spec.image is of no version between: upgrade to {first} first."
    if ref := spec.image_catalog_ref:
        return (
            f"ConfigMap {ref.name}, which spec.imageCatalogRef names, has no image of etcd "
            f"{first}: add one."
        )
    return f"this operator knows no release of {first}: upgrade to that first."


def _name(needed: Release) -> str:
    """A release that has to run first, as people say it: any of 3.6, or 3.5.26 or later."""
    if needed == SAFE_FOR_36:
        return f"{Version.of(needed)} or later"
    return Version.name_minor(needed[:2])


def describe_route(snapshot: Snapshot) -> str:
    """Return a sentence about what comes next and what follows, with a space before it.

    Empty where the version that the user asks for is the next.
    """
    if not snapshot.upgrade_route:
        return ""
    first, *others = snapshot.upgrade_route
    return f" On the way: {first} first, then {', then '.join(others)}."
