"""Questions before what stops, deletes or may lose something: `--yes` answers them for scripts."""

from __future__ import annotations

import sys

from etcd_operator.plugin.exits import Exit, PluginError


def confirm(plan: str, *, yes: bool) -> None:
    """Show what is going to happen, and ask; raises PluginError unless the answer is yes."""
    sys.stderr.write(f"{plan}\n")
    if not yes and _ask("Go on? [y/N] ").lower() not in ("y", "yes"):
        raise PluginError("Nothing was changed. --yes goes on without asking.", Exit.DECLINED)


def confirm_name(plan: str, name: str, *, answered: str) -> None:
    """Show what may be lost, and ask for the name of the cluster; raises PluginError for another.

    `answered` is the name that was given on the command line, for scripts.
    """
    sys.stderr.write(f"{plan}\n")
    if (answered or _ask(f"Type the name of the cluster, {name}, to go on: ")) != name:
        raise PluginError("Nothing was changed: that is not its name.", Exit.DECLINED)


def _ask(question: str) -> str:
    """Return the line that is typed; empty at the end of the input, as where nobody is there."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()
