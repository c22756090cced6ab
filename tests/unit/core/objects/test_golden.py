"""Every rendered object, in full, as files that a person can read and review.

After a change on purpose: `UPDATE_GOLDEN=1 pytest tests/unit/core/objects/test_golden.py`, then
read the difference as you would read code.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import pytest
import yaml

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.apply import correct_objects
from etcd_operator.core.plan.planner import choose_layout
from tests.builders.rich import SCENES

GOLDEN = Path(__file__).parent / "golden"


class _Readable(yaml.SafeDumper):
    """Multi-line text as blocks, so that a configuration file is read line by line."""


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Readable.add_representer(str, _block)


def render(snapshot: Snapshot) -> str:
    """All objects of a cluster, as if none existed yet, in the order in which they are applied."""
    bare = Snapshot(
        cluster=snapshot.cluster,
        naming=snapshot.naming,
        now=snapshot.now,
        membership=snapshot.membership,
        credentials=snapshot.credentials,
    )
    actions = correct_objects(bare, choose_layout(snapshot))
    manifests = [action.manifest for action in actions if isinstance(action, ApplyObject)]
    policy = snapshot.cluster.spec.network_rules is not None
    assert len(manifests) == 5 + policy
    return yaml.dump_all(manifests, Dumper=_Readable, sort_keys=False, width=100)


@pytest.mark.parametrize("name", SCENES)
def test_rendered_objects_are_as_reviewed(name: str) -> None:
    path, rendered = GOLDEN / f"{name}.yaml", render(SCENES[name])
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(rendered)
    reviewed = path.read_text() if path.exists() else ""
    difference = "".join(
        difflib.unified_diff(
            reviewed.splitlines(keepends=True),
            rendered.splitlines(keepends=True),
            f"reviewed {path.name}",
            "rendered now",
        )
    )
    if difference:
        pytest.fail(f"run with UPDATE_GOLDEN=1 if this is on purpose:\n{difference}", pytrace=False)


def test_no_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.yaml")} == set(SCENES)
