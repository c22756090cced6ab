"""The hooks before a commit and the editor's container do what the Makefile does, and no more."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

PROJECT = Path(__file__).parent.parent.parent
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))


def test_every_hook_is_a_target_of_the_makefile_and_nothing_is_downloaded_for_it() -> None:
    (source,) = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())["repos"]
    assert source["repo"] == "local"
    made = {}
    for hook in source["hooks"]:
        assert hook["language"] == "system"
        *command, target = hook["entry"].split()
        assert command == ["make", "--no-print-directory"]
        made[hook["id"]] = target
    assert made == {target: target for target in made.values()}
    assert set(made) <= TARGETS
    assert {"lint", "types", "imports", "generated"} <= set(made)


def test_the_container_is_set_up_by_the_makefile() -> None:
    folder = PROJECT / ".devcontainer"
    container = json.loads((folder / "devcontainer.json").read_text())
    make, target = container["postCreateCommand"].split()
    assert make == "make"
    assert target in TARGETS
    assert (folder / container["build"]["dockerfile"]).is_file()
    assert (folder / "python.env").read_text() == "PYTHONPATH=src:.\n"
