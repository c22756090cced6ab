"""Every rendered object, in full, as files that a person can read and review.

After a change on purpose: `UPDATE_GOLDEN=1 pytest tests/unit/core/test_golden.py`, then read the
difference as you would read code.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.plan import choose_layout
from etcd_operator.core.snapshot import Snapshot
from etcd_operator.core.upkeep import correct
from tests.unit.core.certificate_scenes import secured
from tests.unit.core.scenes import formed, new, with_spec, without_member

GOLDEN = Path(__file__).parent / "golden"

RICH: dict[str, Any] = {
    "storage": {
        "size": "20Gi",
        "storageClassName": "fast",
        "volumeClaimTemplate": {"metadata": {"annotations": {"backup": "nightly"}}},
    },
    "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
    "podTemplate": {
        "labels": {"team": "storage", "etcd.etcd.io/role": "intruder"},
        "annotations": {"sidecar.istio.io/inject": "false"},
        "nodeSelector": {"disk": "nvme"},
        "tolerations": [{"key": "etcd", "operator": "Exists"}],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
            }
        ],
        "priorityClassName": "high",
        "imagePullSecrets": [{"name": "registry"}],
        "serviceAccountName": "etcd",
        "securityContext": {"runAsUser": 1000, "fsGroup": 1000},
    },
    "security": {
        "networkPolicy": {
            "clientFrom": [
                {"podSelector": {"matchLabels": {"app": "web"}}},
                {"ipBlock": {"cidr": "10.1.0.0/16", "except": ["10.1.9.0/24"]}},
            ]
        }
    },
    "etcdConfig": {
        "quotaBackendBytes": 8589934592,
        "autoCompactionMode": "periodic",
        "autoCompactionRetention": "1h",
        "snapshotCount": 10000,
        "heartbeatInterval": 200,
        "electionTimeout": 2000,
        "maxRequestBytes": 2097152,
    },
}
SCENES = {
    "one-member-3.5": new(1, version="v3.5.21"),
    "three-members-3.6-tuned": new(3, version="3.6.4", repository="registry.local/etcd", **RICH),
    "three-members-tls": secured(3),
    "shrink-5-to-3-halfway": without_member(with_spec(formed(5), size=3), 4),
}


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
    actions = correct(bare, choose_layout(snapshot))
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
