"""The stage of TLS between members, as annotations and templates have it."""

from __future__ import annotations

import pytest

from etcd_operator.core.model.parse import observe_pod
from etcd_operator.core.model.peer_stage import PeerMode, PeerStage, read_stage, read_template_stage
from etcd_operator.json_types import Json


@pytest.mark.parametrize("mode", PeerMode)
def test_what_is_written_is_read(mode: PeerMode) -> None:
    stage = PeerStage(mode, 12)
    assert read_stage(stage.text) == stage
    assert PeerStage(mode).text == ""


@pytest.mark.parametrize(
    "text", ["", "On", "On-0", "on-1", "On-1 ", "On-1,Off-2", "On--1", f"On-{'9' * 40}", "None-1"]
)
def test_nothing_else_is_read(text: str) -> None:
    assert read_stage(text) is None


@pytest.mark.parametrize(
    ("annotation", "volumes", "stage"),
    [
        (None, [], PeerStage(PeerMode.OFF)),
        (None, ["peer-tls"], PeerStage(PeerMode.ON)),
        ("Prepared-1", ["peer-tls"], PeerStage(PeerMode.PREPARED, 1)),
        ("nonsense", ["peer-tls"], PeerStage(PeerMode.ON)),
    ],
)
def test_a_template_says_what_its_pods_are_made_for(
    annotation: str | None, volumes: list[str], stage: PeerStage
) -> None:
    annotations = {"etcd.etcd.io/peer-tls": annotation} if annotation else {}
    template: Json = {
        "metadata": {"annotations": annotations},
        "spec": {"volumes": [{"name": name} for name in volumes]},
    }
    assert read_template_stage({"spec": {"template": template}}) == stage
    made = {**template, "metadata": {**template["metadata"], "name": "db-0", "uid": "u"}}
    assert observe_pod(made).peer_tls is bool(volumes)


def test_nothing_is_no_tls() -> None:
    assert read_template_stage({}) == PeerStage()
