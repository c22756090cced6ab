"""The commands of a runbook, carried out as a person would who puts in what the alert names."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from typing import Final

from deploy.alerts.alert import RUNBOOKS
from deploy.target import PROJECT, Target

# What the local cluster has none of: a metrics server, cert-manager, the Prometheus operator; and
# a Pod without a node has no log.
ABSENT: Final = (
    "Metrics API not available",
    "the server doesn't have a resource type",
    'no matches for kind "PodMonitor"',
    "does not have a host assigned",
    "is waiting to start",
)
_SECTION: Final = r"^## {section}$(.*?)(?=^## |\Z)"
_BLOCK: Final = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_UNSET: Final = re.compile(r"\$[A-Z]+")


def read_commands(alert: str, section: str) -> list[str]:
    """Return the commands in a section of an alert's runbook, in their order."""
    text = (PROJECT / RUNBOOKS / f"{alert}.md").read_text()
    found = re.search(_SECTION.format(section=section), text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise AssertionError(f"{alert}.md has no section {section}")
    return [line for block in _BLOCK.findall(found[1]) for line in block.splitlines()]


def name_placeholders(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the values of a runbook's placeholders, from the labels of an alert."""
    member = labels.get("member") or labels.get("pod")
    named = {
        "NAMESPACE": labels.get("namespace"),
        "CLUSTER": labels.get("cluster"),
        "NAME": labels.get("name"),
        "MEMBER": member,
    }
    return {name: value for name, value in named.items() if value}


def carry_out(target: Target, command: str, known: Mapping[str, str], edit: str = "") -> str:
    """Run one command in a shell; `edit` is a command of sed that stands for a person's editor.

    Returns what it printed; AssertionError if it fails, unless for something that is not there.
    """
    unset = [name for name in _UNSET.findall(command) if name[1:] not in known]
    assert not unset, f"`{command}` needs {unset}, which the alert does not name"
    kubectl = f'kubectl() {{ {shlex.join(target.kubectl)} "$@"; }}'
    editor = {"KUBE_EDITOR": f"sed -i -e {shlex.quote(edit)}"} if edit else {}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{kubectl}\n{command}"],
        env={**os.environ, **known, **editor},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode and not any(words in done.stderr for words in ABSENT):
        raise AssertionError(f"`{command}` with {dict(known)}: {done.stderr.strip()}")
    return done.stdout
