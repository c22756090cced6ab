"""What is built, in which order, and what the user is told meanwhile."""

from __future__ import annotations

import io
import json
import threading
from dataclasses import asdict
from pathlib import Path

import pytest

from local import build, cluster, images
from local.errors import LocalError
from local.places import Places
from local.programs import Program, all_programs, essential_programs
from local.progress import Progress


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """An empty cache."""
    return Places(state=tmp_path / "state", cache=tmp_path / "cache")


def programs(tmp_path: Path, *seconds: int) -> list[Program]:
    """Programs of small modules that take so long."""
    made = []
    for number, each in enumerate(seconds):
        module = tmp_path / f"module-{number}"
        module.mkdir()
        made.append(Program(f"p{number}", module, {"p": "."}, each))
    return made


class Go:
    """Stands in for the Go toolchain."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.downloaded: list[str] = []
        self.built: list[str] = []
        self.all_downloaded = threading.Event()
        self.awaited = 0
        monkeypatch.setattr(build, "go_version", lambda: "go1")
        monkeypatch.setattr(build, "_download_modules", self.download)
        monkeypatch.setattr(build, "_build", self.build)

    def download(self, program: Program) -> None:
        """As `go list`."""
        self.downloaded.append(program.name)
        if len(self.downloaded) == self.awaited:
            self.all_downloaded.set()

    def build(self, program: Program, target: Path) -> None:
        """As `go build`; the first one lasts until every download is over, if that is awaited."""
        if self.awaited:
            assert self.all_downloaded.wait(10), "modules are downloaded while others compile"
        assert program.name in self.downloaded
        target.mkdir(parents=True)
        self.built.append(program.name)


def test_modules_are_downloaded_while_others_compile(
    tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = Go(monkeypatch)
    go.awaited = 3
    build.build_all(programs(tmp_path, 1, 1, 1), places, Progress(io.StringIO()))
    assert go.downloaded == go.built == ["p0", "p1", "p2"]


def test_what_is_built_is_neither_built_nor_downloaded_again(
    tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, some, told = Go(monkeypatch), programs(tmp_path, 1, 1), io.StringIO()
    build.build_all(some[:1], places, Progress(io.StringIO()))
    build.build_all(some, places, Progress(io.StringIO()))
    build.build_all(some, places, Progress(told))
    assert go.downloaded == go.built == ["p0", "p1"]
    assert not told.getvalue()


def test_an_estimate_is_told_before_and_after_each_program(
    tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    Go(monkeypatch)
    told = io.StringIO()
    build.build_all(programs(tmp_path, 420, 120, 5), places, Progress(told))
    lines = [line.partition("] ")[2] for line in told.getvalue().splitlines()]
    assert lines == [
        "to build once: p0, p1, p2; about 9 min on two cores",
        "building p0, about 7 min",
        "built p0; about 2 min of building to go",
        "building p1, about 2 min",
        "built p1; about 5 s of building to go",
        "building p2, about 5 s",
        "built p2",
    ]


def test_modules_that_cannot_be_had_stop_the_build_with_their_error(
    tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = Go(monkeypatch)

    def refuse(program: Program) -> None:
        raise LocalError(f"no modules for {program.name}")

    monkeypatch.setattr(build, "_download_modules", refuse)
    with pytest.raises(LocalError, match="no modules for p0"):
        build.build_all(programs(tmp_path, 1, 1), places, Progress(io.StringIO()))
    assert not go.built


class Preparation:
    """Records what is built, and stands in for the images."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.built: list[list[str]] = []
        self.loaded: list[str] = []
        monkeypatch.setattr(cluster, "install_missing", lambda _: None)
        monkeypatch.setattr(build, "build_all", self.build_all)
        monkeypatch.setattr(images, "_archive", lambda program, *_: Path(program.name))
        monkeypatch.setattr(cluster, "load", lambda archive, *_: self.loaded.append(archive.name))

    def build_all(self, programs: list[Program], *_: object) -> None:
        """Record the names."""
        self.built.append([program.name for program in programs])


def test_a_demonstration_waits_for_nothing_that_only_tests_need(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    preparation = Preparation(monkeypatch)
    workload = cluster.prepare(places, Progress(io.StringIO()), essential=True)
    assert preparation.built == [[program.name for program in essential_programs()]]
    assert [archive.name for archive in workload] == ["etcd-v3.6.16"]


def test_tests_complete_a_cluster_once(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    preparation = Preparation(monkeypatch)
    places.state.mkdir()
    found = cluster.Cluster(1, False, "", "")
    (places.state / "ready.json").write_text(json.dumps(asdict(found)))
    for _ in range(2):
        cluster.complete(places, Progress(io.StringIO()))
    assert preparation.built == [[program.name for program in all_programs()]]
    assert {"versitygw", "etcd-v3.5.35", "etcd-v3.6.16"} <= set(preparation.loaded)


def test_without_a_cluster_there_is_nothing_to_complete(places: Places) -> None:
    with pytest.raises(LocalError, match="the cluster is not up"):
        cluster.complete(places, Progress(io.StringIO()))
