"""The change that `plan` previews, from what was typed, and the snapshot that it begins with."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from etcd_operator.api.crd import build_crd
from etcd_operator.api.parse import parse_cluster
from etcd_operator.api.unknown_fields import find_unknown
from etcd_operator.api.validation import find_problems
from etcd_operator.core.model.naming import Naming
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.source import list_endpoints, observe_source
from etcd_operator.core.plan import explain
from etcd_operator.errors import OperatorError
from etcd_operator.json_types import Json
from etcd_operator.plugin import preview, recordings
from etcd_operator.plugin.clusters import find_cluster, find_object
from etcd_operator.plugin.dry_run import Judgement, ask_server
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.interrupts import interrupt_at_once
from etcd_operator.plugin.next_steps import find_steps
from etcd_operator.plugin.observation import Observation, observe
from etcd_operator.plugin.session import Session
from etcd_operator.plugin.unseen import add_unseen
from etcd_operator.runtime.kubernetes.api import CLUSTERS, STATEFUL_SETS
from etcd_operator.simulation.change import (
    NO_CHANGE,
    Change,
    ChangeError,
    apply_manifest,
    change_spec,
    dump_spec,
    replace_members,
    request,
    set_fields,
)
from etcd_operator.simulation.merge_patch import find_patch, merge
from etcd_operator.simulation.predict import predict
from etcd_operator.simulation.take_over import assume_members

NEW_UID = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as it was read once, and where from."""

    title: str
    text: str


def open_manifest(file: str) -> Manifest:
    """Read a file, or standard input where it is -, as kubectl has it.

    Raises PluginError for one that cannot be read.
    """
    try:
        if file == "-":
            with interrupt_at_once():
                return Manifest("Standard input", sys.stdin.read())
        return Manifest(file, Path(file).read_text())
    except OSError as error:
        raise PluginError(f"{file} cannot be read: {error.strerror}.", Exit.NOT_FOUND) from error
    except UnicodeDecodeError as error:
        raise PluginError(f"{file} is no text.", Exit.USAGE) from error


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed: a name, a manifest, fields to set, and what else is asked for."""

    name: str
    manifest: Manifest | None
    assignments: tuple[str, ...]
    deleted: bool
    replaced: tuple[str, ...]
    restored: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a preview begins with, what was assumed, and what the API server warns of."""

    snapshot: Snapshot
    change: Change
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...] = ()


async def prepare(own: Session, wanted: Wanted) -> Prepared:
    """Return what the preview of what was typed begins with.

    Raises PluginError for what cannot be read or does not fit.
    """
    name = wanted.name
    if wanted.manifest:
        metadata = _read_manifest(wanted.manifest)["metadata"]
        name, own = name or metadata["name"], _go_to(own, metadata.get("namespace") or own.home)
    if not name:
        raise PluginError("Name an EtcdCluster, or a manifest with -f.", Exit.USAGE)
    try:
        raw = await find_cluster(own, name)
    except PluginError as error:
        if error.code is not Exit.NOT_FOUND or wanted.manifest is None:
            raise
        return await _begin_new(own, wanted.manifest)
    observed = await observe_now(own, raw)
    snapshot, change, assumed = await look_further(own, wanted, observed)
    said = await _judge_patch(own, raw, change)
    return Prepared(snapshot, change, (*assumed, *said.assumed), said.warnings)


async def _judge_patch(own: Session, raw: Json, change: Change) -> Judgement:
    if change.cluster is None or find_problems(change.cluster):
        return Judgement()  # the preview says what is wrong
    patch = {"spec": find_patch(raw.get("spec") or {}, dump_spec(change.cluster))}
    name = raw["metadata"]["name"]
    return await ask_server("patch", own.api.try_patch(CLUSTERS, own.home, name, patch))


