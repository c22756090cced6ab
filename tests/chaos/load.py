"""Clients of an etcd cluster that record all they do, through its client Service.

A request for which no connection was made is no operation; after every other error the outcome is
unknown.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import random
import threading
import time
from typing import Any, Final

from etcd_operator.json_types import Json
from tests.chaos.endpoint import Door
from tests.chaos.history import Change, History, Operation
from tests.chaos.rpc import BY_REVISION, BY_VALUE, DESCENDING, Connection, NoAnswer, NothingSent

PREFIX: Final = "chaos/"
REQUEST_SECONDS: Final = 2.0
# New keys every few seconds: the search for an order is easy in short histories.
EPOCH_SECONDS: Final = 4.0
KEYS: Final = 3
CLIENTS: Final = 6
WATCHERS: Final = 2
PAUSE_SECONDS: Final = 0.025
# Of clients beside which other tests run: thirty requests in a second notice a gap as well.
CALM_SECONDS: Final = 0.2
# A new connection now and then follows what the Service says.
REQUESTS_PER_CONNECTION: Final = 40
SILENCE_SECONDS: Final = 4.0


def encode(text: str) -> str:
    """Bytes as JSON has them."""
    return base64.b64encode(text.encode()).decode()


def decode(text: str) -> str:
    """Text from bytes as JSON has them."""
    return base64.b64decode(text).decode()


class Load:
    """Clients and watchers in a thread of their own.

    `pause` is the mean of the seconds between two requests of a client. `serializable` lets reads
    be answered by any member from what it has, and half of the clients only read: a seeded
    violation.
    """

    def __init__(
        self,
        door: Door,
        seed: int,
        *,
        serializable: bool = False,
        pause: float = CALM_SECONDS,
    ) -> None:
        self.history = History(watches=[[] for _ in range(WATCHERS)])
        self._door = door
        self._seed = seed
        self._serializable = serializable
        self.pause = pause
        self._numbers = itertools.count(1)
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run_thread, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self) -> History:
        """Stop the clients, let the watchers and a last read see everything, return it all."""
        self._stop.set()
        self._thread.join()
        self._door.leave()
        if self._error is not None:
            raise self._error
        return self.history

    def first_write(self, after: int) -> Operation | None:
        """The first acknowledged write that was begun after a moment, in monotonic nanoseconds."""
        found = None
        for made in reversed(list(self.history.operations)):
            if made.returned < after:
                break
            if made.wrote and made.call > after:
                found = made
        return found

    def _run_thread(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:  # noqa: BLE001 (handed to whoever waits for the thread)
            self._error = error

    async def _run(self) -> None:
        watching = [asyncio.create_task(self._watch(n)) for n in range(WATCHERS)]
        clients = [Client(self, n, random.Random(self._seed + n)) for n in range(CLIENTS)]
        await asyncio.gather(*(client.run() for client in clients))
        self.history.log = await self._read_log()
        last = self.history.log[-1].revision if self.history.log else 0
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            if all(w and w[-1].revision >= last for w in self.history.watches):
                break
            await asyncio.sleep(0.1)
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)

    async def _watch(self, number: int) -> None:
        """Watch for ever; after every break go on behind the last change."""
        changes = self.history.watches[number]
        while True:
            begin = changes[-1].revision + 1 if changes else 1
            with contextlib.suppress(NoAnswer):
                await self._follow(begin, changes, None)
            await asyncio.sleep(0.1)

    async def _follow(self, begin: int, changes: list[Change], until: int | None) -> None:
        order = {"key": encode(PREFIX), "range_end": encode("chaos0"), "start_revision": begin}
        async with self._door.open() as connection:
            async for answer in connection.watch(order, SILENCE_SECONDS):
                if answer.get("canceled"):
                    raise NoAnswer(str(answer))
                for event in answer.get("events") or ():
                    kv = event["kv"]
                    value = decode(kv.get("value", ""))
                    changes.append(Change(int(kv["mod_revision"]), decode(kv["key"]), value))
                if until is not None and changes and changes[-1].revision >= until:
                    return

    async def _read_log(self) -> list[Change]:
        """Every change from the first on: there is no compaction, so etcd has all of them."""
        deadline = time.monotonic() + 60
        while True:
            try:
                last = await self._last_revision()
                log: list[Change] = []
                if last:
                    await self._follow(1, log, last)
                if not last or (log and log[-1].revision >= last):
                    return log
            except (NoAnswer, NothingSent):
                if time.monotonic() > deadline:
                    raise
            if time.monotonic() > deadline:
                raise TimeoutError("etcd did not tell all that it has")
            await asyncio.sleep(0.5)

    async def _last_revision(self) -> int:
        order = {
            "key": encode(PREFIX),
            "range_end": encode("chaos0"),
            "sort_order": DESCENDING,
            "sort_target": BY_REVISION,
            "limit": 1,
        }
        async with self._door.open() as connection:
            answer = await connection.ask("Range", order, 10.0)
        return max((int(kv["mod_revision"]) for kv in answer.get("kvs") or ()), default=0)


class Client:
    """One request after the other."""

    def __init__(self, load: Load, number: int, choice: random.Random) -> None:
        self._load = load
        self._number = number
        self._choice = choice
        self._seen: dict[str, str] = {}

    async def run(self) -> None:
        """Work until the load is stopped."""
        while not self._load._stop.is_set():
            async with self._load._door.open() as connection:
                for _ in range(REQUESTS_PER_CONNECTION):
                    answered = await self._do(connection)
                    if not answered or self._load._stop.is_set():
                        break
                    await asyncio.sleep(self._load.pause * (0.5 + self._choice.random()))
            if not self._load._stop.is_set():
                await asyncio.sleep(self._load.pause)

    async def _do(self, connection: Connection) -> bool:
        epoch = int(time.monotonic() / EPOCH_SECONDS)
        key = f"{PREFIX}{epoch}-{self._choice.randrange(KEYS)}"
        value = f"{self._number}-{next(self._load._numbers)}"
        roll = self._choice.random()
        expected = self._seen.get(key, "")
        kind = "put" if roll < 0.4 else "cas" if roll < 0.6 and expected else "get"
        if self._load._serializable and self._number % 2:
            kind = "get"  # a write would keep it waiting where nobody can write
        method, body = self._order(kind, key, value, expected)
        call = time.monotonic_ns()
        answer: Json | None = None
        try:
            answer = await connection.ask(method, body, REQUEST_SECONDS)
        except NothingSent:
            await asyncio.sleep(0.1)
            return False
        except NoAnswer:
            pass
        self._record(kind, key, value, expected, call, answer)
        return answer is not None

    def _order(self, kind: str, key: str, value: str, expected: str) -> tuple[str, Json]:
        name = encode(key)
        if kind == "put":
            return "Put", {"key": name, "value": encode(value)}
        if kind == "get":
            return "Range", {"key": name, "serializable": self._load._serializable}
        compare = {"key": name, "target": BY_VALUE, "value": encode(expected)}
        return "Txn", {
            "compare": [compare],
            "success": [{"request_put": {"key": name, "value": encode(value)}}],
            "failure": [{"request_range": {"key": name}}],
        }

    def _record(
        self, kind: Any, key: str, value: str, expected: str, call: int, answer: Json | None
    ) -> None:
        said = answer or {}
        done = bool(said.get("succeeded"))
        found = ""
        if kind == "get":
            found = _first_value(said)
        elif kind == "cas" and answer is not None and not done:
            found = _first_value(said["responses"][0]["response_range"])
        if answer is not None:
            self._seen[key] = value if kind == "put" or done else found
        made = Operation(
            client=self._number,
            kind=kind,
            key=key,
            call=call,
            returned=time.monotonic_ns(),
            known=answer is not None,
            value=value if kind != "get" else "",
            expected=expected if kind == "cas" else "",
            found=found,
            done=done,
            revision=int(said["header"]["revision"]) if answer is not None else 0,
        )
        self._load.history.operations.append(made)


def _first_value(answer: Json) -> str:
    pairs = answer.get("kvs") or ()
    return decode(pairs[0].get("value", "")) if pairs else ""
