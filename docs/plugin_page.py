"""Write the pages about the kubectl plugin: its verbs and exit codes, and one page for each verb.

A verb's page is what its own help says, and leads to the guides that use it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from docs.site import read_title
from etcd_operator.plugin.app import DO, ETCD, READ, REPAIR, VERBS, load_verb
from etcd_operator.plugin.exits import Exit

GUIDES: Final = Path(__file__).parent / "how-to"
HEAD: Final = """# Verbs of the kubectl plugin

`kubectl etcd VERB --help` says the same as the page of a verb. `etcdop` is another name of the
program. What the verbs write, and how they ask and wait, is in [the kubectl
plugin](../how-to/kubectl-plugin.md).

## Exit codes

| Code | Meaning |
|---|---|
"""
SIGNALS: Final = """
Ctrl-C ends a verb with 130, SIGTERM with 143 and SIGHUP with 129, after its temporary keys are
removed. It ends with 141 when nobody reads its output any more.
"""
GROUPS: Final = {
    READ: "what is",
    ETCD: "etcd itself",
    DO: "changes",
    REPAIR: "repairs, and what is asked of the operator once",
}


def write_plugin() -> str:
    """Return the page about all verbs as Markdown."""
    return "".join(_write())


def write_verbs() -> dict[str, str]:
    """Return the page of each verb as Markdown, by its name."""
    guides = {path: " ".join(path.read_text().split()) for path in sorted(GUIDES.glob("*.md"))}
    return {name: "".join(_write_verb(name, guides)) for name in VERBS}


def _write() -> Iterator[str]:
    yield HEAD
    yield from (f"| {int(each)} | {each.meaning} |\n" for each in Exit)
    yield SIGNALS
    for group, about in GROUPS.items():
        yield f"\n## {group}: {about}\n\n| Verb | What it does |\n|---|---|\n"
        for name, verb in VERBS.items():
            if verb.group == group:
                summary = load_verb(name, verb).get_short_help_str(200)
                yield f"| [`{name}`](plugin/{name}.md) | {summary} |\n"


def _write_verb(name: str, guides: Mapping[Path, str]) -> Iterator[str]:
    verb = VERBS[name]
    command: Any = load_verb(name, verb)
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    usage = " ".join(("kubectl etcd", name, *(_write_argument(each) for each in arguments)))
    examples = "\n".join(f"kubectl etcd {example}" for example in verb.examples)
    yield f"# kubectl etcd {name}\n\n"
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield f"{' '.join(paragraph.split())}\n\n"
    yield f"```sh\n{usage} [OPTIONS]\n```\n\n## Examples\n\n```sh\n{examples}\n```\n"
    if arguments:
        yield "\n## Arguments\n\n| Argument | Meaning |\n|---|---|\n"
        yield from (f"| `{_write_argument(each)}` | {each.help or ''} |\n" for each in arguments)
    yield "\n## Options\n\n| Option | Default | Meaning |\n|---|---|---|\n"
    yield from map(_write_option, options)
    yield "\n## See also\n\n* [Exit codes](../plugin.md#exit-codes)\n"
    typed = re.compile(rf"kubectl etcd {re.escape(name)}\b(?!-)")
    for path, text in guides.items():
        if typed.search(text):
            yield f"* [{read_title(path)}](../../how-to/{path.name})\n"


def _write_argument(argument: Any) -> str:
    shown = str(argument.metavar or argument.name.upper())
    return shown if argument.required or shown.startswith("[") else f"[{shown}]"


def _write_option(option: Any) -> str:
    names = "`, `".join((*option.opts, *option.secondary_opts))
    if option.metavar and not option.is_flag:
        names += f" {option.metavar}"
    default = "" if option.default in (None, "", False) else f"`{option.default}`"
    return f"| `{names}` | {default} | {option.help or ''} |\n"
