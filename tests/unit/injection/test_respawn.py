"""What each mode does at a boundary, without a cluster."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from etcd_operator.errors import Conflict, KubeUnavailable, OperatorError
from etcd_operator.runtime.kubernetes.api import CONFIG_MAPS, Kind, WatchEvent
from etcd_operator.runtime.kubernetes.client import LightkubeApi
from tests.injection import respawn as lives
from tests.injection.boundaries import SIDES, Boundary, Journal, Mode, places
from tests.injection.respawn import KUBE_ERRORS, Injector, inject_api

EFFECT = "apply ConfigMap c-config"


class Request:
    """Counts how often it took effect."""

    def __init__(self) -> None:
        self.sent = 0

    async def __call__(self) -> str:
        self.sent += 1
        return "answer"


class Ended(Exception):
    """The process got a signal that ends or stops it."""


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The signals that the process sent to itself; a fatal one ends what it does."""
    sent: list[int] = []

    def kill(process: int, number: int) -> None:
        assert process == os.getpid()
        sent.append(number)
        if number == signal.SIGKILL:
            raise Ended

    monkeypatch.setattr(os, "kill", kill)
    return sent


def injector(place: Path, mode: Mode, share: float = 1.0) -> Injector:
    journal = Journal(place)
    journal.begin("grow")
    return Injector(journal, mode, share, seed=1)


async def through(one: Injector, request: Request) -> str:
    return await one.let_through(EFFECT, request, KUBE_ERRORS)


async def test_the_reference_is_not_disturbed(tmp_path: Path) -> None:
    request = Request()
    assert await through(injector(tmp_path, Mode.NOTHING), request) == "answer"
    assert (request.sent, Journal(tmp_path).hits()) == (1, [])
    assert Journal(tmp_path).effects() == {("grow", EFFECT): 1}


async def test_killed_before_and_after(tmp_path: Path, signals: list[int]) -> None:
    request = Request()
    for sent in (0, 1, 2):  # each life is ended once; the third passes by
        one = injector(tmp_path, Mode.KILL)
        if sent < 2:
            with pytest.raises(Ended):
                await through(one, request)
        assert request.sent == min(sent, 1)
    assert signals == [signal.SIGKILL] * 2
    assert [hit.side for hit in Journal(tmp_path).hits()] == ["before", "after"]


async def test_an_answer_is_lost(tmp_path: Path) -> None:
    request, one = Request(), injector(tmp_path, Mode.LOST)
    with pytest.raises(KubeUnavailable):
        await through(one, request)
    assert request.sent == 1, "it took effect"
    assert Journal(tmp_path).effects() == {("grow", EFFECT): 1}


async def test_requests_are_refused_in_every_way(tmp_path: Path) -> None:
    one, request, met = injector(tmp_path, Mode.REFUSED), Request(), []
    for number in range(len(KUBE_ERRORS)):
        with pytest.raises(OperatorError) as caught:
            await one.let_through(f"delete Pod c-{number}", request, KUBE_ERRORS)
        met.append(caught.value)
    assert request.sent == 0
    assert {type(error) for error in met} == {KubeUnavailable, Conflict}
    assert len({str(error) for error in met}) == len(KUBE_ERRORS), "500, 409, 429, no answer"


async def test_an_answer_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "SLOW_SECONDS", 0.1)
    request, one, begun = Request(), injector(tmp_path, Mode.SLOW), time.monotonic()
    assert await through(one, request) == "answer"
    assert time.monotonic() - begun >= 0.1
    assert await through(injector(tmp_path, Mode.SLOW), request) == "answer"
    assert [hit.turn for hit in Journal(tmp_path).hits()] == [0, 1]


async def test_a_sleeper_sends_its_request_and_ends(tmp_path: Path, signals: list[int]) -> None:
    request, one = Request(), injector(tmp_path, Mode.LATE)
    with pytest.raises(Ended):
        await through(one, request)
    assert signals == [signal.SIGSTOP, signal.SIGKILL]
    assert request.sent == 1
    assert Journal(tmp_path).effects() == {}, "who took over has a turn of its own"


async def test_watches_are_silent_after_an_effect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def watch(*_: Any) -> AsyncIterator[WatchEvent]:
        for number in range(2):
            yield WatchEvent("ADDED", {"number": number})

    monkeypatch.setattr(lives, "STALE_SECONDS", 0.5)
    monkeypatch.setattr(LightkubeApi, "watch", watch)
    one = injector(tmp_path, Mode.STALE)
    api = object.__new__(inject_api(one))
    begun = time.monotonic()
    assert await through(one, Request()) == "answer"
    told = [event async for event in api.watch(CONFIG_MAPS, "n", "", "1")]
    assert time.monotonic() - begun >= 0.5
    assert [event.object["number"] for event in told] == [0, 1]
    slept: list[float] = []
    monkeypatch.setattr(asyncio, "sleep", slept.append)
    await one.keep_back()
    assert slept == [], "that was all"


async def test_reads_are_no_effects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def request(_self: LightkubeApi, verb: str, *_: Any, **__: Any) -> dict[str, str]:
        return {"verb": verb}

    monkeypatch.setattr(LightkubeApi, "_request", request)
    api = object.__new__(inject_api(injector(tmp_path, Mode.REFUSED)))
    path = CONFIG_MAPS.path("n", "c-config")

    async def send(verb: str, kind: Kind) -> dict[str, str]:
        answer: dict[str, str] = await api._request(verb, kind, path)
        return answer

    assert await send("get", CONFIG_MAPS) == {"verb": "get"}
    assert await send("list", CONFIG_MAPS) == {"verb": "list"}
    with pytest.raises(OperatorError, match="injected"):
        await send("apply", CONFIG_MAPS)


@pytest.mark.exhaustive
@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.NOTHING])
async def test_every_place_that_is_listed_is_met(
    tmp_path: Path, signals: list[int], monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    """A story of three effects, lived until nothing is disturbed any more."""
    monkeypatch.setattr(lives, "SLOW_SECONDS", 0.0)
    story = {("grow", EFFECT): 8, ("grow", "create Event Ready"): 3, ("grow", "etcd KV/Put"): 1}
    for _ in range(60):
        one = injector(tmp_path, mode)
        for (_step, effect), times in story.items():
            while Journal(tmp_path).effects()["grow", effect] < times:
                try:
                    await one.let_through(effect, Request(), KUBE_ERRORS)
                except OperatorError:
                    continue
                except Ended:
                    break
            else:
                continue
            break
    hits = Journal(tmp_path).hits()
    assert set(hits) == set(places(story, mode))
    assert len(hits) == len(set(hits))
    assert len(hits) == 8 * len(SIDES[mode]), "six of eight, one of three, one"
    assert Boundary("grow", EFFECT, 6, SIDES[mode][0]) not in hits
    assert bool(signals) == (mode in (Mode.KILL, Mode.LATE))