async def look_further(
    own: Session, wanted: Wanted, observed: Observation
) -> tuple[Snapshot, Change, tuple[str, ...]]:
    """Find the change, and add to what was observed what the cluster would meet with it.

    Raises PluginError for a change that cannot be read.
    """
    change = find_change(wanted, observed.snapshot)
    spec = (change.cluster or observed.snapshot.cluster).spec
    snapshot, assumed = await add_unseen(own, observed.snapshot, spec)
    return snapshot, change, (*observed.assumptions, *assumed)


async def observe_now(own: Session, raw: Json) -> Observation:
    """Observe a cluster, with the operator's last recorded pass where that can be had."""
    last, why_not, word = None, "", ""
    try:
        recording = await recordings.fetch(own, raw, newest=True)
        last, word = recording.passes[-1], recording.word
    except OperatorError as error:
        why_not = str(error).rstrip(".")
    observed = await observe(own, raw, last, why_not)
    said = (word,) if word else ()
    return replace(observed, assumptions=(*observed.assumptions, *said))


async def foresee(own: Session, raw: Json, spec: Json, asked: Change = NO_CHANGE) -> Json:
    """Return the preview of a merge patch of the spec, and of what is asked for, as a document."""
    observed = await observe_now(own, raw)
    cluster = observed.snapshot.cluster
    after = change_spec(cluster, merge(raw.get("spec") or {}, spec)) if spec else None
    snapshot, assumed = await add_unseen(own, observed.snapshot, (after or cluster).spec)
    return preview_change(
        snapshot, replace(asked, cluster=after), (*observed.assumptions, *assumed)
    )


def preview_change(
    snapshot: Snapshot,
    change: Change,
    assumptions: tuple[str, ...],
    warnings: tuple[str, ...] = (),
) -> Json:
    """Return the preview of a change as a document, with what would be done without it."""
    found = predict(snapshot, change)
    without = predict(snapshot) if change != NO_CHANGE else None
    view = preview.describe(found, assumptions, warnings, without)
    steps = [] if found.reached else find_steps(snapshot.cluster.name, [found.reason])
    return {**view, "nextSteps": steps}


def _go_to(own: Session, namespace: str) -> Session:
    """Return the session in the namespace of a manifest; raises PluginError if -n is another."""
    if own.place.namespace not in ("", namespace):
        raise PluginError(
            f"The manifest is for namespace {namespace}, not for {own.place.namespace}: leave -n "
            "out.",
            Exit.USAGE,
        )
    return replace(own, home=namespace)


def find_change(wanted: Wanted, snapshot: Snapshot) -> Change:
    """Return the change that was asked for; raises PluginError for one that cannot be read."""
    cluster = snapshot.cluster
    spec = dump_spec(cluster)
    try:
        if wanted.manifest is not None:
            spec = apply_manifest(cluster, _read_manifest(wanted.manifest).get("spec") or {})
        spec = set_fields(spec, dict(_read_assignment(each) for each in wanted.assignments))
        replace_members(snapshot, wanted.replaced)
    except ChangeError as error:
        raise PluginError(str(error), Exit.USAGE) from error
    _insist_on_fields(spec)
    changed = bool(wanted.manifest or wanted.assignments)
    after = change_spec(cluster, spec) if changed else None
    return Change(after, wanted.deleted, wanted.replaced, wanted.restored)


def _insist_on_fields(spec: Json) -> None:
    """Raise PluginError for a field that an EtcdCluster does not have: the API server drops it."""
    schema = build_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for path in find_unknown(spec, schema, "spec"):
        raise PluginError(
            f"An EtcdCluster has no field {path}: see `kubectl explain etcd.spec`.", Exit.USAGE
        )


def _read_assignment(text: str) -> tuple[str, Any]:
    path, sign, value = text.partition("=")
    if not sign or not path:
        raise PluginError(f"--set {text} is not of the form spec.size=5.", Exit.USAGE)
    try:
        return path, yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError):
        return path, value


