"""The release before this tree: the newest tag, or a commit as long as there is none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

from deploy.target import PROJECT, Target, ask_local

# The last one before modules, reasons and sentences were named anew.
COMMIT: Final = "246b9f0a68ad613098d4f77acf4310d50deae477"


def find_previous(tree: Path = PROJECT) -> str:
    """Return a revision of git.

    `PREVIOUS` names one. In a clone without the history of that time it is the oldest commit that
    is there: an upgrade from that is still one.
    """
    named = os.environ.get("PREVIOUS")
    if named:
        return _git(tree, "rev-parse", "--verify", f"{named}^{{commit}}")
    merged = ("tag", "--merged=HEAD^", "--sort=-v:refname", "v*")
    tags = _git(tree, *merged) if _has(tree, "HEAD^") else ""
    for revision in (*tags.split(), COMMIT):
        if _has(tree, revision):
            return revision
    return _git(tree, "rev-list", "--max-parents=0", "HEAD").split()[0]


def _has(tree: Path, revision: str) -> bool:
    words = ["git", "cat-file", "-e", f"{revision}^{{commit}}"]
    return subprocess.run(words, cwd=tree, capture_output=True, check=False).returncode == 0


def _git(tree: Path, *words: str) -> str:
    result = subprocess.run(["git", *words], cwd=tree, capture_output=True, check=True)
    return result.stdout.decode().strip()


def check_out(revision: str, directory: Path) -> None:
    """Write the files of a revision into a directory."""
    command = ["git", "archive", revision]
    content = subprocess.run(command, cwd=PROJECT, capture_output=True, check=True).stdout
    # The filter of Python's own is younger than Debian's 3.11.
    subprocess.run(["tar", "--extract", f"--directory={directory}"], input=content, check=True)


def provide_previous_image(target: Target, directory: Path) -> str:
    """Check the previous release out, build its image and load it; returns its name."""
    revision = find_previous()
    check_out(revision, directory)
    image = f"etcd-operator:previous-{revision[:12]}"
    assert target.is_local, "an image is built for the local cluster only"
    ask_local("image", "operator", "--tag", image, "--source", str(directory))
    return image
