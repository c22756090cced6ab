"""The command line of the plugin: its verbs in groups, each loaded when it is asked for.

A verb is a function in a module of `verbs`, whose docstring is its help; an example stands in the
table here, so that no verb is without one. Start-up is most of what a short command costs: nothing
else is imported before the verb is known.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import typer
from typer.core import TyperCommand, TyperGroup

from etcd_operator import __version__
from etcd_operator.plugin import completion


class Verb(NamedTuple):
    """A verb: the module and the function that it is, its group in the help, and examples."""

    module: str
    group: str
    examples: tuple[str, ...]
    function: str = ""


# No summary is as long: none is cut.
LONGEST_SUMMARY: Final = 200
READ: Final = "Look"
DO: Final = "Do"
REPAIR: Final = "Repair"
ETCD: Final = "Use etcd"

VERBS: Final[dict[str, Verb]] = {
    "status": Verb("status", READ, ("status", "status db --watch", "status -A -o json")),
    "plan": Verb(
        "plan",
        READ,
        ("plan db", "plan db --set spec.size=5", "plan -f db.yaml", "plan db --delete"),
    ),
    "record": Verb("record", READ, ("record db --to db.json",)),
    "replay": Verb("record", READ, ("replay db.json",), function="replay"),
    "logs": Verb("logs", READ, ("logs db", "logs db --follow --tail=100")),
    "top": Verb("etcd", READ, ("top db", "top db --depth=2 -o json")),
    "certificates": Verb("certificates", READ, ("certificates db", "certificates -A")),
    "backups": Verb("backups", READ, ("backups db", "backups -A -o yaml")),
    "report": Verb("report", READ, ("report db", "report db -o db.zip")),
    "etcdctl": Verb(
        "etcd", ETCD, ("etcdctl db -- get /app/ --prefix", "etcdctl db --user=web -- put /app/a 1")
    ),
    "shell": Verb("etcd", ETCD, ("shell db",)),
    "connect": Verb("etcd", ETCD, ("connect db --directory=certificates --port=12379",)),
    "snapshot": Verb("etcd", ETCD, ("snapshot save db db.snapshot",)),
    "scale": Verb("size", DO, ("scale db 5", "scale db 3 --yes --wait")),
    "upgrade": Verb("roll", DO, ("upgrade db", "upgrade db --to=v3.6.16 --wait")),
    "restart": Verb("roll", DO, ("restart db --wait",)),
    "pause": Verb("pause", DO, ("pause db",)),
    "resume": Verb("pause", DO, ("resume db --wait",)),
    "stop": Verb("size", DO, ("stop db --wait",)),
    "start": Verb("size", DO, ("start db --wait",)),
    "backup": Verb("backups", DO, ("backup db --wait", "backup db --like=nightly --name=now")),
    "restore": Verb(
        "backups", DO, ("restore nightly --to=db-copy", "restore nightly --in-place=db --wait")
    ),
    "migrate": Verb(
        "migrate",
        DO,
        ("migrate plan db --from=old", "migrate apply db --from=old --wait", "migrate approve db"),
    ),
    "replace": Verb("members", REPAIR, ("replace db-1 --wait",)),
    "move-leader": Verb("members", REPAIR, ("move-leader db --to=db-1 --wait",)),
    "defrag": Verb("members", REPAIR, ("defrag db --wait",)),
    "renew-certificates": Verb("certificates", REPAIR, ("renew-certificates db --wait",)),
    "rotate-ca": Verb("certificates", REPAIR, ("rotate-ca db",)),
    "recover": Verb("recover", REPAIR, ("recover db --wait",)),
}


_EVERYWHERE: Final = ("-A", "--all-namespaces")
_PLACE: Final = (*_EVERYWHERE, "-n", "--namespace", "--context")


class LazyVerbs(Mapping[str, TyperCommand]):
    """Verbs by name, each imported when it is asked for."""

    def __getitem__(self, name: str) -> TyperCommand:
        """Load a verb; raises KeyError if there is none of the name."""
        return load_verb(name, VERBS[name])

    def __iter__(self) -> Iterator[str]:
        """Names in the order of the help."""
        return iter(VERBS)

    def __len__(self) -> int:
        """How many there are."""
        return len(VERBS)


class VerbGroup(TyperGroup):
    """The command line: verbs, and before them where they look."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = cast("Any", LazyVerbs())

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what was typed; where to look may stand before the verb, as kubectl has it."""
        return super().parse_args(ctx, move_place(args))

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 (its overridden name)
        """Write the verbs by their groups, each with its whole summary."""
        for group in dict.fromkeys(verb.group for verb in VERBS.values()):
            rows = [
                (name, load_verb(name, verb).get_short_help_str(LONGEST_SUMMARY))
                for name, verb in VERBS.items()
                if verb.group == group
            ]
            with formatter.section(group):
                formatter.write_dl(rows)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 (its overridden name)
        """Names of the verbs, none of which is loaded for that."""
        return list(self.commands)


def move_place(words: Sequence[str]) -> list[str]:
    """Return the words with a context and a namespace that stand before the verb put after it."""
    place: list[str] = []
    rest = list(words)
    while rest and rest[0].partition("=")[0] in _PLACE:
        alone = "=" in rest[0] or rest[0] in _EVERYWHERE
        count = 1 if alone else 2
        place, rest = place + rest[:count], rest[count:]
    return [*rest[:1], *place, *rest[1:]]


@cache
def load_verb(name: str, verb: Verb) -> TyperCommand:
    """Import a verb and make it a command, once, with its examples below its help."""
    module = import_module(f"etcd_operator.plugin.verbs.{verb.module}")
    function = getattr(module, verb.function or name.replace("-", "_"))
    single = typer.Typer(
        add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
    )
    examples = "\n\n".join(f"  kubectl etcd {example}" for example in verb.examples)
    single.command(name, epilog=f"Examples:\n\n{examples}", rich_help_panel=verb.group)(function)
    command = typer.main.get_command(single)
    if not isinstance(command, TyperCommand):
        raise TypeError(f"{name} is no single command")
    return command


app = typer.Typer(
    cls=VerbGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"kubectl-etcd {__version__}\n")
        raise typer.Exit


@app.callback()
def etcd(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """See what an etcd cluster does, and change it through the operator, with its guards."""


def describe_candidate(words: Sequence[str], candidate: str) -> str:
    """Return what a verb does, or an option of it; empty for the value of one."""
    if not words:
        verb = VERBS.get(candidate)
        return load_verb(candidate, verb).get_short_help_str(LONGEST_SUMMARY) if verb else ""
    verb = VERBS.get(words[0])
    options: list[Any] = load_verb(words[0], verb).params if verb else []
    return next((each.help or "" for each in options if candidate in each.opts), "")


def main() -> None:
    """Run what was typed; exits with a code of `exits`."""
    if sys.stdout is None:  # closed by who has started it
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 (until the end)
    # kubectl runs `kubectl-etcd`; help and completion name what the user types.
    name = Path(sys.argv[0]).name
    if name == completion.PROGRAM:
        completion.complete_for_kubectl(app, describe_candidate, sys.argv[1:])
        return
    own = "etcdop" if name == "etcdop" else "kubectl etcd"
    completing = any(key.endswith("_COMPLETE") for key in os.environ)
    app(prog_name=name if completing else own)
