"""Other programs, run to their end."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from local.errors import LocalError

# Root reached through `su` may lack the directories of system programs.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run(
    *command: str | Path,
    stdin: str | None = None,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Return what it printed; LocalError with the end of its complaints if it fails."""
    words = [str(word) for word in command]
    result = subprocess.run(
        words, input=stdin, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        complaint = (result.stderr.strip() or result.stdout.strip())[-2000:]
        raise LocalError(f"`{' '.join(words[:6])}` exited {result.returncode}: {complaint}")
    return result.stdout


def succeeds(*command: str | Path) -> bool:
    """Run where failure is an ordinary answer."""
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0
