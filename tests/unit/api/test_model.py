"""What all parts of the API have in common."""

from __future__ import annotations

from etcd_operator.api.parse import parse_cluster
from tests.builders.snapshots import raw_cluster


def test_equal_parts_share_the_record_of_what_was_set() -> None:
    """It takes as much memory as the values themselves."""
    one, other = (parse_cluster(raw_cluster({"size": size})).spec for size in (3, 5))
    assert one.model_fields_set is other.model_fields_set
    assert one.storage.model_fields_set is other.storage.model_fields_set
    assert one.model_fields_set == {"size"}
    assert one.model_dump(exclude_unset=True) == {"size": 3}


def test_a_copy_with_changes_has_a_record_of_its_own() -> None:
    one, other = (parse_cluster(raw_cluster({"size": 3})).spec for _ in range(2))
    changed = one.model_copy(update={"paused": True})
    assert changed.model_fields_set == {"size", "paused"}
    assert other.model_fields_set == {"size"}
