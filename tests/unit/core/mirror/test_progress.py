"""The key with the progress: written by a Job, read by the operator, and writable by anybody."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from etcd_operator.core.mirror.progress import (
    LONGEST_CURSOR,
    LONGEST_PROBLEM,
    MirrorPhase,
    Progress,
    read_progress,
    show_key,
)
from etcd_operator.json_types import Json

PROGRESS = Progress(
    MirrorPhase.FOLLOWING,
    0xC1D,
    began=5,
    revision=90,
    seen=97,
    keys=3,
    total=4,
    leased=1,
    cursor=b"k/\xff\0",
    writer="pod/1f",
    problem="It waits",
    scope="Skip e3b0",
)


def test_it_is_read_as_it_was_written() -> None:
    assert read_progress(PROGRESS.write()) == PROGRESS
    assert (PROGRESS.lag, PROGRESS.approval) == (7, "c1d/5")


def test_what_is_too_long_is_cut_so_that_a_key_sorts_before_itself() -> None:
    long = replace(PROGRESS, cursor=b"k" * 5000, problem="p" * 5000)
    read = read_progress(long.write())
    assert read is not None
    assert (len(read.cursor), len(read.problem)) == (LONGEST_CURSOR, LONGEST_PROBLEM)
    assert read.cursor < long.cursor


# Of what was written, one thing that cannot be.
CHANGES: tuple[Json, ...] = (
    {"phase": "Gone"},
    {"phase": []},
    {"source": "nobody"},
    {"source": 7},
    {"revision": -1},
    {"revision": 2**63},
    {"revision": True},
    {"revision": "7"},
    {"keys": None},
    {"cursor": "?"},
    {"cursor": 7},
    {"writer": 7},
    {"problem": "line\nbreak"},
    {"problem": {}},
    {"scope": None},
)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"\xff",
        b"[]",
        b"[" * 8000,
        b"x" * 10_000,
        b"{}",
        *(json.dumps({**json.loads(PROGRESS.write()), **changed}).encode() for changed in CHANGES),
    ],
)
def test_what_cannot_be_one_is_none(value: bytes | None) -> None:
    assert read_progress(value) is None


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        (b"/a", "'/a'"),
        (b"a\n\xff", r"'a\n\\xff'"),
        ("ü".encode(), r"'\xfc'"),
        (b"k" * 100, "'" + "k" * 80 + "'…"),
    ],
)
def test_a_key_is_shown_escaped_and_cut(key: bytes, shown: str) -> None:
    assert show_key(key) == shown
