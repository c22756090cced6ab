"""How pip is set up here, carried into an image build: settings, and the files they name."""

from __future__ import annotations

import ast
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from local.commands import run, succeeds

PIP_CONFIG = Path("/etc/pip.conf")


def read_settings() -> dict[str, str]:
    """Ask pip for its settings from files and the environment; none if there is no pip."""
    for python in (sys.executable, shutil.which("python3") or "python3"):
        command = (python, "-m", "pip", "config", "list")
        if succeeds(*command):
            return parse_settings(run(*command))
    return {}


def parse_settings(text: str) -> dict[str, str]:
    """Read lines such as `global.cert='/x'` or `:env:.cert='/x'`; the environment wins."""
    files: dict[str, str] = {}
    environment: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        target = environment if section == ":env:" else files
        target[key] = str(ast.literal_eval(value))
    return {**files, **environment}


def render_settings(settings: Mapping[str, str]) -> str:
    """Return a pip.conf with those settings."""
    lines = (f"{key} = {value}" for key, value in sorted(settings.items()))
    return "\n".join(["[global]", *lines, ""]).replace("\n\n", "\n")


def named_paths(settings: Mapping[str, str]) -> Iterable[Path]:
    """Return the files and directories here that settings refer to, such as authorities."""
    words = {word for value in settings.values() for word in value.split()}
    return [Path(word) for word in sorted(words) if word.startswith("/") and Path(word).exists()]
