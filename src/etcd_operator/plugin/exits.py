"""Exit codes of the plugin, and the error that carries one."""

from __future__ import annotations

from enum import IntEnum
from typing import Self

from etcd_operator.errors import OperatorError


class Exit(IntEnum):
    """How a verb ended; scripts compare these numbers, so none of them changes its meaning."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        """Make a member of its number and its meaning."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    DONE = 0, "Done; with `--wait`, the state that was asked for is reached."
    FAILED = 1, "It cannot be done: so say the operator, etcd, or `plan`; a line says why."
    USAGE = 2, "The command line is not valid."
    NOT_FOUND = 3, "No such EtcdCluster, member, EtcdBackup or file; near names are listed."
    NO_OPERATOR = 4, "No operator serves the cluster, or one of another version does."
    FORBIDDEN = 5, "You do not have a right that this needs; the sentence names it."
    UNREACHABLE = 6, "The API server does not answer, or the connection broke in the middle."
    DECLINED = 7, "You were asked, and did not say yes; nothing was changed."
    TIMED_OUT = 8, "With `--wait`: not reached in the time of `--timeout`; the operator goes on."
    INVALID = 9, "The API server or the operator refuses the change; the sentence says why."
    TOOL_MISSING = 10, "A program that this verb runs is not on PATH: kubectl, or etcdctl."
    DEFECT = 11, "The plugin itself failed; `ETCDOP_TRACEBACK=1` shows where."


class PluginError(OperatorError):
    """A verb cannot go on: one sentence for the user, and the exit code."""

    def __init__(self, message: str, code: Exit) -> None:
        super().__init__(message)
        self.code = code
