"""`record` and `replay`: the last passes of a cluster, and what this version makes of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etcd_operator.json_types import Json
from etcd_operator.plugin import console, session
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.options import Context, Format, Name, Namespace, Output
from etcd_operator.plugin.session import Place, Session
from etcd_operator.wording import counted

if TYPE_CHECKING:
    from rich.console import RenderableType

    from etcd_operator.core.recording.recorded_pass import RecordedPass


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
    if recording.word:
        console.complain(recording.word)
    text = json.dumps(recording.document, indent=1) + "\n"
    if to == "-":
        sys.stdout.write(text)
        return Exit.DONE
    try:
        Path(to).write_text(text)  # noqa: ASYNC240 (nothing else runs)
    except OSError as error:
        raise PluginError(f"{to} cannot be written: {error.strerror}.", Exit.INVALID) from error
    console.say(f"{to} has {counted(len(recording.passes), 'pass', 'passes')} over {name}.")
    return Exit.DONE


def replay(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What `record` has written.")],
    output: Format = Output.TEXT,
) -> None:
    """Run recorded passes through the planner of this version, and show where it does otherwise.

    Exit code 0 if it decides as the operator did that was recorded, 1 if not.
    """
    session.run_offline(lambda: _replay(Path(file), output), Path(file))


def _replay(path: Path, output: Output) -> Exit:
    from etcd_operator.core.recording import recorded_pass
    from etcd_operator.plugin import recordings

    passes = recordings.read_file(path).passes
    difference = next(recorded_pass.replay(passes), None)
    shown = passes[: difference.number] if difference else passes
    view = {
        "passes": [_describe(number, each) for number, each in enumerate(shown, 1)],
        "difference": asdict(difference) if difference else None,
    }
    console.show(view, output, _render)
    return Exit.FAILED if difference else Exit.DONE


def _describe(number: int, recorded: RecordedPass) -> Json:
    return {
        "number": number,
        "time": recorded.snapshot.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "rule": recorded.rule,
        "reason": recorded.reason,
        "message": recorded.message,
        "done": list(recorded.actions[: recorded.done]),
        "notDone": list(recorded.actions[recorded.done :]),
        "stopped": recorded.stopped,
    }


def _render(view: Json) -> RenderableType:
    from rich.text import Text

    # Whole sentences, however narrow the terminal is.
    return Text("\n".join(_write_lines(view)), no_wrap=True, overflow="ignore")


def _write_lines(view: Json) -> Iterator[str]:
    for each in view["passes"]:
        when = each["time"].partition("T")[2]
        yield f"{each['number']:3} {when} {each['rule']}: {each['reason']}: {each['message']}"
        yield from (f"      + {action}" for action in each["done"])
        yield from (f"      - {action}" for action in each["notDone"])
        if each["stopped"]:
            yield f"      stopped: {each['stopped']}"
    if found := view["difference"]:
        yield f"Pass {found['number']} would be another now, in its {found['what']}:"
        yield f"  recorded: {found['recorded']}\n  now:      {found['now']}"
    else:
        yield f"This version decides alike in all {len(view['passes'])} passes."
