"""Arguments and options that verbs have in common, each described once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from etcd_operator.plugin.completion import complete_cluster


class Output(StrEnum):
    """How what was read is printed."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


def insist_on_new(path: Path) -> None:
    """Raise typer.BadParameter unless there is no such file, and could be one."""
    try:
        exists = path.exists()
    except OSError as error:
        raise typer.BadParameter(f"{path} is no file: {error.strerror}") from error
    if exists:
        raise typer.BadParameter(f"{path} exists: name another file")


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Name of the EtcdCluster.", autocompletion=complete_cluster
    ),
]
AnyName = Annotated[
    str,
    typer.Argument(
        metavar="[NAME]",
        help="Name of the EtcdCluster; all of them if left out.",
        autocompletion=complete_cluster,
    ),
]
Context = Annotated[
    str, typer.Option("--context", metavar="NAME", help="Context of your kubeconfig.")
]
Namespace = Annotated[
    str,
    typer.Option("--namespace", "-n", metavar="NAME", help="Namespace; by default the context's."),
]
AllNamespaces = Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces.")]
Format = Annotated[
    Output,
    typer.Option(
        "--output", "-o", metavar="FORMAT", help="text for people; json or yaml for programs."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for scripts.")]
Wait = Annotated[
    bool, typer.Option("--wait", "-w", help="Show the progress until it is done, or cannot be.")
]
Timeout = Annotated[
    int, typer.Option("--timeout", metavar="SECONDS", help="How long --wait waits.", min=1)
]
