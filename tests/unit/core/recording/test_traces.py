"""Recordings in `tests/traces`: what `kubectl etcd record` wrote is a test as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etcd_operator.core.recording.recorded_pass import read_recording, replay

TRACES = Path(__file__).parents[3] / "traces"


def test_there_are_recordings() -> None:
    assert list(TRACES.glob("*.json"))


@pytest.mark.parametrize("path", sorted(TRACES.glob("*.json")), ids=lambda path: path.stem)
def test_a_recorded_pass_is_decided_alike(path: Path) -> None:
    passes = read_recording(json.loads(path.read_text()))
    assert passes
    # Objects are rendered otherwise by other versions, and then corrected: that is no difference.
    assert [each for each in replay(passes) if each.what in ("rule", "reason")] == []
