"""The documentation site has every page, once, and no link that leads out of it by mistake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs.site import build_navigation, find_assets, find_pages, rewrite_links

STAGED = {Path("README.md"), Path("docs/concepts.md"), Path("docs/how-to/scale.md")}
PAGE = Path("docs/how-to/create.md")
URL = "https://example.com/main"


def list_places(navigation: list[dict[str, Any]]) -> Iterator[str]:
    for entry in navigation:
        for value in entry.values():
            yield from [value] if isinstance(value, str) else list_places(value)


def test_every_page_is_in_the_navigation_once() -> None:
    assert sorted(list_places(build_navigation())) == sorted(map(str, find_pages()))


def test_pictures_are_those_that_pages_show() -> None:
    assert Path("docs/pictures/demo.svg") in find_assets()


@pytest.mark.parametrize(
    ("text", "with_url", "without"),
    [
        ("[a](scale.md)", "[a](scale.md)", "[a](scale.md)"),
        ("[a](../concepts.md#gate)", "[a](../concepts.md#gate)", "[a](../concepts.md#gate)"),
        ("[a](#here)", "[a](#here)", "[a](#here)"),
        ("[a](https://etcd.io)", "[a](https://etcd.io)", "[a](https://etcd.io)"),
        ("[a\nb](../../src/x.py)", f"[a\nb]({URL}/src/x.py)", "a\nb"),
        ("[`a`](../../deploy/#x)", f"[`a`]({URL}/deploy)", "`a`"),
        ("![p](../pictures/x.svg)", "![p](../pictures/x.svg)", "![p](../pictures/x.svg)"),
        ("```sh\n[a](../../b)\n```", "```sh\n[a](../../b)\n```", "```sh\n[a](../../b)\n```"),
    ],
)
def test_links(text: str, with_url: str, without: str) -> None:
    assert rewrite_links(text, PAGE, STAGED, URL) == with_url
    assert rewrite_links(text, PAGE, STAGED, "") == without
