"""Judgement of the API server about a change that is not made: a dry run, with the user's rights.

Only it knows what may follow the spec of now, and what admission says.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final

from etcd_operator.errors import Forbidden, Invalid
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.session import is_missing_right

# Of a webhook that says nothing of its side effects: the API server does not call it then.
_NO_DRY_RUN: Final = "does not support dry run"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is assumed in place of an answer, and what the API server warns of."""

    assumed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


async def ask_server(verb: str, answer: Awaitable[tuple[str, ...]]) -> Judgement:
    """Await a dry run; `verb` is the right that it needs.

    Raises PluginError with the sentence of the API server, or of its admission, if it refuses.
    """
    try:
        return Judgement(warnings=await answer)
    except Forbidden as error:
        if error.status == 401:
            raise
        if is_missing_right(error):
            return _assume(f"without the right to {verb} EtcdClusters it was not asked")
        why = str(error)
    except Invalid as error:
        why = str(error)
        if _NO_DRY_RUN in why:
            return _assume(f"it could not be asked: {why}")
    raise PluginError(f"The API server refuses it: {why}", Exit.INVALID)


def _assume(why: str) -> Judgement:
    return Judgement((f"The API server takes it; {why}.",))
