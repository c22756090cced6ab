"""`etcdctl`, `shell`, `connect`, `snapshot` and `top`: etcd itself, with the right credentials."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from etcd_operator.plugin import console, session
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.interrupts import interrupt_at_once
from etcd_operator.plugin.options import Context, Format, Name, Namespace, Output, insist_on_new
from etcd_operator.plugin.session import Place, Session

User = Annotated[
    str, typer.Option("--user", metavar="NAME", help="User of spec.security.auth to be.")
]
Member = Annotated[
    str, typer.Option("--member", metavar="NAME", help="Member to ask; by default one that serves.")
]
SAMPLE: Final = 20
MOST_KEYS: Final = 100000


class SnapshotAction(StrEnum):
    """What is done with a snapshot."""

    SAVE = "save"


def etcdctl(
    name: Name,
    arguments: Annotated[
        list[str], typer.Argument(metavar="ARGS", help="Words of etcdctl, after --.")
    ],
    user: User = "",
    member: Member = "",
    context: Context = "",
    namespace: Namespace = "",
) -> None:
    """Run etcdctl against a cluster, with its endpoint, certificates and user.

    Without TLS and users it runs in a member. Otherwise it runs here, through a port-forward, and
    needs etcdctl on PATH and the right to read the Secret of the client or of its password.
    """
    place = Place(context, namespace)
    session.run(place, lambda own: _etcdctl(own, name, arguments, user, member))


async def _etcdctl(own: Session, name: str, words: list[str], user: str, member: str) -> Exit:
    from etcd_operator.plugin.clusters import find_cluster
    from etcd_operator.plugin.etcd_access import open_etcdctl

    cluster = await find_cluster(own, name)
    async with open_etcdctl(own, cluster, user=user, member=member) as tool:
        return await tool.run(*words)


def shell(
    name: Name,
    user: User = "",
    member: Member = "",
    context: Context = "",
    namespace: Namespace = "",
) -> None:
    """Type commands of etcdctl, one a line; `exit` or Ctrl-D ends it."""
    place = Place(context, namespace)
    session.run(place, lambda own: _shell(own, name, user, member))


async def _shell(own: Session, name: str, user: str, member: str) -> Exit:
    from etcd_operator.plugin.clusters import find_cluster
    from etcd_operator.plugin.etcd_access import open_etcdctl

    cluster = await find_cluster(own, name)
    async with open_etcdctl(own, cluster, user=user, member=member) as tool:
        while True:
            try:
                words = shlex.split(_read_line(f"{name}> "))
            except EOFError:
                break
            except ValueError as error:
                console.say(f"{error}")
                continue
            if words[:1] in (["exit"], ["quit"]):
                break
            if words:
                # What is typed ahead is the next line for the prompt.
                await tool.run(*words, reads=False)
    return Exit.DONE


def _read_line(prompt: str) -> str:
    """Read a line, with history and editing where it is a terminal."""
    import readline  # noqa: F401 (input() has it then)

    with interrupt_at_once():
        return input(prompt if sys.stdin.isatty() else "")


def connect(
    name: Name,
    directory: Annotated[
        Path,
        typer.Option(
            "--directory", "-d", metavar="FOLDER", help="Where certificates and environment go."
        ),
    ] = Path("etcd-client"),
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", help="Local port.", min=1, max=65535)
    ] = 2379,
    user: User = "",
    member: Member = "",
    context: Context = "",
    namespace: Namespace = "",
) -> None:
    """Let a program on this machine be a client: its credentials, its environment, a port.

    Stays until Ctrl-C, for the port is forwarded meanwhile.
    """
    place = Place(context, namespace)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise typer.BadParameter(f"{directory} is no folder: {error.strerror}") from error
    folder = directory.resolve()
    session.run(place, lambda own: _connect(own, name, folder, port, user, member))


async def _connect(
    own: Session, name: str, folder: Path, port: int, user: str, member: str
) -> Exit:
    from etcd_operator.plugin.clusters import find_cluster
    from etcd_operator.plugin.etcd_access import (
        CLIENT_PORT,
        choose_member,
        find_credentials,
        has_client_tls,
    )
    from etcd_operator.plugin.port_forward import forward

    cluster = await find_cluster(own, name)
    asked = choose_member(cluster, member)
    secure = has_client_tls(cluster, asked)
    environment = await find_credentials(own, cluster, user, folder, secure=secure)
    scheme = "https" if secure else "http"
    environment["ETCDCTL_ENDPOINTS"] = f"{scheme}://127.0.0.1:{port}"
    lines = (f"export {key}={shlex.quote(value)}\n" for key, value in environment.items())
    try:
        (folder / "env").touch(mode=0o600)
        (folder / "env").chmod(0o600)
        (folder / "env").write_text("".join(lines))
    except OSError as error:
        raise PluginError(
            f"{folder}/env cannot be written: {error.strerror}.", Exit.INVALID
        ) from error
    async with forward(own, asked, CLIENT_PORT, local_port=port) as way:
        console.say(f"Ready. In another terminal: . {shlex.quote(str(folder / 'env'))}")
        await way.last()
    return Exit.DONE


def snapshot(
    action: Annotated[
        SnapshotAction, typer.Argument(metavar="ACTION", help="save: to a file on this machine.")
    ],
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write.")],
    user: User = "",
    member: Member = "",
    context: Context = "",
    namespace: Namespace = "",
) -> None:
    """Save a snapshot of etcd to a file here; it is not verified as a backup is."""
    insist_on_new(file)
    place, words = Place(context, namespace), ("snapshot", action.value, str(file))
    session.run(place, lambda own: _run_here(own, name, words, user, member))


async def _run_here(
    own: Session, name: str, words: tuple[str, ...], user: str, member: str
) -> Exit:
    from etcd_operator.plugin.clusters import find_cluster
    from etcd_operator.plugin.etcd_access import open_etcdctl

    cluster = await find_cluster(own, name)
    async with open_etcdctl(own, cluster, user=user, member=member, local=True) as tool:
        return await tool.run(*words)


def top(
    name: Name,
    depth: Annotated[
        int, typer.Option("--depth", metavar="NUMBER", help="Parts of a prefix.", min=1)
    ] = 1,
    user: User = "",
    context: Context = "",
    namespace: Namespace = "",
    output: Format = Output.TEXT,
) -> None:
    """Show how many keys each prefix has, and about how large their values are.

    Keys are counted; of each prefix the values of a sample are read, and the size is an estimate.
    """
    place = Place(context, namespace)
    session.run(place, lambda own: _top(own, name, depth, user, output))


async def _top(own: Session, name: str, depth: int, user: str, output: Output) -> Exit:
    from etcd_operator.plugin.clusters import find_cluster
    from etcd_operator.plugin.etcd_access import open_etcdctl
    from etcd_operator.plugin.key_space import measure, render

    cluster = await find_cluster(own, name)
    async with open_etcdctl(own, cluster, user=user) as tool:
        view = await measure(tool.read, depth, sample=SAMPLE, most=MOST_KEYS)
    console.show(view, output, render)
    return Exit.DONE
