"""`record` and `replay`: the last passes of a cluster, and what this version makes of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from etcd_operator.plugin import console, session
from etcd_operator.plugin.exits import Exit
from etcd_operator.plugin.options import Context, Name, Namespace
from etcd_operator.plugin.session import Place, Session


def record(
    name: Name,
    to: Annotated[
        str, typer.Option("--to", metavar="FILE", help="The file to write; - is the output.")
    ] = "-",
    context: Context = "",
    namespace: Namespace = "",
) -> None:
    """Fetch the last passes that the operator made over a cluster: what it saw, decided and did.

    It holds no content of a Secret. Attach it to a report of a defect, or show it with `replay`.
    You need the right to forward a port to the operator's Pod.
    """
    session.run(Place(context, namespace), lambda own: _record(own, name, to))


async def _record(own: Session, name: str, to: str) -> Exit:
    from etcd_operator.plugin import recordings
    from etcd_operator.plugin.clusters import find_cluster

    recording = await recordings.fetch(own, await find_cluster(own, name))
    text = json.dumps(recording.document, indent=1) + "\n"
    if to == "-":
        sys.stdout.write(text)
        return Exit.DONE
    Path(to).write_text(text)  # noqa: ASYNC240 (nothing else runs)
    console.say(f"{to} has {len(recording.passes)} passes over {name}.")
    return Exit.DONE


def replay(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What `record` has written.")],
) -> None:
    """Run recorded passes through the planner of this version, and show where it does otherwise.

    Exit code 0 if it decides as the operator did that was recorded, 1 if not.
    """
    session.run_offline(lambda: _replay(Path(file)))


def _replay(path: Path) -> Exit:
    from etcd_operator.core.recording import recorded_pass
    from etcd_operator.plugin import recordings

    passes = recordings.read_file(path).passes
    difference = next(recorded_pass.replay(passes), None)
    for number, each in enumerate(passes, 1):
        when = each.snapshot.now.strftime("%H:%M:%SZ")
        console.say(f"{number:3} {when} {each.rule}: {each.reason}: {each.message}")
        for place, action in enumerate(each.actions, 1):
            console.say(f"      {'+' if place <= each.done else '-'} {action}")
        if each.stopped:
            console.say(f"      stopped: {each.stopped}")
        if difference is not None and difference.number == number:
            console.say(f"Pass {number} would be another now, in its {difference.what}:")
            console.say(f"  recorded: {difference.recorded}\n  now:      {difference.now}")
            return Exit.FAILED
    console.say(f"This version decides alike in all {len(passes)} passes.")
    return Exit.DONE
