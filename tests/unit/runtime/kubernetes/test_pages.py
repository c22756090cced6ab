"""Pages of a list: their objects are read one at a time, and as they were written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest import mock

import msgspec
import pytest

from etcd_operator.runtime.kubernetes.pages import read_page

OBJECTS = [{"metadata": {"name": f"db-{number}"}, "spec": {"replicas": 3}} for number in range(3)]
PAGE = {"kind": "ConfigMapList", "metadata": {"resourceVersion": "7"}, "items": OBJECTS}


def test_a_page_says_what_was_written() -> None:
    page = read_page(json.dumps(PAGE).encode())
    assert page["metadata"] == {"resourceVersion": "7"}
    assert len(page["items"]) == 3
    assert list(page["items"]) == list(page["items"]) == OBJECTS


def test_no_object_is_read_before_it_is_come_to(monkeypatch: pytest.MonkeyPatch) -> None:
    page = read_page(json.dumps(PAGE).encode())
    decode = mock.Mock(wraps=msgspec.json.decode)
    monkeypatch.setattr(msgspec.json, "decode", decode)
    items: Iterator[Any] = iter(page["items"])
    assert next(items) == OBJECTS[0]
    assert decode.call_count == 1


@pytest.mark.parametrize("items", [{}, {"items": None}, {"items": []}])
def test_a_page_may_be_empty(items: dict[str, Any]) -> None:
    assert not read_page(json.dumps({"metadata": {}, **items}).encode())["items"]


@pytest.mark.parametrize("written", [b"<html>", b"[]", b'{"items": []}', b'{"metadata": {}, "ite'])
def test_what_is_no_list_is_no_page(written: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read_page(written)
