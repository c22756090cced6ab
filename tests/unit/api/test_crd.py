"""The CustomResourceDefinitions, as far as no server is needed to judge them."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

import pytest
from pydantic import Field

from etcd_operator.api.crd import CLUSTER, DEFINITIONS, Definition, build_crd
from etcd_operator.api.model import Model
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


@pytest.mark.parametrize(
    ("definition", "path", "values"),
    [
        (CLUSTER, "spec.etcdConfig.quota", ["FollowsDisk"]),
        (CLUSTER, "spec.podTemplate.initContainers.restartPolicy", ["Always"]),
        (CLUSTER, "spec.etcdConfig.autoCompactionMode", ["periodic", "revision"]),
    ],
    ids=lambda each: str(each) if isinstance(each, str) else "",
)
def test_the_api_server_knows_every_value_that_a_field_can_have(
    definition: Definition, path: str, values: list[str]
) -> None:
    schema = build_crd(definition)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for name in path.split("."):
        schema = schema.get("items", schema)["properties"][name]
    assert schema["enum"] == values


def test_what_has_no_translation_is_an_error() -> None:
    class Spec(Model):
        even: int = Field(multiple_of=2)

    with pytest.raises(ValueError, match=r"spec.even: \['multipleOf'\] have no translation"):
        build_crd(replace(CLUSTER, spec=Spec))


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
