"""The pieces of a stream, made in one thread and used in another."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from etcd_operator.errors import TaskError
from etcd_operator.jobs.io.files import SnapshotDigest
from etcd_operator.jobs.io.pipeline import join_pieces, use_behind


@pytest.mark.parametrize(
    ("pieces", "joined"),
    [
        ([], []),
        ([b"ab"], [b"ab"]),
        ([b"a", b"b", b"c"], [b"ab", b"c"]),
        ([b"a", b"bcd", b"", b"e", b"f"], [b"abcd", b"ef"]),
    ],
)
def test_pieces_are_joined_and_none_is_lost(pieces: list[bytes], joined: list[bytes]) -> None:
    assert list(join_pieces(pieces, 2)) == joined


def test_pieces_are_used_in_order_while_the_next_is_made() -> None:
    used: list[bytes] = []
    made_another = threading.Event()

    def make() -> Iterator[bytes]:
        yield b"1"
        yield b"2"
        made_another.set()
        yield b"3"

    def use(piece: bytes) -> None:
        if piece == b"2":
            assert made_another.wait(10), "nothing is made meanwhile"
        used.append(piece)

    use_behind(make(), use)
    assert used == [b"1", b"2", b"3"]


def test_no_more_than_two_pieces_are_there() -> None:
    made, used = 0, 0

    def make() -> Iterator[bytes]:
        nonlocal made
        for _ in range(20):
            made += 1
            assert made - used <= 3, "one that is being made, one that waits, one in use"
            yield b"piece"

    def use(_: bytes) -> None:
        nonlocal used
        used += 1

    use_behind(make(), use)
    assert used == 20


def test_a_fault_of_either_side_ends_both() -> None:
    made: list[int] = []

    def make() -> Iterator[bytes]:
        for number in range(1000):
            made.append(number)
            yield b"piece"

    def fail(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        use_behind(make(), fail)
    assert len(made) <= 3

    def break_off() -> Iterator[bytes]:
        yield b"piece"
        raise TaskError("the member is gone")

    used: list[bytes] = []
    with pytest.raises(TaskError, match="the member is gone"):
        use_behind(break_off(), used.append)
    assert used == [b"piece"]


@pytest.mark.parametrize("size", [1, 5, 31, 32, 33, 100, 2000])
def test_the_digest_does_not_depend_on_the_pieces(size: int) -> None:
    content = bytes(range(256)) * 4
    whole, cut = SnapshotDigest(), SnapshotDigest()
    whole.update(content)
    for start in range(0, len(content), size):
        cut.update(content[start : start + size])
    assert (cut.size, cut.hexdigest) == (whole.size, whole.hexdigest)
