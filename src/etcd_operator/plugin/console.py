"""What is printed: documents for programs, tables and sentences for people.

Nothing of what others have written reaches a terminal as they wrote it: see `plain_text`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from etcd_operator.plugin.options import Output
from etcd_operator.plugin.plain_text import escape_json, is_plain, plain, plain_view

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from etcd_operator.plugin.tables import FittingTable

# Of what is no terminal, such as a pipe or a file: nothing is cut there, and no command broken.
WIDTH = 1000


def open_console(*, to_stderr: bool = False) -> Console:
    """Return the console for people; plain text where the output is no terminal."""
    from etcd_operator.plugin.plain_console import PlainConsole

    stream = sys.stderr if to_stderr else sys.stdout
    width = None if stream.isatty() else WIDTH
    return PlainConsole(
        width=width,
        highlight=False,
        soft_wrap=False,
        markup=False,
        emoji=False,
        stderr=to_stderr,
    )


def show(view: Any, output: Output, render: Callable[[Any], RenderableType]) -> None:
    """Print a view as it was asked for."""
    if output is Output.TEXT:
        open_console().print(render(plain_view(view)))
    else:
        show_document(view, output)


def show_document(view: Any, output: Output) -> None:
    """Print a view as a document, in JSON or YAML."""
    if output is Output.YAML:
        sys.stdout.write(_write_yaml(view))
    else:
        sys.stdout.write(_write_json(view, indent=2) + "\n")


def write_one_of_many(view: Any, output: Output) -> None:
    """Print one document of a stream: a line of JSON, or a document of YAML after its marker."""
    if output is Output.YAML:
        sys.stdout.write(f"---\n{_write_yaml(view)}")
    else:
        sys.stdout.write(_write_json(view) + "\n")
    sys.stdout.flush()


def _write_json(view: Any, indent: int | None = None) -> str:
    return escape_json(json.dumps(view, indent=indent, ensure_ascii=False))


def _write_yaml(view: Any) -> str:
    import yaml

    text = str(yaml.safe_dump(view, sort_keys=False, allow_unicode=True))
    return text if is_plain(text) else str(yaml.safe_dump(view, sort_keys=False))


def say(sentence: str) -> None:
    """Print one line for people."""
    sys.stdout.write(f"{plain(sentence)}\n")
    sys.stdout.flush()


def complain(sentence: str) -> None:
    """Print a line for people where errors go."""
    sys.stderr.write(f"{plain(sentence)}\n")
    sys.stderr.flush()


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], spare: Sequence[str] = ()
) -> FittingTable:
    """Return a table; `spare` are the columns that a narrow terminal does without, in order."""
    from etcd_operator.plugin.tables import FittingTable

    return FittingTable(columns, rows, spare)


def size(count: float | None) -> str:
    """Return bytes as people write them: 12.5 MiB."""
    if count is None:
        return "?"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def parse_time(text: str | None) -> datetime | None:
    """Read a time of Kubernetes; None if there is none."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def ago(text: str | None, now: datetime) -> str:
    """Return how long ago a time was, or how long it takes until then: 5m ago, in 3h."""
    moment = parse_time(text)
    if moment is None:
        return ""
    passed = now - moment
    return f"in {length(-passed)}" if passed < timedelta() else f"{length(passed)} ago"


def length(span: timedelta) -> str:
    """Return a length of time in its largest unit, as kubectl's ages: 45s, 12m, 5h, 3d."""
    seconds = int(span.total_seconds())
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "m"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{seconds // unit}{name}"
    return f"{seconds // 86400}d"
