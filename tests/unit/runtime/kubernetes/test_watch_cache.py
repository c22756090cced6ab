"""The cache survives everything a watch can suffer and ends equal to the server."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest

from etcd_operator.errors import KubeUnavailable
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes import watch_cache as cache_module
from etcd_operator.runtime.kubernetes.api import CONFIG_MAPS
from etcd_operator.runtime.kubernetes.client import LightkubeApi
from etcd_operator.runtime.kubernetes.watch_cache import Cache
from tests.fakes.http_api import LIST_FAULTS, WATCH_FAULTS, FakeApi, connect
from tests.fakes.kubernetes import ApiFaults, ApiServer, InMemoryApi

Store = Cache[tuple[str, int]]

IDLE_SECONDS = 0.08


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once: what is tested is the order of things, not the length of the pauses."""
    monkeypatch.setattr(cache_module, "FIRST_PAUSE", 0.002)
    monkeypatch.setattr(cache_module, "LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(cache_module, "LONGEST_ASKED", 0.01)


@asynccontextmanager
async def followed(
    server: FakeApi, *, namespaces: tuple[str, ...] = (), selector: str = ""
) -> AsyncIterator[Store]:
    """A cache that follows this server."""
    async with server.serve(), connect(server.url) as client:
        api = LightkubeApi(client, watch_idle_seconds=IDLE_SECONDS)
        store = build(api, namespaces=namespaces, selector=selector)
        task = asyncio.create_task(store.run())
        try:
            yield store
            assert not task.done(), "nothing may end a cache but cancellation"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def build(api: LightkubeApi, *, namespaces: tuple[str, ...] = (), selector: str = "") -> Store:
    """A cache of uid and version, which is what has to be equal."""
    return Cache(
        api,
        CONFIG_MAPS,
        lambda raw: (raw["metadata"]["uid"], int(raw["metadata"]["resourceVersion"])),
        lambda raw: raw["metadata"]["labels"].get("cluster", ""),
        namespaces=namespaces,
        label_selector=selector,
    )


def contents(store: Store, server: FakeApi) -> dict[tuple[str, str], tuple[str, int] | None]:
    """What the cache has for all that the server has, and whether it has more."""
    found = {key: store.get(*key) for key in server.objects}
    return found if len(store) == len(found) else {**found, ("more", str(len(store))): None}


async def until(holds: Callable[[], bool], seconds: float = 8.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 (what is waited for happens inside the code under test)
            await asyncio.sleep(0.002)


async def until_equal(store: Store, server: FakeApi) -> None:
    """Wait until the cache has exactly what the server has."""
    try:
        await until(lambda: contents(store, server) == server.snapshot())
    except TimeoutError:
        assert contents(store, server) == server.snapshot()


async def test_lists_in_pages_and_follows_changes() -> None:
    server = FakeApi(page_size=2)
    for number in range(7):
        server.write(f"c{number}")
    async with followed(server) as store:
        await store.synced.wait()
        assert contents(store, server) == server.snapshot()
        server.write("c0", changed=True)
        server.remove("c1")
        server.write("new")
        await until_equal(store, server)
        lists = [r for r in server.requests if "limit" in r.query]
        assert len(lists) == 4


async def test_only_the_selected_objects_of_the_given_namespaces() -> None:
    server = FakeApi()
    for namespace in ("a", "b", "c"):
        server.write("x", namespace=namespace)
        server.write("y", namespace=namespace, cluster="other")
    async with followed(server, namespaces=("a", "b"), selector="cluster=db") as store:
        await store.synced.wait()
        assert len(store) == 2
        assert store.get("a", "x")
        assert store.get("b", "x")
        server.write("z", namespace="b")
        server.write("z", namespace="c")
        await until(lambda: store.get("b", "z") is not None)
        assert len(store) == 3


@pytest.mark.parametrize("fault", LIST_FAULTS)
async def test_a_list_that_fails_is_repeated(fault: str) -> None:
    server = FakeApi(page_size=2)
    for number in range(5):
        server.write(f"c{number}")
    server.break_next("list", "", fault)
    async with followed(server) as store:
        await store.synced.wait()
        assert contents(store, server) == server.snapshot()


@pytest.mark.parametrize("fault", WATCH_FAULTS)
async def test_a_watch_that_fails_is_resumed(fault: str) -> None:
    server = FakeApi()
    server.write("old")
    server.break_next("watch", fault, fault)
    async with followed(server) as store:
        await store.synced.wait()
        server.write("new")
        server.remove("old")
        await until_equal(store, server)


async def test_a_silent_connection_is_dropped_and_made_anew() -> None:
    """The other end is gone without a word: nothing arrives, no error either."""
    server = FakeApi()
    server.break_next("watch", "silent")
    started = asyncio.get_running_loop().time()
    async with followed(server) as store:
        await store.synced.wait()
        await until(lambda: any("watch" in r.query for r in server.requests))
        server.write("unheard")
        await until_equal(store, server)
        assert asyncio.get_running_loop().time() - started >= IDLE_SECONDS / 2


async def test_a_deletion_that_nobody_told_about_is_noticed_after_410() -> None:
    server = FakeApi()
    server.write("stays")
    server.write("goes")
    async with followed(server) as store:
        told: list[tuple[str, str]] = []
        await until_equal(store, server)
        store.subscribe(lambda namespace, cluster: told.append((namespace, cluster)))
        server.break_next("watch", *["503"] * 3)
        server.drop_connections()
        server.remove("goes")
        server.compact()
        await until_equal(store, server)
        assert told == [("team", "db")]


@pytest.mark.looptime
@pytest.mark.parametrize(("asked", "waited"), [(7.0, 7.0), (3600.0, 60.0)])
async def test_a_server_that_asks_for_a_pause_gets_it(
    monkeypatch: pytest.MonkeyPatch, asked: float, waited: float
) -> None:
    monkeypatch.setattr(cache_module, "LONGEST_ASKED", 60.0)
    server = ApiServer()
    server.change(ApiFaults(error=lambda: KubeUnavailable("slow down", 429, retry_after=asked)))
    store: Store = Cache(InMemoryApi(server), CONFIG_MAPS, lambda _: ("", 0), lambda _: "db")
    task = asyncio.create_task(store.run())
    await asyncio.sleep(waited * 2.5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    tries = [request.at for request in server.requests]
    assert tries == pytest.approx([0, waited, waited * 2])


async def test_an_answer_that_makes_no_sense_ends_nothing() -> None:
    class Confused(InMemoryApi):
        """Answers once with something that no API server would send."""

        pages: ClassVar[list[Json]] = [{}, {"metadata": {"resourceVersion": "7"}}]

        async def list_pages(self, *_: object, **__: object) -> AsyncIterator[Json]:
            """The next page."""
            yield self.pages.pop(0)

    store: Store = Cache(Confused(), CONFIG_MAPS, lambda _: ("", 0), lambda _: "db")
    task = asyncio.create_task(store.run())
    await asyncio.wait_for(store.synced.wait(), 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_object_made_anew_while_nobody_watched_is_the_new_one() -> None:
    server = FakeApi()
    server.write("a")
    async with followed(server) as store:
        await until_equal(store, server)
        server.break_next("watch", *["503"] * 3)
        server.drop_connections()
        server.remove("a")
        server.compact()
        server.write("a")
        await until_equal(store, server)
        assert store.get("team", "a") == ("u2", server.snapshot()["team", "a"][1])


async def test_resuming_asks_from_where_it_was() -> None:
    """A broken connection costs a watch and not a list."""
    server = FakeApi()
    async with followed(server) as store:
        await store.synced.wait()
        for number in range(4):
            server.write(f"c{number}")
            await until_equal(store, server)
            server.drop_connections()
        server.write("last")
        await until_equal(store, server)
        assert sum("limit" in r.query for r in server.requests) == 1


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(10))
async def test_whatever_happens_it_ends_equal_to_the_server(seed: int) -> None:
    """Random changes among random faults, with answers to our own writes in between."""
    choice = random.Random(seed)
    server = FakeApi(page_size=choice.choice([1, 2, 5]), bookmarks=choice.random() < 0.5)
    async with followed(server) as store:
        for _ in range(40):
            misfortune(server, choice)
            written = change(server, choice)
            if written and choice.random() < 0.3:
                store.observe(dict(written, metadata=dict(written["metadata"])))
            await asyncio.sleep(choice.choice([0, 0, 0.001, 0.01]))
        server.faults.clear()
        await until_equal(store, server)
        by_cluster = {key[1] for key in server.objects}
        indexed = len(store.in_cluster("team", "db")) + len(store.in_cluster("team", "other"))
        assert indexed == len(by_cluster)


def misfortune(server: FakeApi, choice: random.Random) -> None:
    """Perhaps something goes wrong."""
    lot = choice.random()
    if lot < 0.3:
        server.break_next("watch", choice.choice(WATCH_FAULTS))
    elif lot < 0.4:
        server.break_next("list", choice.choice(LIST_FAULTS))
    elif lot < 0.5:
        server.compact()
    elif lot < 0.7:
        server.drop_connections()


def change(server: FakeApi, choice: random.Random) -> Json | None:
    """Somebody creates, changes or deletes one of five objects."""
    name = f"c{choice.randint(0, 4)}"
    if ("team", name) in server.objects and choice.random() < 0.4:
        server.remove(name)
        return None
    return server.write(name, cluster=choice.choice(["db", "other"]), value=choice.random())


# What is known from answers to our own writes


def item(version: int, uid: str = "u1", cluster: str = "db", name: str = "a") -> Json:
    """An object as an answer has it."""
    metadata = {
        "namespace": "team",
        "name": name,
        "uid": uid,
        "resourceVersion": str(version),
        "labels": {"cluster": cluster},
        "managedFields": [{}],
    }
    return {"metadata": metadata}


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """A cache that follows nothing."""
    async with connect("http://127.0.0.1") as client:
        yield build(LightkubeApi(client))


def test_older_answers_change_nothing(store: Store) -> None:
    store.observe(item(9))
    store.observe(item(8))
    assert store.get("team", "a") == ("u1", 9)


def test_a_late_answer_does_not_bring_an_object_back(store: Store) -> None:
    store.observe(item(9))
    store.observe_deleted("team", "a", "u1", 12)
    store.observe(item(11))
    assert store.get("team", "a") is None
    store.observe(item(13, uid="u2"))
    assert store.get("team", "a") == ("u2", 13)


def test_the_end_of_an_earlier_object_does_not_end_its_successor(store: Store) -> None:
    store.observe(item(9))
    store.observe(item(13, uid="u2"))
    store.observe_deleted("team", "a", "u1", 12)
    assert store.get("team", "a") == ("u2", 13)


def test_an_object_that_left_the_selection_may_come_back(store: Store) -> None:
    store.observe(item(9))
    store.observe_deleted("team", "a", "u1", 12)
    store.observe(item(14))
    assert store.get("team", "a") == ("u1", 14)


def test_our_answer_may_overtake_the_news_that_it_left_the_selection(store: Store) -> None:
    """Somebody took the label off (12), we put it back (14), and hear of 12 after that."""
    store.observe(item(9))
    store.observe(item(14))
    store.observe_deleted("team", "a", "u1", 12)
    store.observe(item(14))
    assert store.get("team", "a") == ("u1", 14)


def test_a_deletion_found_out_without_a_version_counts(store: Store) -> None:
    store.observe(item(9))
    store.observe_deleted("team", "a", "u1")
    store.observe(item(9))
    assert store.get("team", "a") is None


def test_listeners_hear_of_changes_of_value_only(store: Store) -> None:
    heard: list[str] = []
    store.subscribe(lambda _, cluster: heard.append(cluster))
    store.observe(item(9))
    store.observe(item(9))
    assert heard == ["db"]
    store.observe(item(10))
    store.observe_deleted("team", "a", "u1", 11)
    assert heard == ["db", "db", "db"]


def test_both_clusters_hear_when_an_object_moves(store: Store) -> None:
    heard: list[str] = []
    store.subscribe(lambda _, cluster: heard.append(cluster))
    store.observe(item(9))
    store.observe(item(10, cluster="other"))
    assert heard[1:] == ["db", "other"]
    assert store.in_cluster("team", "db") == []
    assert store.in_cluster("team", "other") == [("u1", 10)]


def test_objects_of_a_cluster_come_by_name_and_those_that_go_are_left_out(store: Store) -> None:
    for version, name in enumerate("cabd", start=1):
        store.observe(item(version, name=name, uid=name))
    store.observe_deleted("team", "b", "b", 9)
    store.observe(item(10, name="d", uid="d"))
    assert store.in_cluster("team", "db") == [("a", 2), ("c", 1), ("d", 10)]


def test_bulky_bookkeeping_is_dropped(store: Store) -> None:
    raw = item(9)
    store.observe(raw)
    assert "managedFields" not in raw["metadata"]


async def test_what_reads_an_object_may_see_when_it_was_written() -> None:
    async with connect("http://127.0.0.1") as client:
        store = Cache(
            LightkubeApi(client),
            CONFIG_MAPS,
            lambda raw: "managedFields" in raw["metadata"],
            lambda _: "db",
        )
        store.observe(item(9))
        assert store.in_cluster("team", "db") == [True]


def test_an_object_that_nobody_can_read_hides_no_other(store: Store) -> None:
    """It stays as it was last understood, and the next version may be better."""
    heard: list[str] = []
    store.subscribe(lambda _, cluster: heard.append(cluster))
    store.observe(item(9))
    unreadable = item(10)
    del unreadable["metadata"]["labels"]
    store.observe(unreadable)
    assert store.get("team", "a") == ("u1", 9)
    assert heard == ["db"]
    store.observe(item(11))
    assert store.get("team", "a") == ("u1", 11)
