"""Changes of a running cluster, each disturbed on its way: the operator or the leader is killed.

As in `faults`, a function begins the change and returns what disturbs or ends it.
"""

from __future__ import annotations

from typing import Final

from tests.chaos.site import Mend, Site, mend_nothing
from tests.e2e.harness import SMALL
from tests.e2e.secured import SecuredCluster

MINORS: Final = ("3.5.35", "3.6.16")
# No registry has it, and it may follow either of them.
NO_IMAGE: Final = {"3.5.35": "3.5.99", "3.6.16": "3.6.99"}
# Behind the last of a rotation the old authority is trusted for so long.
OVERLAP: Final = "5s"


def roll(site: Site) -> Mend:
    """Change the resources: every Pod is replaced."""
    _change_resources(site)
    return mend_nothing


def roll_with_pause(site: Site) -> Mend:
    """Change the resources, and pause while the Pods are being replaced; a Pod goes meanwhile."""
    _change_resources(site)
    site.cluster.wait_phase("Upgrading")
    site.cluster.patch(paused=True)
    site.cluster.kubectl("delete", "pod", site.any_member(), "--wait=false")
    return lambda: site.cluster.patch(paused=False)


def change_minor(site: Site) -> Mend:
    """Upgrade, or downgrade, by a minor version; in the middle the leader is killed."""
    site.version = _other(site.version)
    site.cluster.patch(version=site.version)
    return site.kill_leader


def take_minor_back(site: Site) -> Mend:
    """Upgrade, or downgrade, and want the old version again in the middle."""
    site.cluster.patch(version=_other(site.version))
    return lambda: site.cluster.patch(version=site.version)


def want_no_image(site: Site) -> Mend:
    """Want a version that has no image, and take it back."""
    site.cluster.patch(version=NO_IMAGE[site.version])
    return lambda: site.cluster.patch(version=site.version)


def grow_disks(site: Site) -> Mend:
    """Want larger disks; in the middle the acting operator is killed."""
    site.disk += 1
    site.cluster.patch(storage={"size": f"{site.disk}Gi"})
    return site.kill_operator


def have_disks_grown(site: Site) -> bool:
    """Whether every disk has the size that was asked for."""
    sizes = {claim["status"]["capacity"]["storage"] for claim in site.cluster.objects("pvc")}
    return sizes == {f"{site.disk}Gi"}


def replace_authorities(site: Site) -> Mend:
    """Replace both authorities in their three phases; the acting operator is killed on the way."""
    site.authorities += 1
    security = {"tls": {"caOverlap": OVERLAP, "caGeneration": site.authorities}}
    site.known = _secured(site).read_authorities()
    site.cluster.patch(security=security)
    return site.kill_operator


def are_authorities_replaced(site: Site) -> bool:
    """Whether every member trusts the new authorities, and these alone."""
    cluster = _secured(site)
    cluster.nudge()
    return cluster.trusts_others_than(site.known)


def _change_resources(site: Site) -> None:
    millis = site.choice.randint(11, 99)
    site.cluster.patch(resources={**SMALL, "requests": {"cpu": f"{millis}m", "memory": "32Mi"}})


def _other(version: str) -> str:
    return MINORS[1 - MINORS.index(version)]


def _secured(site: Site) -> SecuredCluster:
    assert isinstance(site.cluster, SecuredCluster), "strikes only where there is TLS"
    return site.cluster
