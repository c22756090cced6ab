"""The plugin on a Kubernetes in memory: what is typed, what is printed, how it ends."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, NamedTuple
from unittest import mock

from etcd_operator.plugin import session
from etcd_operator.plugin.app import app
from tests.fakes.kubernetes import ApiServer
from tests.fakes.user_api import FakeUserApi


class Ended(NamedTuple):
    """How a command ended: its exit code, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def view(self) -> Any:
        """What it printed as JSON."""
        return json.loads(self.out)


class Terminal:
    """A terminal of a user of the Kubernetes in memory."""

    def __init__(self) -> None:
        self.server = ApiServer()
        self.api = FakeUserApi(self.server)

    def type(
        self, *words: str, answer: str = "", meanwhile: Callable[[], object] = lambda: None
    ) -> Ended:
        """Run `kubectl etcd` with these words; `answer` is what is typed when it asks.

        `meanwhile` is called as the question is read.
        """
        out, err, typed = io.StringIO(), io.StringIO(), io.StringIO(answer)

        def read_line() -> str:
            meanwhile()
            return next(typed, "")

        with (
            mock.patch.object(session, "connect", self.api.session),
            mock.patch.object(sys, "stdin", typed),
            mock.patch.object(typed, "readline", read_line),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                app(list(words), prog_name="kubectl etcd")
            except SystemExit as end:
                return Ended(int(end.code or 0), out.getvalue(), err.getvalue())
        raise AssertionError("typer returned")


def written(terminal: Terminal) -> list[Any]:
    """What was sent to the API server to be written."""
    return [body for said, body in terminal.server.sent if not said.startswith(("get", "list"))]
