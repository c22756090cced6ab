"""The CustomResourceDefinitions, as far as no server is needed to judge them."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import pytest

from etcd_operator.api.crd import DEFINITIONS, Definition, build_crd
from etcd_operator.json_types import Json


def free_forms(schema: Json) -> Iterator[Json]:
    """Every object whose fields are the user's, and that rules look at."""
    if "x-kubernetes-preserve-unknown-fields" in schema and "x-kubernetes-validations" in schema:
        yield schema
    for inner in schema.get("properties", {}).values():
        yield from free_forms(inner)


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: d.plural)
def test_rules_about_an_object_of_free_form_see_the_fields_that_they_name(
    definition: Definition,
) -> None:
    """The API server refuses the whole definition otherwise."""
    versions = build_crd(definition)["spec"]["versions"]
    for schema in free_forms(versions[0]["schema"]["openAPIV3Schema"]):
        assert all("self.spec" in rule["rule"] for rule in schema["x-kubernetes-validations"])
        declared = schema["properties"]["spec"]["properties"]
        assert {"volumeName", "dataSource", "dataSourceRef"} <= declared.keys()


def leaves(schema: Json) -> Iterator[list[object]]:
    """The lists that stand in a schema and its properties."""
    yield from (each for each in schema.values() if isinstance(each, list))
    for inner in schema.get("properties", {}).values():
        yield from leaves(inner)


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: d.plural)
def test_what_a_caller_makes_of_a_definition_is_its_own(definition: Definition) -> None:
    before = build_crd(definition)
    read = deepcopy(before)
    for version in before["spec"]["versions"]:
        lists = list(leaves(version["schema"]["openAPIV3Schema"]))
        assert lists
        for each in lists:
            each.append("something else")
    assert build_crd(definition) == read


@pytest.mark.situation(
    "data",
    "`kubectl delete all --all` in the namespace of a cluster",
    "no EtcdCluster is in the category `all`, so that its disks stay",
)
@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda each: each.kind)
def test_what_is_deleted_with_all_that_runs_leaves_data_alone(definition: Definition) -> None:
    assert build_crd(definition)["spec"]["names"]["categories"] == ["etcd-operator"]
