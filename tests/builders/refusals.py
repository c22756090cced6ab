"""Writes that Kubernetes refuses."""

from __future__ import annotations

import pytest

from etcd_operator.core.actions import Action, ApplyObject
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.errors import KubeError
from tests.harnesses.reconciler import Stage


def refuse(stage: Stage, monkeypatch: pytest.MonkeyPatch, kind: str, error: KubeError) -> None:
    """Let Kubernetes refuse every write of this kind."""
    perform = stage.perform

    async def try_to(action: Action, snapshot: Snapshot) -> None:
        stage.tried.append(action)
        if isinstance(action, ApplyObject) and action.kind == kind:
            raise error
        await perform(action, snapshot)

    monkeypatch.setattr(stage, "perform", try_to)
