"""Write the page about the kubectl plugin: each verb as its own help says it, and exit codes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, Final

from etcd_operator.plugin.app import DO, ETCD, READ, REPAIR, VERBS, load_verb
from etcd_operator.plugin.exits import Exit

HEAD: Final = """# Verbs of the kubectl plugin

`kubectl etcd VERB --help` says the same. `etcdop` is another name of the program. What the verbs
write, and how they ask and wait, is in [the kubectl plugin](../how-to/kubectl-plugin.md).

## Exit codes

| Code | Meaning |
|---|---|
"""
GROUPS: Final = {
    READ: "what is",
    ETCD: "etcd itself",
    DO: "changes",
    REPAIR: "repairs, and what is asked of the operator once",
}


def write_plugin() -> str:
    """Return the page as Markdown."""
    return "".join(_write())


def _write() -> Iterator[str]:
    yield HEAD
    yield from (f"| {int(each)} | {each.meaning} |\n" for each in Exit)
    for group, about in GROUPS.items():
        yield f"\n## {group}: {about}\n"
        for name, verb in VERBS.items():
            if verb.group == group:
                yield from _write_verb(name)


def _write_verb(name: str) -> Iterator[str]:
    verb = VERBS[name]
    command = load_verb(name, verb)
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    usage = " ".join(("kubectl etcd", name, *(_write_argument(each) for each in arguments)))
    yield f"\n### {name}\n\n{' '.join(inspect.cleandoc(command.help or '').split())}\n"
    examples = "\n".join(f"kubectl etcd {example}" for example in verb.examples)
    yield f"\n```sh\n{examples}\n```\n\n| `{usage}` | |\n|---|---|\n"
    for each in (*arguments, *options):
        if "--help" not in each.opts:
            yield _write_row(each)


def _write_argument(argument: Any) -> str:
    shown = str(argument.metavar or argument.name.upper())
    return shown if argument.required or shown.startswith("[") else f"[{shown}]"


def _write_row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        names = _write_argument(parameter)
    else:
        names = "`, `".join((*parameter.opts, *parameter.secondary_opts))
        if parameter.metavar and not parameter.is_flag:
            names += f" {parameter.metavar}"
    return f"| `{names}` | {parameter.help or ''} |\n"
