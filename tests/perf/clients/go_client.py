"""A process with the Go client of etcd as a program uses it, and a watch of what it writes."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from local import build, lock
from local.places import Places, read_places
from local.programs import Program
from local.progress import Progress
from tests.perf.clients.answers import Answer, Felt, judge, judge_watch
from tests.perf.clients.apiserver import NotServing
from tests.perf.clients.surroundings import Surroundings

MODULE: Final = Path(__file__).parent / "go"
EXECUTABLE: Final = "etcd-client"
STOP_SECONDS: Final = 15.0


def provide_go_client(places: Places | None = None) -> Path:
    """Build the program, once per content; returns the executable."""
    places = places or read_places(os.environ)
    program = Program(EXECUTABLE, MODULE, {EXECUTABLE: "."}, seconds=30)
    progress = Progress()
    with lock.building(places, progress):
        build.build_all([program], places, progress)
    return build.directory_of(program, places) / EXECUTABLE


class Told:
    """What the program has told line by line, and what a client felt by that."""

    def __init__(self) -> None:
        self._answers: list[Answer] = []
        self._events: list[int] = []
        self._ends: list[tuple[float, str]] = []

    def hear(self, line: str) -> None:
        """Keep a line."""
        said = json.loads(line)
        at = float(said["answered"])
        if "put" in said:
            self._answers.append(Answer(said["sent"], at, said.get("error", ""), said["put"]))
        elif "seen" in said:
            self._events.append(said["seen"])
        else:
            self._ends.append((at, said["watch"]))

    def judge(self, began: float, ended: float) -> Felt:
        """Return what was felt between two moments, by the watch too."""
        answers, events = list(self._answers), list(self._events)
        ends = tuple(f"watch ended: {why}" for at, why in self._ends if began <= at <= ended)
        wrong = ends + judge_watch(answers, events, began, ended)
        return replace(judge(answers, began, ended), watch=wrong)


class GoClient:
    """The program with some endpoints."""

    def __init__(
        self, name: str, around: Surroundings, executable: Path, endpoints: Sequence[str]
    ) -> None:
        self.name = name
        key = f"written-by-{'-'.join(name.lower().replace(',', '').split())}"
        self._log = around.directory / f"{key}.log"
        self._told = Told()
        self._command = around.command(
            str(executable),
            f"--endpoints={','.join(endpoints)}",
            f"--certificates={around.mount.files}",
            f"--key={key}",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)

    def start(self) -> None:
        """Start the process."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._reader.start()

    def stop(self) -> None:
        """End the process by the end of its input."""
        assert self._process.stdin is not None, "it is a pipe"
        self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()

    def judge(self, began: float, ended: float) -> Felt:
        """Return what was felt between two moments."""
        if self._process.poll() is not None:
            said = self._log.read_text(errors="replace")[-2000:]
            raise NotServing(f"the client {self.name} has ended: {said}")
        return self._told.judge(began, ended)

    def _read(self) -> None:
        assert self._process.stdout is not None, "it is a pipe"
        for line in self._process.stdout:
            self._told.hear(line)
