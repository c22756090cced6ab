"""`backups`, `backup` and `restore`: objects that the operator carries out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from etcd_operator.errors import Forbidden, NotFound
from etcd_operator.json_types import Json
from etcd_operator.plugin import console, session
from etcd_operator.plugin.ask import confirm_change
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.options import (
    AllNamespaces,
    AnyName,
    Context,
    Format,
    Name,
    Namespace,
    Output,
    Timeout,
    Wait,
    Yes,
)
from etcd_operator.plugin.session import Place, Session

DEFAULT_TIMEOUT: Final = 3600
API_VERSION: Final = "etcd.etcd.io/v1alpha1"
# What belongs to a schedule, and not to one backup that somebody asks for.
_OF_SCHEDULES: Final = ("schedule", "timeZone", "suspend", "startingDeadlineSeconds")
_ALSO: Final = ("concurrencyPolicy", "retentionPolicy")


def backups(
    name: AnyName = "",
    context: Context = "",
    namespace: Namespace = "",
    everywhere: AllNamespaces = False,
    output: Format = Output.TEXT,
) -> None:
    """Show EtcdBackups: when each was last complete, whether that is verified, what comes next."""
    place = Place(context, namespace, everywhere)
    session.run(place, lambda own: _show(own, name, output))


async def _show(own: Session, name: str, output: Output) -> Exit:
    from etcd_operator.plugin.cluster_view import describe_backup
    from etcd_operator.plugin.clusters import find_cluster, list_all
    from etcd_operator.plugin.screens import render_backups
    from etcd_operator.runtime.kubernetes.api import BACKUPS

    if name:
        await find_cluster(own, name)
    found = await list_all(own, BACKUPS, own.namespace)
    rows = [describe_backup(each) for each in found]
    rows = [row for row in rows if name in ("", row["cluster"])]
    console.show(rows, output, lambda view: render_backups(view) or "No EtcdBackup here.")
    return Exit.DONE


def backup(
    name: Name,
    like: Annotated[
        str,
        typer.Option(
            "--like",
            metavar="BACKUP",
            help="EtcdBackup whose store and options are used; by default the cluster's only one.",
        ),
    ] = "",
    called: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Name of the new EtcdBackup.")
    ] = "",
    context: Context = "",
    namespace: Namespace = "",
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Take one backup now, to the store of another EtcdBackup of the cluster."""
    place = Place(context, namespace)
    session.run(place, lambda own: _back_up(own, name, like, called, wait=wait, timeout=timeout))


async def _back_up(
    own: Session, name: str, like: str, called: str, *, wait: bool, timeout: float
) -> Exit:
    from etcd_operator.plugin.change import end
    from etcd_operator.plugin.clusters import find_cluster
    from etcd_operator.plugin.follow import task_goal
    from etcd_operator.runtime.kubernetes.api import BACKUPS

    cluster = await find_cluster(own, name)
    pattern = await _find_pattern(own, name, like)
    dropped = (*_OF_SCHEDULES, *_ALSO)
    spec = {key: value for key, value in pattern["spec"].items() if key not in dropped}
    spec["clusterName"] = cluster["metadata"]["name"]
    called = called or f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    body = {
        "apiVersion": API_VERSION,
        "kind": "EtcdBackup",
        "metadata": {"name": called, "namespace": own.home},
        "spec": spec,
    }
    written = await own.api.create(BACKUPS, own.home, body)
    done = f"Created EtcdBackup {called}, with the store of {pattern['metadata']['name']}."
    return await end(own, written, done, wait=wait, timeout=timeout, goal=task_goal(BACKUPS))


async def _find_pattern(own: Session, name: str, like: str) -> Json:
    """Return the EtcdBackup whose store is used; raises PluginError if it is not clear which."""
    from etcd_operator.plugin.clusters import find_object, list_all
    from etcd_operator.runtime.kubernetes.api import BACKUPS

    if like:
        return await find_object(own, BACKUPS, like)
    found = await list_all(own, BACKUPS, own.home)
    of_cluster = [each for each in found if each["spec"].get("clusterName") == name]
    scheduled = [each for each in of_cluster if each["spec"].get("schedule")]
    for choice in (scheduled, of_cluster):
        if len(choice) == 1:
            return choice[0]
    known = ", ".join(each["metadata"]["name"] for each in of_cluster)
    raise PluginError(
        f"EtcdCluster {name} has several EtcdBackups: name one of {known} with --like."
        if known
        else f"EtcdCluster {name} has no EtcdBackup that says where to: create one first.",
        Exit.NOT_FOUND,
    )


def restore(
    source: Annotated[
        str, typer.Argument(metavar="BACKUP", help="EtcdBackup whose last backup is restored.")
    ],
    to: Annotated[
        str, typer.Option("--to", metavar="NAME", help="The EtcdCluster to create.")
    ] = "",
    in_place: Annotated[
        str,
        typer.Option(
            "--in-place",
            metavar="NAME",
            help="The EtcdCluster whose data is replaced; its writes since the backup are lost.",
        ),
    ] = "",
    context: Context = "",
    namespace: Namespace = "",
    yes: Yes = False,
    wait: Wait = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> None:
    """Restore a backup into a new cluster, or in place of what a cluster holds; the latter asks."""
    place = Place(context, namespace)
    if bool(to) == bool(in_place):
        raise typer.BadParameter("give either --to or --in-place")
    target = (to or in_place, "Replace" if in_place else "New")
    session.run(
        place, lambda own: _restore(own, source, target, yes=yes, wait=wait, timeout=timeout)
    )


async def _insist_on_new(own: Session, name: str) -> None:
    from etcd_operator.runtime.kubernetes.api import CLUSTERS

    try:
        await own.api.get(CLUSTERS, own.home, name)
    except (NotFound, Forbidden):  # who may not see it is told by the EtcdRestore
        return
    raise PluginError(
        f"EtcdCluster {name} exists already: name another with --to, or replace its data with "
        f"--in-place={name}.",
        Exit.FAILED,
    )


async def _restore(
    own: Session, source: str, target: tuple[str, str], *, yes: bool, wait: bool, timeout: float
) -> Exit:
    from etcd_operator.plugin.change import end
    from etcd_operator.plugin.cluster_view import describe_backup
    from etcd_operator.plugin.clusters import find_cluster, find_object
    from etcd_operator.plugin.follow import task_goal
    from etcd_operator.runtime.kubernetes.api import BACKUPS, RESTORES
    from etcd_operator.simulation.change import Change

    name, kind = target
    backup = describe_backup(await find_object(own, BACKUPS, source))
    if not backup["lastComplete"]:
        raise PluginError(
            f"EtcdBackup {source} has no complete backup yet; see `kubectl etcd backups`.",
            Exit.FAILED,
        )
    if kind == "New":
        await _insist_on_new(own, name)
    else:
        await confirm_change(
            own,
            await find_cluster(own, name),
            f"All writes to EtcdCluster {name} since {backup['lastComplete'] or 'the backup'} are "
            "discarded, and it does not serve meanwhile. Deleting the EtcdRestore undoes it until "
            "the restored members serve.",
            yes=yes,
            asked=Change(restored=True),
        )
    called = f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    body = {
        "apiVersion": API_VERSION,
        "kind": "EtcdRestore",
        "metadata": {"name": called, "namespace": own.home},
        "spec": {"backupName": source, "clusterName": name, "restoreType": kind},
    }
    written = await own.api.create(RESTORES, own.home, body)
    done = f"Created EtcdRestore {called}."
    return await end(own, written, done, wait=wait, timeout=timeout, goal=task_goal(RESTORES))
