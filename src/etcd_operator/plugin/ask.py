"""Questions before what stops, deletes or may lose something: `--yes` answers them for scripts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from etcd_operator.errors import OperatorError
from etcd_operator.json_types import Json
from etcd_operator.plugin.console import complain
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.interrupts import interrupt_at_once
from etcd_operator.plugin.plain_text import plain_view
from etcd_operator.plugin.session import Session

if TYPE_CHECKING:
    from etcd_operator.simulation.change import Change


async def confirm_change(
    own: Session,
    cluster: Json,
    plan: str,
    *,
    yes: bool,
    spec: Json | None = None,
    asked: Change | None = None,
) -> None:
    """Show what a change of the EtcdCluster does, with the operator's steps to the end, and ask.

    `spec` is a merge patch; `asked` is what is asked for beside it. A preview that cannot be had is
    no reason not to ask. Raises PluginError unless the answer is yes.
    """
    if not yes:
        await show_steps(own, cluster, spec or {}, asked)
    confirm(plan, yes=yes)


async def show_steps(own: Session, cluster: Json, spec: Json, asked: Change | None = None) -> None:
    """Show the operator's steps after a change to the end, or in a sentence why they are not.

    Raises PluginError for a spec that the operator would refuse: there is nothing to ask then.
    """
    from etcd_operator.plugin import console, planning, preview
    from etcd_operator.simulation.change import NO_CHANGE

    try:
        view = await planning.foresee(own, cluster, spec, asked or NO_CHANGE)
    except OperatorError as error:
        console.complain(f"The operator's steps cannot be previewed: {error}")
        return
    if preview.find_exit(view) is Exit.INVALID:
        raise PluginError(f"Nothing was changed: {view['message']}", Exit.INVALID)
    console.open_console(to_stderr=True).print(preview.render(plain_view(view)))


def confirm(plan: str, *, yes: bool) -> None:
    """Show what is going to happen, and ask; raises PluginError unless the answer is yes."""
    complain(plan)
    if not yes and _ask("Go on? [y/N] ").lower() not in ("y", "yes"):
        raise PluginError("Nothing was changed. --yes goes on without asking.", Exit.DECLINED)


def confirm_name(plan: str, name: str, *, answered: str) -> None:
    """Show what may be lost, and ask for the name of the cluster; raises PluginError for another.

    `answered` is the name that was given on the command line, for scripts.
    """
    complain(plan)
    if (answered or _ask(f"Type the name of the cluster, {name}, to go on: ")) != name:
        raise PluginError("Nothing was changed: that is not its name.", Exit.DECLINED)


def _ask(question: str) -> str:
    """Return the line that is typed; empty at the end of the input, as where nobody is there."""
    sys.stderr.write(question)
    sys.stderr.flush()
    with interrupt_at_once():
        return sys.stdin.readline().strip()
