"""A support bundle: everything about a cluster that the user may read, in one zip file."""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from etcd_operator import __version__
from etcd_operator.json_types import Json
from etcd_operator.plugin.belongings import EventFilter, is_job_of, is_restore_of
from etcd_operator.plugin.cluster_view import METRICS_PORT, describe, is_backup_of
from etcd_operator.plugin.clusters import find_cluster, selector_of
from etcd_operator.plugin.exits import Exit
from etcd_operator.plugin.log_lines import Source, parse_line
from etcd_operator.plugin.log_sources import find_sources
from etcd_operator.plugin.recordings import fetch
from etcd_operator.plugin.redaction import Redaction
from etcd_operator.plugin.rights import Gaps
from etcd_operator.plugin.session import Session
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import Kind

LOG_LINES: Final = 5000
_OWNED: Final = (
    kube.STATEFUL_SETS,
    kube.PODS,
    kube.CLAIMS,
    kube.SERVICES,
    kube.CONFIG_MAPS,
    kube.DISRUPTION_BUDGETS,
    kube.NETWORK_POLICIES,
)


@dataclass(frozen=True, slots=True)
class Bundle:
    """Files by name, redacted; what could not be read; whether values of Secrets were known."""

    files: dict[str, str]
    gaps: Gaps
    knows_secrets: bool


async def collect(session: Session, name: str) -> Bundle:
    """Return the content of a bundle."""
    cluster, gaps = await find_cluster(session, name), Gaps()
    place = cluster["metadata"]["namespace"]
    secrets = await gaps.list_or_none(session, kube.SECRETS, place)
    knows_secrets = gaps.code is Exit.DONE
    redaction = Redaction(secrets)
    files = {
        "cluster.json": _dump(redaction, cluster),
        "status.json": _dump(redaction, await describe(session, name, gaps)),
    }
    own = [s for s in secrets if _belongs(s, name)]
    files["objects/secrets.json"] = _dump(redaction, own)
    for kind, found in (await _find_objects(session, gaps, cluster)).items():
        files[f"objects/{kind.plural}.json"] = _dump(redaction, found)
    files |= await _read_texts(session, gaps, redaction, cluster)
    recording = await gaps.attempt("read the recorded passes", fetch(session, cluster), None)
    if recording is not None:
        cleaned = redaction.clean(recording.document)
        files["passes.json"] = json.dumps(cleaned, ensure_ascii=False)
    about = {"plugin": __version__, "made": datetime.now(UTC).isoformat(timespec="seconds")}
    if recording is not None and recording.word:
        about["passesAreSaidToBeOfTheOperator"] = recording.word
    files["about.json"] = json.dumps({**about, "notRead": gaps.sentences}, indent=2)
    return Bundle(files, gaps, knows_secrets)


async def _find_objects(session: Session, gaps: Gaps, cluster: Json) -> dict[Kind, list[Json]]:
    """Return the objects of the cluster, what backs it up and restores it, and Events of all."""
    place, selector = cluster["metadata"]["namespace"], selector_of(cluster)

    async def find(kind: Kind, selector: str = "") -> list[Json]:
        return await gaps.list_or_none(session, kind, place, selector)

    objects = {kind: await find(kind, selector) for kind in _OWNED}
    backups = [b for b in await find(kube.BACKUPS) if is_backup_of(b, cluster)]
    restores = [r for r in await find(kube.RESTORES) if is_restore_of(r, cluster, backups)]
    jobs = [j for j in await find(kube.JOBS) if is_job_of(j, (cluster, *backups, *restores))]
    objects |= {kube.BACKUPS: backups, kube.RESTORES: restores, kube.JOBS: jobs}
    events = EventFilter(cluster, (each for found in objects.values() for each in found))
    return {**objects, kube.EVENTS: [e for e in await find(kube.EVENTS) if events.keeps(e)]}


def _belongs(secret: Json, name: str) -> bool:
    labels = secret["metadata"].get("labels") or {}
    return bool(labels.get("etcd.etcd.io/cluster") == name)


async def _read_texts(
    session: Session, gaps: Gaps, redaction: Redaction, cluster: Json
) -> dict[str, str]:
    """Return logs of the members and the operator, of now and before, and the members' metrics."""
    wanted: list[tuple[str, Awaitable[str]]] = []
    for source in await find_sources(session, gaps, cluster):
        who = "operator" if source.about else "members"
        wanted.append((f"logs/{who}/{source.pod}.log", _read_log(session, gaps, source)))
        if not source.about:
            path = kube.PODS.path(source.namespace, f"{source.pod}:{METRICS_PORT}", "proxy")
            right = f"get pods/proxy of {source.pod}"
            text = session.api.read_text(f"{path}/metrics", {})
            read = gaps.attempt(right, text, "", elsewhere=True)
            wanted.append((f"metrics/{source.pod}.txt", read))
    texts = await asyncio.gather(*(work for _, work in wanted))
    named = zip((file for file, _ in wanted), texts, strict=True)
    return {file: redaction.clean_text(text) for file, text in named if text}


async def _read_log(session: Session, gaps: Gaps, source: Source) -> str:
    path = kube.PODS.path(source.namespace, source.pod, "log")
    options = {"container": source.container, "timestamps": "true", "tailLines": str(LOG_LINES)}
    read = session.api.read_text(path, options)
    text = await gaps.attempt(f"get pods/log of {source.pod}", read, "", elsewhere=True)
    if source.about is None:
        return text
    # Its other lines are about clusters of other people.
    return "\n".join(raw for raw in text.splitlines() if parse_line(source, raw))


def _dump(redaction: Redaction, tree: Json | list[Json]) -> str:
    cleaned = redaction.clean(_without_managed_fields(tree))
    return json.dumps(cleaned, indent=2, ensure_ascii=False)


def _without_managed_fields(tree: Json | list[Json]) -> Json | list[Json]:
    """Drop who wrote which field: long, and of no use to a reader."""
    if isinstance(tree, list):
        return [_strip(each) for each in tree]
    return _strip(tree)


def _strip(body: Json) -> Json:
    metadata = body.get("metadata")
    if not isinstance(metadata, dict):
        return body
    return {**body, "metadata": {k: v for k, v in metadata.items() if k != "managedFields"}}


def write_bundle(path: Path, bundle: Bundle, say: Callable[[str], None]) -> None:
    """Write the files as a zip that only the user can read; raises OSError."""
    path.touch(mode=0o600)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(bundle.files.items()):
            archive.writestr(name, text)
    for sentence in bundle.gaps.sentences:
        say(f"Not in it: {sentence}")
    redacted = (
        "secrets redacted."
        if bundle.knows_secrets
        else "what looks like a secret redacted. Values of Secrets could not be looked for, for "
        "they could not be listed: read it before you hand it on."
    )
    say(f"Wrote {path}: {len(bundle.files)} files, {path.stat().st_size} bytes, {redacted}")
