"""The guard of TLS between members; see `guards`. It shares no judgement with the machine.

* A member is listed at the URL at which it listens by its file, before it listens there.
* Nobody is left without the URL at which a member may still listen.
* Nobody listens with TLS beside a member without a certificate.
* Without a quorum nothing of it changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from etcd_operator.core.actions import ApplyObject, UpdateMember
from etcd_operator.core.model.peer_stage import ANNOTATION_PEER_TLS
from etcd_operator.core.model.snapshot import Snapshot

_LISTENS: Final = re.compile('^listen-peer-urls: "(https?)://', re.MULTILINE)


def refuse_peer_urls(action: UpdateMember, snapshot: Snapshot) -> str | None:
    """Return why the peer URLs of a member must not become these; None if they may."""
    naming, urls = snapshot.naming, set(action.peer_urls)
    member = next((m for m in snapshot.members if m.id == action.member_id), None)
    if member is None or naming.ordinal_of_member(member) != action.ordinal:
        return "etcd does not list this member ID for the member of this Pod"
    if not urls or not urls <= set(naming.peer_urls(action.ordinal)):
        return "the peer URLs are not those of the member's own Pod"
    if not member.started:
        return "the member has not joined yet, and its file has the URLs of before"
    told = _read_listening(_live_files(snapshot), snapshot).get(action.ordinal)
    if not any(url.startswith(f"{told}://") for url in urls):
        return "the member listens by its file at none of these URLs"
    if set(member.peer_urls) <= urls:
        return None
    return _refuse_to_forget(snapshot)


def _refuse_to_forget(snapshot: Snapshot) -> str | None:
    """A URL goes only when every member runs in a Pod of the stage that the gate has."""
    live = snapshot.statefulset
    template = (live.body.get("spec") or {}).get("template") or {} if live else {}
    made_for = ((template.get("metadata") or {}).get("annotations") or {}).get(ANNOTATION_PEER_TLS)
    if live is None or made_for != snapshot.gate_annotations.get(ANNOTATION_PEER_TLS):
        return "Pods are not made for the stage of TLS that the files are of"
    for seat in snapshot.seats():
        if seat.member and not (seat.pod and snapshot.is_current(seat.pod)):
            return f"{snapshot.naming.member(seat.ordinal)} may still listen at its other URL"
    return None


def refuse_unreachable(action: ApplyObject, snapshot: Snapshot) -> str | None:
    """Return why files must not be written with which members would not reach each other."""
    before = _read_listening(_live_files(snapshot), snapshot)
    after = _read_listening(action.manifest["data"], snapshot)
    had, has = (
        _has_certificates(files) for files in (_live_files(snapshot), action.manifest["data"])
    )
    changed = {o for o, scheme in after.items() if o in before and before[o] != scheme}
    if not changed and (had == has or not before):
        return None
    if snapshot.recorded_cluster_id is None:
        return None  # nobody has joined anybody yet
    if not snapshot.quorum_confirmed:
        return "no quorum has confirmed at which URLs members are listed"
    listed = {
        seat.ordinal: {url.partition("://")[0] for url in seat.member.peer_urls}
        for seat in snapshot.seats()
        if seat.member
    }
    for ordinal, schemes in listed.items():
        if ordinal in changed and after[ordinal] not in schemes:
            return f"{snapshot.naming.member(ordinal)} is not listed where it would listen"
    if "https" in after.values() and changed:
        pods = [seat.pod for seat in snapshot.seats() if seat.member and seat.pod]
        bare = [pod.name for pod in pods if not pod.peer_tls]
        return f"{bare[0]} has no certificate to reach the others with" if bare else None
    if not has and any("https" in schemes for schemes in listed.values()):
        return "a member may listen with TLS, and others would have no certificate"
    return None


def _live_files(snapshot: Snapshot) -> Mapping[str, str]:
    gate = snapshot.config_map
    ours = gate is not None and gate.owner_uid == snapshot.naming.uid
    return (gate.body.get("data") or {}) if gate and ours else {}


def _read_listening(files: Mapping[str, str], snapshot: Snapshot) -> dict[int, str]:
    """The scheme at which each member listens for the others by its file."""
    found = {}
    for ordinal in range(len(files)):
        match = _LISTENS.search(files.get(snapshot.naming.config_key(ordinal), ""))
        if match:
            found[ordinal] = match[1]
    return found


def _has_certificates(files: Mapping[str, str]) -> bool:
    return any("\npeer-transport-security: " in text for text in files.values())
