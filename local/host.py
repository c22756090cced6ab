"""What has to change on the host itself for any node to run, and how it is put back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from local.node_init import DISKS
from local.places import HOST_NOTES, LABEL

_VALUES, _DIRECTORIES = "settings.json", "created-directories"
_SETTINGS = Path("/proc/sys")
_NAMESPACES = Path("/run/netns")
# The kubelet sets these for the whole machine.
_CHANGED_BY_KUBELET = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
# Several nodes share one limit here, and each has some dozens of watchers.
_RAISED = {"fs/inotify/max_user_instances": 8192, "fs/inotify/max_user_watches": 524288}


def prepare(notes: Path = HOST_NOTES) -> None:
    """Change what nodes need; note how it was, unless another cluster did before."""
    notes.mkdir(exist_ok=True)
    if not (notes / _VALUES).exists():
        (notes / _VALUES).write_text(json.dumps(_read_settings()))
    for name, least in _RAISED.items():
        if (_SETTINGS / name).exists() and int(_read(name)) < least:
            (_SETTINGS / name).write_text(str(least))
    with (notes / _DIRECTORIES).open("a") as created:
        created.writelines(f"{path}\n" for path in _create_mount_points())


def restore(notes: Path = HOST_NOTES) -> None:
    """Put everything back, unless a cluster still needs it or none ever did."""
    if any(_NAMESPACES.glob(f"{LABEL[:7]}*")):
        return
    values: dict[str, str] = json.loads(_read_note(notes / _VALUES) or "{}")
    for name, value in values.items():
        if _read(name) != value:
            (_SETTINGS / name).write_text(value)
    for path in map(Path, reversed(_read_note(notes / _DIRECTORIES).splitlines())):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    shutil.rmtree(notes, ignore_errors=True)


def _create_mount_points() -> list[str]:
    """Make the directories over which nodes mount their disks; return those that were missing."""
    created = []
    for directory in DISKS.values():
        for path in (*reversed(directory.parents), directory):
            if not path.exists():
                path.mkdir()
                created.append(str(path))
    return created


def _read_settings() -> dict[str, str]:
    names = [*_CHANGED_BY_KUBELET, *_RAISED]
    return {name: _read(name) for name in names if (_SETTINGS / name).exists()}


def _read(name: str) -> str:
    return (_SETTINGS / name).read_text().strip()


def _read_note(note: Path) -> str:
    return note.read_text() if note.exists() else ""
