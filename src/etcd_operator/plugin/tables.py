"""Tables that fit: where the terminal is too narrow, the least important columns are left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

# Columns that are broken into lines where the terminal is too narrow.
_SENTENCES: Final = ("message", "problem", "the operator would")
# So many characters of a sentence are to be in one line, at least.
_LEAST_SENTENCE: Final = 20
_GAP: Final = 2


class FittingTable:
    """A table without lines, its heads in capitals as those of kubectl.

    `spare` are the columns that can be left out, the first of them first. Nothing is cut as long as
    the others fit, and the last line names what was left out.
    """

    def __init__(
        self, columns: Sequence[str], rows: Iterable[Sequence[Any]], spare: Sequence[str] = ()
    ) -> None:
        self._columns = tuple(columns)
        self._rows = [tuple(row) for row in rows]
        self._spare = [column for column in spare if column in self._columns]

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table that fits, and what it lacks."""
        left_out: list[str] = []
        width = sum(self._measure(at) for at in range(len(self._columns))) - _GAP
        for column in self._spare:
            if width <= options.max_width:
                break
            left_out.append(column)
            width -= self._measure(self._columns.index(column))
        yield self._draw(left_out)
        if left_out:
            names = ", ".join(column.upper() for column in left_out)
            yield Text(f"Left out on this narrow screen: {names}.", style="dim")

    def _measure(self, at: int) -> int:
        """Return the width that a column needs, with the gap after it."""
        column = self._columns[at]
        widest = max((cell_len(str(row[at])) for row in self._rows), default=0)
        if column in _SENTENCES:
            widest = min(widest, _LEAST_SENTENCE)
        return max(widest, cell_len(column)) + _GAP

    def _draw(self, left_out: Sequence[str]) -> Table:
        made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
        places = [at for at, column in enumerate(self._columns) if column not in left_out]
        for at in places:
            column = self._columns[at]
            made.add_column(column.upper(), no_wrap=column not in _SENTENCES)
        for row in self._rows:
            made.add_row(*(_draw_cell(row[at]) for at in places))
        return made


def _draw_cell(cell: Any) -> RenderableType:
    return cell if isinstance(cell, Text) else str(cell)
