"""The operator of this tree, for one namespace, ended and begun again at every boundary.

The process is the real one. Its API client and its etcd client are replaced by ones that inject;
both do so in the one method through which every request goes, so that no effect is missed. Each
life is a fork of a parent that has imported everything: beginning again takes a moment.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeVar
from unittest import mock

from etcd_operator import cli
from etcd_operator.errors import (
    Conflict,
    EtcdRefused,
    EtcdUnreachable,
    KubeUnavailable,
    OperatorError,
    Refusal,
)
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine import following
from etcd_operator.runtime.etcd import client as client
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.kubernetes.api import Kind, WatchEvent
from etcd_operator.runtime.kubernetes.client import LightkubeApi
from tests.injection.boundaries import SIDES, Boundary, Journal, Mode

T = TypeVar("T")

READS: Final = ("get", "list")
ETCD_READS: Final = ("Maintenance/Status", "Cluster/MemberList", "Maintenance/HashKV", "KV/Range")
SLOW_SECONDS: Final = 5.0
STALE_SECONDS: Final = 3.0
ASLEEP_SECONDS: Final = 1.5
MOST_LIVES: Final = 4
KUBE_ERRORS: Final[tuple[Callable[[], OperatorError], ...]] = (
    lambda: KubeUnavailable("injected: internal error", 500),
    lambda: Conflict("injected: the object has been modified", 409),
    lambda: KubeUnavailable("injected: too many requests", 429, "TooManyRequests", 1.0),
    lambda: KubeUnavailable("injected: no answer"),
)
ETCD_ERRORS: Final[tuple[Callable[[], OperatorError], ...]] = (
    lambda: EtcdUnreachable("injected: no answer"),
    lambda: EtcdRefused("injected: unhealthy cluster", Refusal.UNHEALTHY_CLUSTER),
    lambda: EtcdUnreachable("injected: request timed out"),
)


class Injector:
    """Lets effects through, and does what the mode says at each boundary."""

    def __init__(self, journal: Journal, mode: Mode, share: float, seed: int) -> None:
        self._journal = journal
        self._mode = mode
        self._share = share
        self._seed = seed
        self._stale_until = 0.0

    async def keep_back(self) -> None:
        """Let nothing that a watch tells pass while the caches are to be stale."""
        left = self._stale_until - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)
            await self.keep_back()  # another effect may have made it longer

    async def let_through(
        self,
        effect: str,
        request: Callable[[], Awaitable[T]],
        errors: tuple[Callable[[], OperatorError], ...],
    ) -> T:
        """Send the request that has this effect; raises what it raises, or one of `errors`."""
        step = self._journal.step()
        turn = self._journal.turn(step, effect)
        if self._hits(Boundary(step, effect, turn, "before")):
            await self._before(errors)
            if self._mode is Mode.LATE:
                await self._send_and_die(request)
        answer = await request()
        self._journal.note(step, effect)
        if self._hits(Boundary(step, effect, turn, "after")):
            await self._after(errors)
        return answer

    def _hits(self, boundary: Boundary) -> bool:
        if boundary.side not in SIDES[self._mode]:
            return False
        return boundary.is_chosen(self._share, self._seed) and self._journal.claim(boundary)

    async def _before(self, errors: tuple[Callable[[], OperatorError], ...]) -> None:
        match self._mode:
            case Mode.KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            case Mode.REFUSED:
                error = errors[len(self._journal.hits()) % len(errors)]()
                raise error
            case Mode.LATE:
                os.kill(os.getpid(), signal.SIGSTOP)
            case _:
                pass

    async def _after(self, errors: tuple[Callable[[], OperatorError], ...]) -> None:
        match self._mode:
            case Mode.KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            case Mode.LOST:
                error = errors[0]()
                raise error
            case Mode.SLOW:
                await asyncio.sleep(SLOW_SECONDS)
            case Mode.STALE:
                self._stale_until = time.monotonic() + STALE_SECONDS
            case _:
                pass

    async def _send_and_die(self, request: Callable[[], Awaitable[T]]) -> None:
        """Woken after another has taken over: the request goes out, and nothing after it."""
        with contextlib.suppress(OperatorError):
            await request()
        os.kill(os.getpid(), signal.SIGKILL)


def inject_api(injector: Injector) -> type[LightkubeApi]:
    """The API client with boundaries."""

    class InjectedApi(LightkubeApi):
        async def watch(
            self, kind: Kind, namespace: str | None, label_selector: str, resource_version: str
        ) -> AsyncIterator[WatchEvent]:
            told = LightkubeApi.watch(self, kind, namespace, label_selector, resource_version)
            async for event in told:
                await injector.keep_back()
                yield event

        async def _request(
            self,
            verb: str,
            kind: Kind,
            path: str,
            *,
            params: dict[str, str] | None = None,
            body: Json | None = None,
        ) -> Json:
            def send() -> Awaitable[Json]:
                return LightkubeApi._request(self, verb, kind, path, params=params, body=body)

            if verb in READS:
                return await send()
            effect = name_effect(verb, kind, path, body)
            return await injector.let_through(effect, send, KUBE_ERRORS)

    return InjectedApi


def name_effect(verb: str, kind: Kind, path: str, body: Json | None) -> str:
    """Name a request by what it changes: the same in every run of a story."""
    if kind.name == "Event":
        return f"{verb} Event {(body or {}).get('reason', '')}"
    _, _, name = f"{path}/".partition(f"/{kind.plural}/")
    name = name.rstrip("/")
    name, _, subresource = name.partition("/")
    return f"{verb} {kind.name}{'/' if subresource else ''}{subresource} {name}"


def inject_etcd(injector: Injector) -> type[EtcdMemberClient]:
    """The etcd client with boundaries."""

    class InjectedClient(EtcdMemberClient):
        async def _call(self, method: str, request: Any, timeout: float) -> Any:
            def send() -> Awaitable[Any]:
                return EtcdMemberClient._call(self, method, request, timeout)

            if method in ETCD_READS:
                return await send()
            return await injector.let_through(f"etcd {method}", send, ETCD_ERRORS)

    return InjectedClient


def live(options: argparse.Namespace) -> int:
    """Run the operator once; returns its exit code, if it comes to that."""
    injector = Injector(Journal(options.place), options.mode, options.share, options.seed)
    log = os.open(options.place / "operator.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.environ.update(
        WATCH_NAMESPACES=options.namespace,
        POD_NAMESPACE=options.namespace,
        POD_NAME="injected",
        CLUSTER_DOMAIN="cluster.local",
        PORT=str(_free_port()),
        RECORDING_PORT=str(_free_port()),
    )
    with (
        mock.patch.object(following, "LightkubeApi", inject_api(injector)),
        mock.patch.object(client, "EtcdMemberClient", inject_etcd(injector)),
    ):
        return cli.run()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("", 0))
        return int(taken.getsockname()[1])


class Lives:
    """One life after the other; while one sleeps the next begins."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._awake: set[int] = set()
        self._asleep: dict[int, float] = {}

    def run(self) -> None:
        """Go on until the parent of this process is gone or SIGTERM comes."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        parent = os.getppid()
        cli.load_operator()
        # No life looks for garbage among what was imported here: that took half of its processor
        # time, with the copies of its pages.
        gc.collect()
        gc.freeze()
        try:
            while os.getppid() == parent:
                if not self._awake and len(self._asleep) < MOST_LIVES:
                    self._begin()
                self._look()
                self._wake()
                time.sleep(0.01)
        finally:
            for child in (*self._awake, *self._asleep):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)

    def _begin(self) -> None:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            code = 70
            try:
                code = live(self._options)
            except BaseException:
                traceback.print_exc()
                raise
            finally:
                os._exit(code)
        self._awake.add(child)

    def _look(self) -> None:
        for child in (*self._awake, *self._asleep):
            seen, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
            if seen == 0:
                continue
            self._awake.discard(child)
            if os.WIFSTOPPED(status):
                self._asleep[child] = time.monotonic()
            else:
                self._asleep.pop(child, None)
                if os.WIFEXITED(status):
                    time.sleep(0.2)  # it ended by itself: its log says why

    def _wake(self) -> None:
        now = time.monotonic()
        for child, since in list(self._asleep.items()):
            if now - since > ASLEEP_SECONDS:
                os.kill(child, signal.SIGCONT)
                self._asleep[child] = float("inf")


def main(words: list[str]) -> int:
    """Parse the command line and live."""
    parser = argparse.ArgumentParser(prog="python -m tests.injection.respawn", description=__doc__)
    parser.add_argument("--namespace", required=True, help="the one that the operator serves")
    parser.add_argument("--place", type=Path, required=True, help="directory of the journal")
    parser.add_argument("--mode", type=Mode, default=Mode.KILL, help="what happens at a boundary")
    parser.add_argument("--share", type=float, default=1.0, help="of all boundaries")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    Lives(parser.parse_args(words)).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
