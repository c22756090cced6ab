"""`plan`: what the operator would do now, or after a change, to the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etcd_operator.plugin import console, session
from etcd_operator.plugin.completion import complete_cluster
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.options import Context, Format, Namespace, Output
from etcd_operator.plugin.session import Place, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from etcd_operator.plugin.planning import Prepared, Wanted

Name = Annotated[
    str,
    typer.Argument(
        metavar="[NAME]",
        help="Name of the EtcdCluster; that of the manifest.",
        autocompletion=complete_cluster,
    ),
]
Manifest = Annotated[
    str,
    typer.Option(
        "--filename",
        "-f",
        metavar="FILE",
        help="The EtcdCluster as changed; - reads it from standard input.",
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="A field as changed: spec.size=5."),
]
Delete = Annotated[bool, typer.Option("--delete", help="As if the EtcdCluster was deleted.")]
Replaced = Annotated[
    list[str] | None,
    typer.Option("--replace", metavar="MEMBER", help="As if its replacement was asked for."),
]
Restored = Annotated[
    bool, typer.Option("--restore", help="As if an EtcdRestore replaced what the cluster holds.")
]
Source = Annotated[
    str, typer.Option("--from", metavar="FILE", help="A recording in place of the cluster.")
]
Explain = Annotated[
    bool, typer.Option("--explain", help="Say of each rule whether it decided, or why it passed.")
]


def plan(
    name: Name = "",
    manifest: Manifest = "",
    assignments: Assignments = None,
    delete: Delete = False,
    replaced: Replaced = None,
    restored: Restored = False,
    source: Source = "",
    explain: Explain = False,
    context: Context = "",
    namespace: Namespace = "",
    output: Format = Output.TEXT,
) -> None:
    """Show what the operator would do to the end, now or after a change; nothing is changed.

    The steps are those of the operator's own planner, made in a model of Kubernetes and etcd that
    begins as your cluster is: with what guards refuse, which Pods restart, which disks are deleted,
    and what needs a person. With -f alone, of a cluster that does not exist: how it would come up.
    """

    def read() -> Wanted:
        from etcd_operator.plugin.planning import Wanted, open_manifest

        return Wanted(
            name, open_manifest(manifest) if manifest else None, tuple(assignments or ()), delete,
            tuple(replaced or ()), restored,
        )  # fmt: skip

    if source:
        file = Path(source)
        session.run_offline(lambda: _plan_offline(read(), file, output, explain=explain), file)
    else:
        place = Place(context, namespace)
        session.run(place, lambda own: _plan(own, read, output, explain=explain))


async def _plan(own: Session, read: Callable[[], Wanted], output: Output, *, explain: bool) -> Exit:
    from etcd_operator.plugin import planning

    return _show(await planning.prepare(own, read()), output, explain=explain)


def _plan_offline(wanted: Wanted, source: Path, output: Output, *, explain: bool) -> Exit:
    from etcd_operator.plugin import planning, recordings

    snapshot = recordings.read_file(source).passes[-1].snapshot
    if wanted.name and wanted.name != snapshot.cluster.name:
        raise PluginError(
            f"{source} is a recording of {snapshot.cluster.name}, not of {wanted.name}.",
            Exit.NOT_FOUND,
        )
    change = planning.find_change(wanted, snapshot)
    when = snapshot.now.strftime("%Y-%m-%d %H:%M:%SZ")
    assumptions = (f"The cluster is as {source} has it, of {when}.",)
    return _show(planning.Prepared(snapshot, change, assumptions), output, explain=explain)


def _show(begun: Prepared, output: Output, *, explain: bool) -> Exit:
    from etcd_operator.plugin import planning, preview

    view = planning.preview_change(begun.snapshot, begun.change, begun.assumptions, begun.warnings)
    if explain:
        view["rules"] = planning.explain_rules(begun.snapshot, begun.change)
    console.show(view, output, preview.render)
    return preview.find_exit(view)
