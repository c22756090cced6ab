"""A Secret in a directory, as a Pod has it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CURRENT: Final = "current"


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory that holds a Secret as the kubelet mounts it: every file changes at once."""

    directory: Path

    @property
    def files(self) -> Path:
        """Where the files are."""
        return self.directory / _CURRENT

    def file(self, name: str) -> Path:
        """One of the files."""
        return self.files / name

    def read(self) -> dict[str, str]:
        """The names and contents of what is mounted now."""
        now = self.files.resolve()
        return {path.name: path.read_text() for path in now.iterdir()} if now.exists() else {}

    def write(self, data: dict[str, str]) -> None:
        """Mount other contents."""
        self.directory.mkdir(exist_ok=True)
        places = (self.directory / str(number) for number in itertools.count())
        place = next(place for place in places if not place.exists())
        place.mkdir()
        for name, text in data.items():
            (place / name).write_text(text)
        link = self.directory / "next"
        link.symlink_to(place.name)
        link.replace(self.files)