def _read_manifest(read: Manifest) -> Json:
    """Return the one EtcdCluster of a manifest."""
    path = read.title
    try:
        documents = list(yaml.safe_load_all(read.text))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PluginError(f"{path} is no YAML: {str(error)[:200]}", Exit.USAGE) from error
    found = [each for each in documents
             if isinstance(each, dict) and each.get("kind") == "EtcdCluster"]  # fmt: skip
    if len(found) != 1:
        raise PluginError(f"{path} has {len(found)} EtcdClusters, and one is needed.", Exit.USAGE)
    manifest: Json = found[0]
    for part in ("metadata", "spec"):
        if not isinstance(manifest.get(part) or {}, dict):
            raise PluginError(f"{path}: {part} of its EtcdCluster is no object.", Exit.USAGE)
    metadata = manifest.get("metadata") or {}
    if not metadata.get("name"):
        raise PluginError(f"{path}: its EtcdCluster has no metadata.name.", Exit.USAGE)
    for key in ("name", "namespace"):
        if not isinstance(metadata.get(key, ""), str):
            raise PluginError(f"{path}: metadata.{key} is no text.", Exit.USAGE)
    return manifest


async def _begin_new(own: Session, read: Manifest) -> Prepared:
    """The snapshot of a cluster that was just created, and of the members that it joins."""
    snapshot = _create(read, own.home)
    said = await _judge_new(own, read, snapshot)
    joins = snapshot.cluster.spec.joins
    snapshot, others = await add_unseen(own, snapshot, snapshot.cluster.spec)
    assumed = ("The cluster does not exist yet.", *said.assumed, *others)
    if joins is None:
        return Prepared(snapshot, NO_CHANGE, assumed, said.warnings)
    name, source = joins.source.stateful_set, list_endpoints(joins.source.addresses)
    if name is not None:
        live = await find_object(own, STATEFUL_SETS, name)
        source = observe_source(live, joins.source.client_port)
    each = f"Every Pod of {source.title}" if name else "What serves at each of the endpoints"
    beside = (
        f"{each} is a member of one etcd cluster, and serves; it allows to be taken over, and the "
        "Secrets that are handed over can be used."
    )
    snapshot = assume_members(snapshot, source)
    return Prepared(snapshot, NO_CHANGE, (*assumed, beside), said.warnings)


async def _judge_new(own: Session, read: Manifest, snapshot: Snapshot) -> Judgement:
    if find_problems(snapshot.cluster):
        return Judgement()  # the preview says what is wrong
    raw = _read_manifest(read)
    body = {**raw, "metadata": {**raw["metadata"], "namespace": own.home}}
    return await ask_server("create", own.api.try_create(CLUSTERS, own.home, body))


def _create(read: Manifest, namespace: str) -> Snapshot:
    raw = _read_manifest(read)
    _insist_on_fields(raw.get("spec") or {})
    metadata = {"namespace": namespace, **raw["metadata"], "uid": NEW_UID, "generation": 1}
    cluster = parse_cluster({**raw, "metadata": metadata})
    naming = Naming.of(cluster, "cluster.local")
    return Snapshot(cluster=cluster, naming=naming, now=datetime.now(UTC), unlabelled_claims=())


def explain_rules(snapshot: Snapshot, change: Change) -> list[Json]:
    """Return what each rule says of the cluster after the change, before the first step."""
    if change.cluster is not None:
        cluster = replace(snapshot.cluster, spec=change.cluster.spec, flaws=change.cluster.flaws)
        snapshot = replace(snapshot, cluster=cluster)
    if change.deleted:
        snapshot = replace(snapshot, cluster=replace(snapshot.cluster, deleting=True))
    snapshot = request(snapshot, change)
    return [
        {
            "rule": verdict.rule,
            "says": verdict.says,
            "condition": verdict.condition,
            "reason": verdict.decision.reason.name if verdict.decision else "",
            "message": verdict.decision.message if verdict.decision else "",
        }
        for verdict in explain.explain(snapshot)
    ]
