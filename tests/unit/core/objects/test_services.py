"""Services for clients, in one family of IP addresses or in both."""

from __future__ import annotations

from typing import Final

import pytest

from etcd_operator.core.objects.cluster_objects import (
    render_alias,
    render_client_service,
    render_member_service,
)
from etcd_operator.json_types import Json
from tests.builders.snapshots import NAMING, new

BOTH: Final[Json] = {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6", "IPv4"]}


def families_of(**service: object) -> list[Json]:
    """What the Services for all members, under another name, and for one member say of families."""
    spec = new(3, service=service, memberAddresses={"service": service}).spec
    assert spec.member_addresses
    assert spec.member_addresses.service
    rendered = (
        render_client_service(spec, NAMING),
        render_alias(spec, NAMING, "old"),
        render_member_service(spec.member_addresses.service, NAMING, 1),
    )
    return [
        {field: value for field, value in each["spec"].items() if field.startswith("ipFamil")}
        for each in rendered
    ]


@pytest.mark.parametrize(
    ("service", "families"),
    [
        ({}, {"ipFamilyPolicy": "PreferDualStack"}),
        ({"ipFamilyPolicy": "SingleStack"}, {"ipFamilyPolicy": "SingleStack"}),
        (BOTH, BOTH),
    ],
)
def test_each_service_has_the_families_that_the_spec_names(service: Json, families: Json) -> None:
    assert families_of(**service) == [families] * 3
