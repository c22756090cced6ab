"""Pages of a list: their objects are read one at a time, and as they were written."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Iterator
from typing import Any
from unittest import mock

import msgspec
import pytest

from etcd_operator.errors import Gone
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.pages import read_page, read_pages

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


class Server:
    """Answers with three pages, one after the other; the one after `last` is gone."""

    def __init__(self, last: int = 2) -> None:
        self.asked: list[str] = []
        self.cancelled = False
        self._last = last

    async def ask(self, place: dict[str, str]) -> Json:
        """A page, after a while."""
        token = place.get("continue", "0")
        self.asked.append(token)
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if int(token) > self._last:
            raise Gone("too old", 410)
        return {"metadata": {"continue": str(int(token) + 1)} if token != "2" else {}}


@pytest.mark.looptime
async def test_the_next_page_is_asked_for_while_one_is_read() -> None:
    server, known = Server(), []
    async for _ in read_pages(server.ask):
        await asyncio.sleep(0.5)
        known.append("".join(server.asked))
    assert known == ["01", "012", "012"]


@pytest.mark.looptime
async def test_no_page_is_waited_for_once_nobody_reads() -> None:
    server = Server()
    async for _ in read_pages(server.ask):
        await asyncio.sleep(0.5)
        break
    await asyncio.sleep(5)
    assert (server.asked, server.cancelled) == (["0", "1"], True)


@pytest.mark.looptime
async def test_a_page_that_cannot_be_had_ends_the_list() -> None:
    server, known = Server(last=0), []
    with pytest.raises(Gone):
        known += [page async for page in read_pages(server.ask)]
    assert server.asked == ["0", "1"]


@pytest.mark.looptime
async def test_a_page_that_is_gone_is_missed_by_nobody_who_stopped() -> None:
    """Nor told in the log as an error that nobody asked for."""
    server, told = Server(last=0), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    async for _ in read_pages(server.ask):
        await asyncio.sleep(5)
        break
    await asyncio.sleep(1)
    gc.collect()
    assert told == []
