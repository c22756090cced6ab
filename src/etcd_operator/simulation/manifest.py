"""Manifests of rendered objects, and what in them decides about members: gates and templates."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from etcd_operator.core.model.naming import ANNOTATION_FINGERPRINT, FORCED
from etcd_operator.core.model.template import is_ephemeral, read_version
from etcd_operator.core.objects.drift import find_drift
from etcd_operator.json_types import Json

# A real uid stands for the first life of its name.
FIRST_LIFE: Final = 1
_LIFE: Final = re.compile(r"life-([0-9]{1,9})$")


class File(NamedTuple):
    """What one member's configuration file says: the gate of that member.

    `forced` is the member that it makes a cluster of its own, whatever is on its disk; -1: none.
    `beside` is how many members it lists that are taken over. `advertised` are the client URLs that
    it publishes, where they are more than the one within Kubernetes.
    """

    new: bool
    listed: tuple[int, ...]
    token: str
    forced: int = -1
    beside: int = 0
    advertised: str = ""


# One that somebody has edited: no process begins or joins anything by it.
UNREADABLE: Final = File(new=False, listed=(), token="")


class Manifest:
    """One rendered object; equal manifests are the same Python object."""

    __slots__ = (
        "body", "ephemeral", "exact", "files", "index", "replicas", "revision", "start",
        "storage", "template",
    )  # fmt: skip

    _known: Final[dict[str, Manifest]] = {}

    def __init__(self, body: Json, index: int) -> None:
        self.body = body
        self.index = index
        self.exact = False  # the revision says all of the template, not only what scenarios change
        self.files = tuple(_read_files(body)) if body["kind"] == "ConfigMap" else ()
        spec = body.get("spec", {}) if body["kind"] == "StatefulSet" else {}
        self.replicas: int = spec.get("replicas", 0)
        self.start: int = spec.get("ordinals", {}).get("start", 0)
        self.revision = _revision_of(spec["template"]) if spec else ""
        self.template: Json | None = spec.get("template")  # as rendered; None if nobody knows
        self.storage = _storage_of(spec.get("volumeClaimTemplates") or ()) if spec else ""
        self.ephemeral = bool(spec) and is_ephemeral(spec["template"])

    @classmethod
    def of(cls, body: Json) -> Manifest:
        """Return the one Manifest of this content; the fingerprint is a hash of all of it."""
        mark = body["metadata"]["annotations"][ANNOTATION_FINGERPRINT]
        key = f"{body['kind']}/{body['metadata']['name']}/{mark}"
        found = cls._known.get(key)
        if found is None:
            found = cls._known[key] = Manifest(body, len(cls._known) + 1)
        return found

    @classmethod
    def observe(cls, body: Json, template: Json | None = None) -> Manifest:
        """Return the manifest of a live object: its template is known by Kubernetes' own hash.

        `template` is what the operator has rendered it from, where that is known.
        """
        key = f"{body['kind']}/{body['metadata']['name']}/live {len(cls._known)}"
        found = cls._known[key] = Manifest(body, len(cls._known) + 1)
        told = (body.get("status") or {}).get("updateRevision", "")
        if body["kind"] == "StatefulSet":
            found.exact, found.template = True, template
            found.revision = f"{read_version(body).number} {told}"
        return found

    def exactly(self) -> Manifest:
        """Return it with a revision that changes with whatever changes in the template."""
        if self.body["kind"] == "StatefulSet" and not self.exact:
            text = json.dumps(self.body["spec"]["template"], sort_keys=True)
            told = hashlib.sha256(text.encode()).hexdigest()[:10]
            mark = FORCED if self.revision.endswith(FORCED) else ""
            self.revision = f"{read_version(self.body).number} {told}{mark}"
            self.exact = True
        return self

    def over(self, live: Manifest) -> Manifest:
        """Return what applying it over a live object makes, or in place of one that was just there.

        A template of the same meaning is of the same revision.
        """
        if not live.exact or not self.exact or self.revision == live.revision:
            return self
        template = self.body["spec"]["template"]
        if _has_drifted(template, live.template or live.body["spec"]["template"]):
            return self
        if live.template is not None and _has_drifted(live.template, template):
            return self
        same = Manifest(self.body, self.index)
        same.exact, same.revision = True, live.revision
        return same

    def runs(self, ordinal: int) -> bool:
        """Whether this StatefulSet runs a Pod of this ordinal."""
        return self.start <= ordinal < self.start + self.replicas

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations, in which the operator keeps what must survive the loss of status."""
        annotations: dict[str, str] = self.body["metadata"]["annotations"]
        return annotations

    def __repr__(self) -> str:
        return f"<{self.body['kind']} {self.index}>"


def _has_drifted(template: Json, other: Json) -> bool:
    """Whether a template says anything that the other does not say."""
    one, live = ({"kind": "StatefulSet", "spec": {"template": each}} for each in (template, other))
    return find_drift(one, live) is not None


def life_of(uid: str) -> int:
    """Which life of its name an EtcdCluster's uid, or a token that ends with it, stands for."""
    found = _LIFE.search(uid)
    return int(found[1]) if found else FIRST_LIFE


def _read_files(body: Json) -> Iterator[File]:
    for file, text in sorted((body.get("data") or {}).items()):
        if not file.endswith(".yaml"):
            continue  # the authorities that members trust
        try:
            yield _read_file(dict(_read_settings(text)))
        except (KeyError, ValueError, AttributeError):
            yield UNREADABLE


def _read_settings(text: str) -> Iterator[tuple[str, Any]]:
    for line in text.splitlines():
        key, _, value = line.partition(": ")
        yield key, json.loads(value)


def _read_file(settings: Json) -> File:
    names = [entry.partition("=")[0] for entry in settings["initial-cluster"].split(",")]
    new = settings["initial-cluster-state"] == "new"
    cluster, _, ordinal = settings["name"].rpartition("-")
    own = [name for name in names if name.rpartition("-")[0] == cluster]
    # A member that has two URLs is in the list twice.
    listed = tuple(sorted({int(name.rpartition("-")[2]) for name in own}))
    forced = int(ordinal) if settings.get("force-new-cluster") else -1
    beside = len(names) - len(own)
    urls = str(settings.get("advertise-client-urls", ""))
    advertised = urls if "," in urls else ""
    return File(new, listed, settings["initial-cluster-token"], forced, beside, advertised)


def _revision_of(template: Json) -> str:
    """The version that Pods of this template run, and a mark for everything else in it."""
    container = template["spec"]["containers"][0]
    version: str = container["image"].rpartition(":v")[2]
    mark = FORCED if any(FORCED in word for word in container.get("args", ())) else ""
    return f"{version} {json.dumps(container['resources'], sort_keys=True)}{mark}"


def _storage_of(templates: Sequence[Json]) -> str:
    """The size that new disks are asked to have; empty where Pods have none."""
    return next((str(t["spec"]["resources"]["requests"]["storage"]) for t in templates), "")
