"""`logs`: members and operator in one stream."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from etcd_operator.plugin import session
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.options import Context, Name, Namespace
from etcd_operator.plugin.session import Place, Session

if TYPE_CHECKING:
    from rich.console import Console

    from etcd_operator.plugin.log_lines import Line, Source
    from etcd_operator.plugin.rights import Gaps


def logs(
    name: Name,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Stay, and show new lines.")
    ] = False,
    tail: Annotated[int, typer.Option("--tail", help="Lines of each log to begin with.")] = 20,
    context: Context = "",
    namespace: Namespace = "",
) -> None:
    """Show the logs of the members, and what the operator says of the cluster, by time."""
    place = Place(context, namespace)
    session.run(place, lambda own: _show(own, name, tail, follow=follow))


async def _show(own: Session, name: str, tail: int, *, follow: bool) -> Exit:
    from etcd_operator.plugin.clusters import find_cluster
    from etcd_operator.plugin.console import open_console
    from etcd_operator.plugin.log_lines import read_lines
    from etcd_operator.plugin.log_sources import find_sources
    from etcd_operator.plugin.rights import Gaps

    cluster, gaps, screen = await find_cluster(own, name), Gaps(), open_console()
    sources = await find_sources(own, gaps, cluster)
    if follow:
        async with asyncio.TaskGroup() as group:
            for source in sources:
                group.create_task(_follow(own, source, tail, gaps, screen))
    else:
        read = [
            gaps.attempt(f"get pods/log of {s.pod}", read_lines(own, s, tail), []) for s in sources
        ]
        lines = [line for found in await asyncio.gather(*read) for line in found]
        for line in sorted(lines, key=lambda each: each.time):
            _print(screen, line)
        if not lines and gaps.code is not Exit.DONE:
            raise PluginError(f"No log was read: {gaps.sentences[0]}.", gaps.code)
    _print_missing(screen, gaps)
    return gaps.read_code


async def _follow(own: Session, source: Source, tail: int, gaps: Gaps, screen: Console) -> None:
    from etcd_operator.plugin.log_lines import follow_lines

    async def read() -> None:
        async for line in follow_lines(own, source, tail):
            _print(screen, line)

    await gaps.attempt(f"get pods/log of {source.pod}", read(), None)


def _print(screen: Console, line: Line) -> None:
    from rich.text import Text

    from etcd_operator.plugin.log_lines import STYLES

    parts = Text.assemble(
        (f"{line.time[11:23]} ", "dim"),
        (f"{line.source:14} ", "cyan"),
        (f"{line.level:5} ", STYLES.get(line.level, "")),
        line.text,
    )
    screen.print(parts, soft_wrap=True)


def _print_missing(screen: Console, gaps: Gaps) -> None:
    from etcd_operator.plugin.screens import render_missing

    for part in render_missing(gaps.sentences):
        screen.print(part)
