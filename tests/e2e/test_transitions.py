"""Changes of the spec that are generated from the CRD: the end is that of a new cluster.

And what the plugin previews of each is what the operator then does.

`ALL_TRANSITIONS=1` takes every change; without it, a part of them.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from deploy.target import Target
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.passes import read_last_pass
from tests.e2e.previews import as_a_user, previewed
from tests.transitions.chain import BASE, bring, differ, is_refused
from tests.transitions.generator import Transition, invalid, valid
from tests.transitions.samples import BY_WAY_OF_BASE

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

CHAINS = 3
SAMPLE = 3  # every third


def chosen() -> list[Transition]:
    every = list(valid())
    return every if os.environ.get("ALL_TRANSITIONS") else every[::SAMPLE]


def walk(
    target: Target, namespace: str, number: int, changes: list[Transition], directory: Path
) -> list[str]:
    """Take one cluster through all changes, beside a new one for each; return what differs."""
    different = []
    cluster = Cluster(target, namespace, name=f"changed-{number}")
    begun = bring(cluster, BASE)
    for place, change in enumerate(changes):
        spec = change.apply(BASE, cluster.name)
        fresh = Cluster(target, namespace, name=f"fresh-{number}-{place}")
        manifest = directory / f"{number}-{place}.json"
        manifest.write_text(json.dumps({**cluster.manifest(), "spec": spec}))
        try:
            if change.path in BY_WAY_OF_BASE:
                bring(cluster, BASE)
            wait_at_rest(cluster)
            with previewed(cluster, manifest=manifest) as told:
                changed = bring(cluster, spec)
            new = bring(fresh, change.apply(BASE, fresh.name))
            found = differ(rename(changed, cluster), rename(new, fresh))
            found = found or "; ".join(told.differences())
            if change.path in BY_WAY_OF_BASE:
                bring(cluster, BASE)
        except AssertionError as error:
            found = str(error)
        # It is not there if the changed one did not even settle.
        fresh.kubectl("delete", "etcd", fresh.name, "--ignore-not-found", "--wait=false")
        print(f"{change}: {found or 'as a new one'}", flush=True)
        if found:
            different.append(f"{change}: {found}")
    if not any(change.path == "spec.storage.size" for change in changes):
        found = differ(begun, bring(cluster, BASE))
        if found:
            different.append(f"restored: {found}")
    return different


def wait_at_rest(cluster: Cluster) -> None:
    """Wait until a pass had nothing to do for the spec of now: a preview begins with the last."""
    generation = cluster.get()["metadata"]["generation"]

    def rests() -> bool:
        last = read_last_pass(cluster)
        return not last.actions and last.snapshot.cluster.generation == generation

    wait_until("the last pass had nothing to do", rests, 60)


def rename(picture: dict[str, object], cluster: Cluster) -> dict[str, object]:
    """The picture with the cluster's name replaced."""
    return {str(k): v for k, v in _rename(picture, cluster.name).items()}


def _rename(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {str(k).replace(name, "NAME"): _rename(v, name) for k, v in value.items()}
    if isinstance(value, list):
        return [_rename(v, name) for v in value]
    return value.replace(name, "NAME") if isinstance(value, str) else value


def test_each_change_is_previewed_and_ends_as_a_new_cluster(
    target: Target, namespace: str, tmp_path: Path
) -> None:
    changes = chosen()
    print(f"{len(changes)} changes")
    # A disk that has grown stays so: what follows in that chain is another base.
    changes.sort(key=lambda change: change.path == "spec.storage.size")
    parts = [changes[number::CHAINS] for number in range(CHAINS)]
    with as_a_user(target), ThreadPoolExecutor(CHAINS) as pool:
        walks = [
            pool.submit(walk, target, namespace, number, part, tmp_path)
            for number, part in enumerate(parts)
        ]
        different = [line for each in walks for line in each.result()]
    assert not different, "\n".join(different)


def test_invalid_values_are_refused_and_change_nothing(target: Target, namespace: str) -> None:
    cluster = Cluster(target, namespace)
    bring(cluster, BASE)
    before = cluster.get()["metadata"]["resourceVersion"]
    changes = list(invalid())
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda change: is_refused(cluster, change), changes))
    accepted = [str(change) for change, answer in zip(changes, said, strict=True) if not answer]
    assert not accepted, f"the API server accepts {accepted}"
    unnamed = [
        f"{change}: {answer}"
        for change, answer in zip(changes, said, strict=True)
        if change.path.rpartition(".")[2] not in answer
    ]
    assert not unnamed, "the answer does not name the field: " + "\n".join(unnamed)
    print(f"{len(changes)} invalid values refused, each by the name of its field")
    assert cluster.get()["metadata"]["resourceVersion"] == before
