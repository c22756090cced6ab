"""Writes that Kubernetes refuses."""

from __future__ import annotations

import pytest

from etcd_operator.core.actions import Action, ApplyObject
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.errors import KubeError
from tests.harnesses.reconciler import ReconcilerHarness


def refuse(
    harness: ReconcilerHarness, monkeypatch: pytest.MonkeyPatch, kind: str, error: KubeError
) -> None:
    """Let Kubernetes refuse every write of this kind."""
    perform = harness.perform

    async def try_to(action: Action, snapshot: Snapshot) -> None:
        harness.tried.append(action)
        if isinstance(action, ApplyObject) and action.kind == kind:
            raise error
        await perform(action, snapshot)

    monkeypatch.setattr(harness, "perform", try_to)
