"""`report`: a support bundle."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from etcd_operator.plugin import console, session
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.options import Context, Name, Namespace, insist_on_new
from etcd_operator.plugin.session import Place, Session


def report(
    name: Name,
    file: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.zip", help="File to write.")
    ] = None,
    context: Context = "",
    namespace: Namespace = "",
) -> None:
    """Write a support bundle: objects, Events, logs and metrics, without any secret.

    Values of Secrets, tokens and private keys are taken out of every file. What you have no right
    to read is left out; about.json names it.
    """
    path = file or Path(f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}.zip")
    insist_on_new(path)
    place = Place(context, namespace)
    session.run(place, lambda own: _write(own, name, path))


async def _write(own: Session, name: str, path: Path) -> Exit:
    from etcd_operator.plugin.bundle import collect, write_bundle

    bundle = await collect(own, name)
    try:
        write_bundle(path, bundle, console.say)
    except OSError as error:
        raise PluginError(f"{path} cannot be written: {error}", Exit.INVALID) from error
    return bundle.gaps.read_code
