"""`logs`: members and operator in one stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from etcd_operator.plugin import console, session
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.options import Context, Format, Name, Namespace, Output
from etcd_operator.plugin.plain_text import plain_line
from etcd_operator.plugin.session import Place, Session

if TYPE_CHECKING:
    from rich.console import Console

    from etcd_operator.plugin.log_lines import Line, Source
    from etcd_operator.plugin.rights import Gaps

Write = Callable[["Line"], None]


def logs(
    name: Name,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Stay, and show new lines.")
    ] = False,
    tail: Annotated[
        int, typer.Option("--tail", metavar="NUMBER", help="Lines of each log to begin with.")
    ] = 20,
    context: Context = "",
    namespace: Namespace = "",
    output: Format = Output.TEXT,
) -> None:
    """Show the logs of the members, and what the operator says of the cluster, by time.

    With -o, each line is a document with the fields that were logged, as soon as it is read.
    """
    place = Place(context, namespace)
    session.run(place, lambda own: _show(own, name, tail, output, follow=follow))


async def _show(own: Session, name: str, tail: int, output: Output, *, follow: bool) -> Exit:
    from etcd_operator.plugin.clusters import find_cluster
    from etcd_operator.plugin.log_lines import read_lines
    from etcd_operator.plugin.log_sources import find_sources
    from etcd_operator.plugin.rights import Gaps

    cluster, gaps, write = await find_cluster(own, name), Gaps(), _choose_writer(output)
    sources = await find_sources(own, gaps, cluster)
    works = [
        gaps.attempt(f"get pods/log of {s.pod}", read_lines(own, s, tail), None) for s in sources
    ]
    found = list(zip(sources, await asyncio.gather(*works), strict=True))
    read = [(source, lines) for source, lines in found if lines is not None]
    lines = sorted((line for _, some in read for line in some), key=lambda each: each.time)
    if not (read if follow else lines) and gaps.code is not Exit.DONE:
        raise PluginError(f"No log was read: {gaps.sentences[0]}.", gaps.code)
    for line in lines:
        write(line)
    if follow:
        async with asyncio.TaskGroup() as group:
            for source, some in read:
                after = some[-1].time if some else ""
                group.create_task(_follow(own, source, tail, after, gaps, write))
    _tell_missing(gaps, output)
    return gaps.read_code


async def _follow(
    own: Session, source: Source, tail: int, after: str, gaps: Gaps, write: Write
) -> None:
    from etcd_operator.plugin.log_lines import follow_lines

    async def read() -> None:
        async for line in follow_lines(own, source, tail, after):
            write(line)

    await gaps.attempt(f"get pods/log of {source.pod}", read(), None)


def _choose_writer(output: Output) -> Write:
    """Return what prints a line: for people, or as a document."""
    if output is not Output.TEXT:
        return lambda line: console.write_one_of_many(line.describe(), output)
    screen = console.open_console()
    return lambda line: _print(screen, line)


def _print(screen: Console, line: Line) -> None:
    from rich.text import Text

    from etcd_operator.plugin.log_lines import STYLES

    parts = Text.assemble(
        (f"{line.time[11:23]} ", "dim"),
        (f"{line.source:14} ", "cyan"),
        (f"{line.level:5} ", STYLES.get(line.level, "")),
        plain_line(line.text),
    )
    screen.print(parts, soft_wrap=True)


def _tell_missing(gaps: Gaps, output: Output) -> None:
    """Say what could not be read; beside documents, where errors go."""
    from etcd_operator.plugin.screens import render_missing

    screen = console.open_console(to_stderr=output is not Output.TEXT)
    for part in render_missing(gaps.sentences):
        screen.print(part)
