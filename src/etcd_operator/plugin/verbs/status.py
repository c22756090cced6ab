"""`status`: one screen per cluster, or all clusters with the worst first."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from etcd_operator.plugin import console, session
from etcd_operator.plugin.exits import Exit
from etcd_operator.plugin.options import (
    AllNamespaces,
    AnyName,
    Context,
    Format,
    Namespace,
    Output,
)
from etcd_operator.plugin.plain_text import plain_view
from etcd_operator.plugin.session import Place, Session

if TYPE_CHECKING:
    from rich.console import RenderableType

LOOK_AGAIN: Final = 2.0

View = Callable[[], Awaitable[Any]]
Render = Callable[[Any], "RenderableType"]


def status(
    name: AnyName = "",
    context: Context = "",
    namespace: Namespace = "",
    everywhere: AllNamespaces = False,
    output: Format = Output.TEXT,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and show every change; Ctrl-C ends it.")
    ] = False,
) -> None:
    """Show what a cluster does or waits for, its members, disks, certificates and backups.

    Without NAME: all clusters, the worst first. A part that you have no right to read is left out,
    and the last line names the right.
    """
    place = Place(context, namespace, everywhere)
    session.run(place, lambda own: _show(own, name, output, watch=watch))


async def _show(own: Session, name: str, output: Output, *, watch: bool) -> Exit:
    from etcd_operator.plugin.cluster_view import describe
    from etcd_operator.plugin.rights import Gaps
    from etcd_operator.plugin.screens import render_cluster, render_clusters

    view: View
    render: Render
    if name and not watch:
        gaps = Gaps()
        console.show(await describe(own, name, gaps), output, render_cluster)
        return gaps.read_code
    if name:
        view, render = (lambda: describe(own, name, Gaps())), render_cluster
    else:
        view, render = (lambda: _list(own)), render_clusters
    if not watch:
        console.show(await view(), output, render)
    elif output is Output.TEXT and sys.stdout.isatty():
        await _watch_live(view, render)
    else:
        await _print_changes(view, output, render)
    return Exit.DONE


async def _list(own: Session) -> list[Any]:
    from etcd_operator.plugin.cluster_view import summarize
    from etcd_operator.plugin.clusters import list_all, rank
    from etcd_operator.runtime.kubernetes.api import CLUSTERS

    found = await list_all(own, CLUSTERS, own.namespace)
    return [summarize(cluster) for cluster in sorted(found, key=rank)]


async def _watch_live(view: View, render: Render) -> None:
    from rich.live import Live

    from etcd_operator.plugin.fitting import fit

    screen = console.open_console()
    with Live(console=screen, auto_refresh=False, screen=False) as live:
        while True:
            live.update(fit(plain_view(await view()), render, screen), refresh=True)
            await asyncio.sleep(LOOK_AGAIN)


async def _print_changes(view: View, output: Output, render: Render) -> None:
    """Print the view again whenever it is another: what is no terminal cannot be drawn over."""
    before: Any = None
    while True:
        now = await view()
        if now != before:
            console.show(now, output, render)
            sys.stdout.flush()
        before = now
        await asyncio.sleep(LOOK_AGAIN)
