"""Changes of users and roles, as the sentences of their Events say them."""

from __future__ import annotations

import pytest

from etcd_operator.core.auth.state import Change, Grant, Step, end_of_prefix


@pytest.mark.parametrize(
    ("key", "end", "keys"),
    [
        (b"/app", b"", "the key '/app'"),
        (b"/app/", b"/app0", "all keys that begin with '/app/'"),
        (b"a", b"c", "the keys from 'a' to the last one before 'c'"),
        (b"a", b"\0", "all keys from 'a' on"),
        (b"\0", b"\0", "all keys"),
        (b"\xff", b"\0", "all keys from '\ufffd' on"),
    ],
)
def test_a_permission_names_its_keys(key: bytes, end: bytes, keys: str) -> None:
    change = Change(Step.REVOKE, "app", grant=Grant("READWRITE", key, end))
    said = f"Revoked from the role app the permission to read and write {keys}"
    assert change.sentence == said


def test_the_end_of_a_prefix_is_the_first_key_after_it() -> None:
    assert end_of_prefix(b"a\xff") == b"b"
    assert end_of_prefix(b"\xff\xff") == b"\0"
