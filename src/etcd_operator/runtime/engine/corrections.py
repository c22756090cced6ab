"""Remembers what became of corrections, so that none is repeated without end.

Only pace and sentences depend on it: a process that has forgotten everything writes each object
once, which changes nothing where nothing is to change, and corrects a few times what others change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from etcd_operator.core.actions import (
    Action,
    ApplyObject,
    CopyCertificate,
    DeleteObject,
    IssueCertificate,
    LabelPod,
)
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.naming import ANNOTATION_FINGERPRINT
from etcd_operator.core.model.uncorrected import UncorrectedDrift
from etcd_operator.core.objects.drift import Difference, find_differences
from etcd_operator.core.objects.field_managers import find_manager
from etcd_operator.errors import KubeError
from etcd_operator.json_types import Json
from etcd_operator.runtime.process.clock import Clock
from etcd_operator.runtime.process.latest import Latest

Key = tuple[str, str]

REMEMBERED: Final = 10_000
# Equal corrections at the usual pace; each one more doubles the time to the next, in seconds.
FREELY: Final = 3
FIRST_PACE: Final = 60.0
LONGEST_PACE: Final = 300.0
# A change that stays away for so long was the last one; also when what admission made of our
# object is tried again, in case that its policy is gone.
FORGOTTEN_AFTER: Final = 600.0
# What is tried again is still said meanwhile.
SAID_FOR: Final = 700.0
# After a refusal: about so long, doubled each time.
FIRST_RETRY: Final = 0.5
LONGEST_RETRY: Final = 30.0
# Never taken for good as others have made it: how many Pods run, as whom, with which files.
_NEVER_ACCEPTED: Final = ("spec.replicas", "spec.ordinals", "data")
# Who may change our objects may make a thousand fields of names of their own, and others each time.
MOST_REPEATS: Final = 1000
# At most so many fields are named for one object.
NAMED: Final = 3


@dataclass(slots=True)
class _Repeat:
    count: int = 0
    at: float = 0.0
    manager: str = ""


# Of most objects nothing was ever corrected again.
_NO_REPEATS: Final[Mapping[str, _Repeat]] = MappingProxyType({})


@dataclass(slots=True)
class _Record:
    """Record of the corrections of one object, for one manifest."""

    fingerprint: str
    accepted: tuple[Difference, ...] = ()
    accepted_at: float = 0.0
    repeats: Mapping[str, _Repeat] = field(default_factory=lambda: _NO_REPEATS)
    error: KubeError | None = None
    refusals: int = 0
    retry_at: float = 0.0

    @property
    def stays(self) -> bool:
        """Whether there may be anything that was not corrected, or not for long."""
        return bool(self.accepted or self.repeats)


class Corrections:
    """Records of the corrections of each cluster's objects."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._clusters: Latest[str, dict[Key, _Record]] = Latest(REMEMBERED)

    def look(self, cluster: str) -> dict[Key, UncorrectedDrift]:
        """Return what of a cluster's objects stays different."""
        now = self._clock.monotonic()
        known = self._clusters.get(cluster, {})
        kept = ((key, _keep(key, record, now)) for key, record in known.items() if record.stays)
        return {key: each for key, each in kept if each != UncorrectedDrift(each.fingerprint)}

    def find_refusal(self, cluster: str, action: Action) -> KubeError | None:
        """Return why an action was refused, until it is time to try again."""
        record = self._clusters.get(cluster, {}).get(_key(action))
        if record is None or record.error is None or record.fingerprint != _fingerprint(action):
            return None
        return record.error if self._clock.monotonic() < record.retry_at else None

    def find_refused_labels(self, cluster: str) -> frozenset[str]:
        """Return the uids of Pods that Kubernetes does not let be labelled."""
        known = self._clusters.get(cluster, {})
        return frozenset(
            record.fingerprint.partition(" ")[0]
            for (kind, _), record in known.items()
            if kind == "Pod" and record.error is not None
        )

    def note_refusal(self, cluster: str, action: Action, error: KubeError) -> None:
        """Remember that Kubernetes refused an action."""
        record = self._open(cluster, action)
        record.error = error
        delay = min(FIRST_RETRY * 2.0 ** min(record.refusals, 16), LONGEST_RETRY)
        record.refusals += 1
        record.retry_at = self._clock.monotonic() + delay

    def is_suspect(self, cluster: str, action: ApplyObject) -> bool:
        """Whether the next correction is one too many, so that its author should be named."""
        record = self._clusters.get(cluster, {}).get(_key(action))
        return record is not None and any(
            repeat.count >= FREELY - 1 for repeat in record.repeats.values()
        )

    def name_manager(self, cluster: str, action: ApplyObject, live: Json) -> None:
        """Remember who has set what is about to be corrected; `live` has its managed fields."""
        record = self._open(cluster, action)
        for difference in find_differences(action.manifest, live):
            repeat = record.repeats.get(difference.path)
            if repeat is not None:
                repeat.manager = find_manager(live, difference) or repeat.manager

    def note_done(
        self, cluster: str, action: Action, before: Child | None, answer: Child | None
    ) -> None:
        """Remember what was corrected, and what the answer still has otherwise."""
        wanted = _fingerprint(action)
        known = self._clusters.get(cluster, {}).get(_key(action))
        again = known is not None and known.fingerprint == wanted
        if before is not None and before.annotations.get(ANNOTATION_FINGERPRINT) == wanted:
            again = True  # written before, by a process that has forgotten it
        record = self._open(cluster, action)
        record.error, record.refusals = None, 0
        if not isinstance(action, ApplyObject):
            return
        now = self._clock.monotonic()
        if again and before is not None and before.uid == action.uid:
            self._count(record, find_differences(action.manifest, before.body), now)
        if answer is not None:
            left = find_differences(action.manifest, answer.body)
            record.accepted = tuple(d for d in left if _is_acceptable(d))
            record.accepted_at = now

    def _count(self, record: _Record, corrected: tuple[Difference, ...], now: float) -> None:
        accepted = {(d.path, d.found) for d in record.accepted}
        repeats = dict(record.repeats)
        for difference in corrected:
            if (difference.path, difference.found) in accepted:
                continue
            repeat = repeats.setdefault(difference.path, _Repeat())
            repeat.count = repeat.count + 1 if now - repeat.at < FORGOTTEN_AFTER else 1
            repeat.at = now
        fresh = [one for one in repeats.items() if now - one[1].at < FORGOTTEN_AFTER]
        record.repeats = dict(sorted(fresh, key=lambda one: one[1].at)[-MOST_REPEATS:])

    def _open(self, cluster: str, action: Action) -> _Record:
        """The record of this object for this manifest: another manifest begins anew."""
        objects = self._clusters[cluster] = self._clusters.get(cluster, {})
        record = objects.get(_key(action))
        if record is None or record.fingerprint != _fingerprint(action):
            record = objects[_key(action)] = _Record(_fingerprint(action))
        return record


