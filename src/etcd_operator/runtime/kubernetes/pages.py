"""Pages of a list, whose objects are read from JSON one at a time.

Of most objects little is kept: what one leaves is taken by the next. Read all at once, those of a
page are spread over memory with what stays in between, and most of that is never given back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import msgspec

from etcd_operator.json_types import Json


class Items:
    """Objects of a page, each read anew whenever it is come to."""

    def __init__(self, written: list[msgspec.Raw]) -> None:
        self._written = written

    def __len__(self) -> int:
        return len(self._written)

    def __iter__(self) -> Iterator[Json]:
        return (msgspec.json.decode(each) for each in self._written)


class _Page(msgspec.Struct):
    metadata: Json
    items: list[msgspec.Raw] | None = None


def read_page(written: bytes) -> Json:
    """Return a List object as the API server writes it; raises msgspec.DecodeError."""
    page = msgspec.json.decode(written, type=_Page)
    return {"metadata": page.metadata, "items": Items(page.items or [])}


async def read_pages(
    ask: Callable[[dict[str, str]], Coroutine[Any, Any, Json]],
) -> AsyncIterator[Json]:
    """Yield the pages of a list; the server writes the next one while one is read.

    `ask` sends a request with the parameters that name the place to continue from.
    """
    page = await ask({})
    while token := page["metadata"].get("continue"):
        following = asyncio.create_task(ask({"continue": token}))
        try:
            yield page
        except BaseException:
            following.cancel()
            raise
        page = await following
    yield page
