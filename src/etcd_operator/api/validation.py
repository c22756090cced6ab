"""Find what is wrong with a spec, each flaw in one sentence: field, value, remedy.

The CRD's CEL rules say the same at the API server; these guard against an object that got past
them, and say what this version cannot do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from etcd_operator.api.cluster import SIZES, EtcdCluster, EtcdClusterSpec
from etcd_operator.api.quantity import parse_quantity

VERSION_FORM: Final = re.compile(r"v?3\.[0-9]+\.[0-9]+")
# <name>-client must be a DNS label, and so must <name>-<hash of ten characters> for the Pods.
NAME_LENGTH: Final = 52
NAME_FORM: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Problem:
    """A field that cannot be carried out, and the sentence for the user."""

    field: str
    sentence: str


def find_problems(cluster: EtcdCluster) -> tuple[Problem, ...]:
    """Return everything that is wrong with the cluster's name and spec."""
    flaws = tuple(Problem("spec", flaw) for flaw in cluster.flaws)
    return (*flaws, *_check_name(cluster.name), *_check_spec(cluster.spec))


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
    if not VERSION_FORM.fullmatch(spec.version) or spec.minor < (3, 5):
        yield Problem(
            "spec.version",
            f"spec.version {spec.version} is not a supported version of etcd: use 3.5.0 or later, "
            "for example v3.5.21.",
        )
    yield from _check_storage(spec)
    yield from _check_resources(spec)
    if spec.security and spec.security.tls and spec.security.tls.enabled:
        yield Problem(
            "spec.security.tls",
            "spec.security.tls asks for TLS, which this version of the operator cannot provide: "
            "remove it, or set spec.security.tls.enabled to false to run in plain text.",
        )


def _check_storage(spec: EtcdClusterSpec) -> Iterator[Problem]:
    try:
        positive = parse_quantity(spec.storage.size) > 0
    except ValueError:
        positive = False
    if not positive:
        yield Problem(
            "spec.storage.size",
            f"spec.storage.size {spec.storage.size} is not a size: use a positive quantity such "
            "as 10Gi.",
        )


def _check_resources(spec: EtcdClusterSpec) -> Iterator[Problem]:
    resources = spec.resources
    if resources is None:
        return
    amounts = {}
    for field in ("requests", "limits"):
        for resource, amount in (getattr(resources, field) or {}).items():
            try:
                amounts[field, resource] = parse_quantity(str(amount))
            except ValueError:
                path = f"spec.resources.{field}.{resource}"
                yield Problem(
                    path, f"{path} {amount} is not a quantity: use one such as 500m or 1Gi."
                )
    for (field, resource), amount in amounts.items():
        limit = amounts.get(("limits", resource))
        if field == "requests" and limit is not None and amount > limit:
            path = f"spec.resources.requests.{resource}"
            yield Problem(path, f"{path} is above its limit: lower it or raise the limit.")