def _key(action: Action) -> Key:
    match action:
        case ApplyObject(kind=kind, name=name) | DeleteObject(kind=kind, name=name):
            return kind, name
        case LabelPod(name=name):
            return "Pod", name
        case IssueCertificate(leaf=leaf):
            return "Secret", leaf.secret
        case CopyCertificate(secret=secret):
            return "Secret", secret
        case _:
            return type(action).__name__, ""


def _fingerprint(action: Action) -> str:
    match action:
        case ApplyObject(manifest=manifest):
            return str(manifest["metadata"]["annotations"][ANNOTATION_FINGERPRINT])
        case LabelPod(uid=uid, role=role, lost=lost):
            return f"{uid} {role} {lost}"
        case DeleteObject(uid=uid):
            return uid
        case IssueCertificate(uid=uid, signer=signer):
            return f"{uid} {signer}"
        case CopyCertificate(uid=uid, key_ids=key_ids):
            return f"{uid} {key_ids}"
        case _:
            return ""


def _is_acceptable(difference: Difference) -> bool:
    place = difference.path
    return not difference.foreign and not any(
        place == path or place.startswith(f"{path}.") for path in _NEVER_ACCEPTED
    )


def _keep(key: Key, record: _Record, now: float) -> UncorrectedDrift:
    age = now - record.accepted_at
    accepted = record.accepted if age < FORGOTTEN_AFTER else ()
    told = record.accepted if age < SAID_FOR else ()
    fought = {
        path: repeat
        for path, repeat in record.repeats.items()
        if repeat.count >= FREELY and now - repeat.at < FORGOTTEN_AFTER
    }
    paced = {path for path, repeat in fought.items() if now - repeat.at < _pace(path, repeat)}
    said = [_describe_change(path, repeat) for path, repeat in sorted(fought.items())]
    said += [_describe_answer(d) for d in told if _is_telling(d)]
    more = f", and {len(said) - NAMED} more" if len(said) > NAMED else ""
    return UncorrectedDrift(
        fingerprint=record.fingerprint,
        accepted=frozenset((d.path, d.found) for d in accepted),
        paced=frozenset(paced),
        message=f"{key[0]} {key[1]}: {'; '.join(said[:NAMED])}{more}." if said else "",
        contested=bool(fought),
    )


def _pace(path: str, repeat: _Repeat) -> float:
    """Seconds to the next correction; fewer Pods than members are no state to leave for long."""
    if path == "spec.replicas":
        return FIRST_PACE
    return min(FIRST_PACE * 2.0 ** min(repeat.count - FREELY, 16), LONGEST_PACE)


def _is_telling(difference: Difference) -> bool:
    """Whether people should know: not of what is empty, which Kubernetes drops."""
    return bool(difference.found) or difference.wanted not in ('""', "0", "false", "{}", "[]")


def _describe_change(path: str, repeat: _Repeat) -> str:
    who = f"field manager {repeat.manager}" if repeat.manager else "an admission webhook or policy"
    return f"{who} changes {path} again after each correction"


def _describe_answer(difference: Difference) -> str:
    wanted, found = difference.wanted[:80], difference.found[:80] or "nothing"
    return (
        f"an admission webhook or policy makes {difference.path} {found} where the operator "
        f"writes {wanted}"
    )
