"""Ask Porcupine, the checker of etcd's own robustness tests, whether a history is linearizable."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local import build, lock
from local.places import Places, read_places
from local.programs import Program
from local.progress import Progress
from tests.chaos.history import Operation, encode

MODULE: Final = Path(__file__).parent / "checker"
SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class Verdict:
    """Keys whose history no order explains, and keys for which the time did not suffice."""

    keys: int
    operations: int
    illegal: tuple[str, ...]
    undecided: tuple[str, ...]


def provide_checker(places: Places | None = None) -> Path:
    """Build the checker, once per content; returns the executable."""
    places = places or read_places(os.environ)
    program = Program("linearizability", MODULE, {"linearizability": "."}, seconds=20)
    progress = Progress()
    with lock.building(places, progress):
        build.build_all([program], places, progress)
    return build.directory_of(program, places) / "linearizability"


def check(operations: Iterable[Operation], picture: Path | None = None) -> Verdict:
    """Check every key; `picture` gets an HTML page about the first that is illegal."""
    words = [str(provide_checker()), *([f"-picture={picture}"] if picture else [])]
    result = subprocess.run(
        words,
        input=json.dumps(encode(operations)),
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
    )
    said = json.loads(result.stdout)
    return Verdict(
        said["checked"], said["operations"], tuple(said["illegal"]), tuple(said["undecided"])
    )
