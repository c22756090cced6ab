"""Let one thread make the pieces of a stream while another uses those it has made.

Both hash, write and wait for the network without the interpreter's lock, so two processors, or one
and the network, are busy at once. There are two pieces at most at a time, whatever the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor


def join_pieces(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield a stream in larger pieces: each of `size` bytes and a piece at most, the last less."""
    held: list[bytes] = []
    there = 0
    for piece in pieces:
        held.append(piece)
        there += len(piece)
        if there >= size:
            yield b"".join(held)
            held, there = [], 0
    if held:
        yield b"".join(held)


def use_behind(pieces: Iterable[bytes], use: Callable[[bytes], object]) -> None:
    """Call `use` with each piece, in order, in another thread while the next is being made.

    What either side raises ends both, and is raised here.
    """
    with ThreadPoolExecutor(1) as worker:
        pending: Future[object] | None = None
        for piece in pieces:
            if pending is not None:
                pending.result()
            pending = worker.submit(use, piece)
        if pending is not None:
            pending.result()
