"""The rules of CEL about Services, by the path of the field that they guard."""

from __future__ import annotations

from typing import Final

from etcd_operator.api.cel.rule import build_rule
from etcd_operator.api.metadata import metadata_rules
from etcd_operator.api.service import (
    ALIAS_REMEDY,
    CLASS_REMEDY,
    HOST_NAME,
    HOST_REMEDY,
    NAMES_REMEDY,
    NODE_PORT_REMEDY,
    ONE_PORT_REMEDY,
    OWN_ENDS,
    OWN_NAME_REMEDY,
    SERVICE_NAME,
    SINGLE_REMEDY,
    TWICE_NAMED_REMEDY,
    TWICE_REMEDY,
)
from etcd_operator.json_types import Json

# Whether digits and colons are an address, the operator finds.
_ADDRESS: Final = "[0-9.]{7,15}|[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*"

# On the whole object: its name is part of those of its Services.
OBJECT_RULES: Final[tuple[Json, ...]] = (
    build_rule(
        "!has(self.spec.service) || !has(self.spec.service.aliases) || "
        "self.spec.service.aliases.all(n, !n.startsWith(self.metadata.name + '-') || "
        f"!n.substring(size(self.metadata.name) + 1).matches('^({OWN_ENDS})$'))",
        f"aliases has one that {OWN_NAME_REMEDY}",
        path=".spec.service",
    ),
)


def address_rules(path: str) -> dict[str, list[Json]]:
    """Return the rules for addresses of members that are described at this path."""
    return {
        f"{path}.names": [
            build_rule(
                f"self.all(n, n.matches('^({HOST_NAME}|{_ADDRESS})$'))",
                f"names has one that {HOST_REMEDY}",
            ),
            build_rule("self.all(n, self.exists_one(m, m == n))", f"names {NAMES_REMEDY}"),
        ],
        **service_rules(f"{path}.service"),
        path: [
            build_rule(
                "!has(self.service) || !has(self.service.nodePort)",
                f"service.nodePort {ONE_PORT_REMEDY}",
            )
        ],
    }


def alias_rules(path: str) -> dict[str, list[Json]]:
    """Return the rules for the aliases of a Service that is described at this path."""
    return {
        f"{path}.aliases": [
            build_rule(
                f"self.all(n, n.matches('^{SERVICE_NAME}$'))",
                f"aliases has one that {ALIAS_REMEDY}",
            ),
            build_rule("self.all(n, self.exists_one(m, m == n))", f"aliases {TWICE_NAMED_REMEDY}"),
        ]
    }


def service_rules(path: str) -> dict[str, list[Json]]:
    """Return the rules for a Service that is described at this path."""
    return {
        path: [*_form_rules(), *_change_rules()],
        f"{path}.annotations": metadata_rules(path)[f"{path}.annotations"],
    }


def _form_rules() -> list[Json]:
    fewer_than_two = "!has(self.ipFamilies) || size(self.ipFamilies) < 2"
    return [
        build_rule(
            "!has(self.nodePort) || self.type != 'ClusterIP'",
            f"nodePort {NODE_PORT_REMEDY}",
        ),
        build_rule(
            "!has(self.loadBalancerClass) || self.type == 'LoadBalancer'",
            f"loadBalancerClass {CLASS_REMEDY}",
        ),
        build_rule(
            f"{fewer_than_two} || self.ipFamilies[0] != self.ipFamilies[1]",
            f"ipFamilies {TWICE_REMEDY}",
        ),
        build_rule(
            f"{fewer_than_two} || self.ipFamilyPolicy != 'SingleStack'",
            f"ipFamilies {SINGLE_REMEDY}",
        ),
    ]


def _change_rules() -> list[Json]:
    before, now = (
        f"(has({it}.loadBalancerClass) ? {it}.loadBalancerClass : '')" for it in ("oldSelf", "self")
    )
    return [
        build_rule(
            f"self.type != 'LoadBalancer' || oldSelf.type != 'LoadBalancer' || {now} == {before}",
            "loadBalancerClass of a load balancer cannot change: set type to ClusterIP first",
            reason="FieldValueForbidden",
        ),
        build_rule(
            "!has(self.ipFamilies) || !has(oldSelf.ipFamilies) || "
            "size(self.ipFamilies) == 0 || size(oldSelf.ipFamilies) == 0 || "
            "self.ipFamilies[0] == oldSelf.ipFamilies[0]",
            "the first of ipFamilies cannot change: put back what it was",
            reason="FieldValueForbidden",
        ),
    ]
