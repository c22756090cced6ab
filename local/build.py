"""Builds programs once per content; a finished build appears whole or not at all."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.commands import run
from local.errors import LocalError
from local.places import TREE, Places
from local.programs import Program
from local.progress import Progress


@functools.cache
def go_version() -> str:
    """Return what the Go toolchain calls itself."""
    if not shutil.which("go"):
        raise LocalError(
            "Go is needed to build Kubernetes and etcd: put `go` 1.24 or later on PATH"
        )
    # Not in a module's directory: its go.mod could switch the toolchain, and so the answer.
    return run("go", "env", "GOVERSION", "GOARCH", cwd=TREE).strip().replace("\n", " ")


def directory_of(program: Program, places: Places) -> Path:
    """Return where the program is, or will be, built."""
    return places.programs / f"{program.name}-{program.digest(go_version())}"


def is_built(program: Program, places: Places) -> bool:
    """Tell whether this very content is built."""
    return directory_of(program, places).is_dir()


def build_all(programs: Iterable[Program], places: Places, progress: Progress) -> None:
    """Build what is not in the cache, one after the other: Go itself uses every core.

    Modules are downloaded meanwhile, so that only the first program waits for its own.
    """
    missing = [program for program in programs if not is_built(program, places)]
    if not missing:
        return
    left = sum(program.seconds for program in missing)
    names = ", ".join(program.name for program in missing)
    progress.say(f"to build once: {names}; about {_say_seconds(left)} on two cores")
    with ThreadPoolExecutor(max_workers=1) as pool:
        downloads = [pool.submit(_download_modules, program) for program in missing]
        try:
            for program, download in zip(missing, downloads, strict=True):
                download.result()
                progress.say(f"building {program.name}, about {_say_seconds(program.seconds)}")
                _build(program, directory_of(program, places))
                left -= program.seconds
                then = f"; about {_say_seconds(left)} of building to go" if left else ""
                progress.say(f"built {program.name}{then}")
        finally:
            pool.shutdown(cancel_futures=True)


def _say_seconds(seconds: int) -> str:
    return f"{seconds} s" if seconds < 100 else f"{round(seconds / 60)} min"


def _download_modules(program: Program) -> None:
    """Have Go resolve every import, for which it downloads exactly the modules of the build."""
    environment = {**os.environ, **program.settings}
    command = ("go", "list", "-deps", *program.targets.values())
    run(*command, cwd=program.module, environment=environment)


def _build(program: Program, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **program.settings}
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as draft:
        result = Path(draft) / "result"
        result.mkdir()
        for executable in program.targets:
            command = program.command(executable, result / executable)
            run(*command, cwd=program.module, environment=environment)
        for link in program.links:
            (result / link).symlink_to(next(iter(program.targets)))
        result.rename(target)
