"""A session of one verb: where it works, with which connection, and how it ends.

Everything that loads the client of Kubernetes is imported here when a verb runs, so that help and
completion need none of it.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

import typer

from etcd_operator.errors import (
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    KubeUnavailable,
    NotFound,
    OperatorError,
)
from etcd_operator.plugin.console import complain
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.interrupts import end_as_interrupts
from etcd_operator.plugin.plain_text import plain_line

if TYPE_CHECKING:
    from etcd_operator.plugin.user_api import UserApi

T = TypeVar("T")
SHOW_TRACEBACK: Final = "ETCDOP_TRACEBACK"
LONGEST: Final = 300
# The exit code of a program that wrote into a pipe that was closed: 128 and SIGPIPE.
NOBODY_READS: Final = 141


@dataclass(frozen=True, slots=True)
class Place:
    """Where a verb works: a context, empty for the current one, and a namespace.

    An empty namespace is that of the context; `everywhere` is all of them.
    """

    context: str = ""
    namespace: str = ""
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """A connection, and the namespace that is meant: None for all of them."""

    api: UserApi
    place: Place
    home: str

    @property
    def namespace(self) -> str | None:
        """Namespace of what is read; None for all of them."""
        return None if self.place.everywhere else self.home

    def kubectl(self, *words: str) -> list[str]:
        """Return a command of kubectl for this context and namespace.

        Raises PluginError if there is no kubectl.
        """
        program = shutil.which("kubectl")
        if program is None:
            raise PluginError("kubectl is not on PATH, and this verb runs it.", Exit.TOOL_MISSING)
        context = [f"--context={self.place.context}"] if self.place.context else []
        return [program, *context, f"--namespace={self.home}", *words]


def connect(place: Place) -> Session:
    """Connect as the user of the context; raises PluginError without a usable kubeconfig."""
    from etcd_operator.plugin.kubeconfig import load_config
    from etcd_operator.plugin.user_api import LightkubeUserApi

    config = load_config(place.context)
    # kubectl, which is run later, stays in this context when somebody changes the current one.
    place = replace(place, context=(config.fname and config.context_name) or "")
    return Session(LightkubeUserApi.connect(config), place, place.namespace or config.namespace)


def run(place: Place, work: Callable[[Session], Awaitable[Exit | None]]) -> None:
    """Run a verb to its end; an error is one sentence on stderr and the exit code."""
    _end(lambda: asyncio.run(_work(place, work)))


def run_offline(work: Callable[[], Exit], file: Path) -> None:
    """Run a verb on a file, without a connection; an error is a sentence and the exit code."""
    _end(work, file)


def _end(work: Callable[[], Exit], file: Path | None = None) -> NoReturn:
    with end_as_interrupts() as interrupts:
        try:
            code = int(work())
            sys.stdout.flush()
        except KeyboardInterrupt:
            code = interrupts.code
        except SystemExit:  # of rich, whose console forgets the output then by itself
            code = NOBODY_READS
        except Exception as error:  # noqa: BLE001 (what nobody foresaw ends in a sentence as well)
            code = _judge(error, file)
    raise typer.Exit(code)


def _judge(error: Exception, file: Path | None) -> int:
    """Say what an error means; returns the exit code."""
    whole = error
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, typer.Exit | typer.BadParameter):
        raise error
    if isinstance(error, BrokenPipeError):
        _forget_output()
        return NOBODY_READS
    if isinstance(error, OperatorError):
        complain(explain(error))
        return find_exit(error)
    if os.environ.get(SHOW_TRACEBACK):
        traceback.print_exception(whole)
    why = plain_line(f"{type(error).__name__}: {error}")[:LONGEST]
    if file is not None:
        complain(f"{file} is not usable: {why}")
        return Exit.FAILED
    complain(f"The plugin failed: {why}; with {SHOW_TRACEBACK}=1 it shows where.")
    return Exit.DEFECT


def _forget_output() -> None:
    """Let what is left to print go nowhere, or Python would say at its end that it cannot."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _work(place: Place, work: Callable[[Session], Awaitable[Exit | None]]) -> Exit:
    session = connect(place)
    try:
        return await work(session) or Exit.DONE
    finally:
        await session.api.close()


# As every authorizer of Kubernetes answers: apiserver/pkg/endpoints/handlers/responsewriters.
_NO_RIGHT: Final = re.compile(r'\bUser "[^"]*" cannot ')
_EXITS: Sequence[tuple[type[OperatorError], Exit]] = (
    (Forbidden, Exit.FORBIDDEN),
    (NotFound, Exit.NOT_FOUND),
    (Invalid, Exit.INVALID),
    (Conflict, Exit.FAILED),
    (KubeUnavailable, Exit.UNREACHABLE),
    (Gone, Exit.UNREACHABLE),
)


def is_missing_right(error: Forbidden) -> bool:
    """Whether a right is missing; a quota and admission forbid as well, with any words."""
    return error.status == 401 or bool(_NO_RIGHT.search(str(error)))


def find_exit(error: OperatorError) -> Exit:
    """Return the exit code for an error."""
    if isinstance(error, PluginError):
        return error.code
    if isinstance(error, Forbidden) and not is_missing_right(error):
        return Exit.INVALID
    return next((code for kind, code in _EXITS if isinstance(error, kind)), Exit.FAILED)


def explain(error: OperatorError) -> str:
    """Return the sentence for an error: what it means for the user, then the server's words."""
    if isinstance(error, PluginError):
        return str(error)
    if isinstance(error, Forbidden) and is_missing_right(error):
        return f"You do not have this right: {error}"
    if isinstance(error, Forbidden | Invalid):
        return f"The API server refuses it: {error}"
    if isinstance(error, Conflict):
        return f"Nothing was changed, because the object was changed meanwhile: {error}"
    if isinstance(error, KubeUnavailable | Gone):
        return f"The API server does not answer: {error}"
    return str(error)


async def gather(*works: Awaitable[T]) -> list[T]:
    """Wait for all; the first error ends it."""
    return list(await asyncio.gather(*works))
