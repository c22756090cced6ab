"""How members reach each other, while TLS between them is turned on or off one member at a time.

A member listens for the others with TLS or without, never both: etcd cannot serve both at one port
of peers. But it dials each URL by its scheme, as long as it has a certificate. So on the way there
is a stage in which members have certificates and still listen in plain text. See decision 25.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from etcd_operator.json_types import Json

# The volume of a member with the certificate that other members see.
PEER_VOLUME: Final = "peer-tls"
# On the gate and on the Pod template, once TLS between members was turned on or off: the stage.
ANNOTATION_PEER_TLS: Final = "etcd.etcd.io/peer-tls"


class PeerMode(StrEnum):
    """What a member does towards other members.

    Off: it listens in plain text, and has no certificate. Prepared: it listens in plain text, and
    reaches members at http and at https URLs. On: it listens with TLS, and reaches both kinds.
    """

    OFF = "Off"
    PREPARED = "Prepared"
    ON = "On"


_TEXT: Final = re.compile(f"({'|'.join(PeerMode)})-([1-9][0-9]{{0,8}})")


@dataclass(frozen=True, slots=True)
class PeerStage:
    """A mode, and the how-manieth change it came by; 0: members have had it from the beginning.

    The number is part of the Pod template. So a Pod that is current was made after the last change,
    and its process has read a file of this mode, however often a person has changed the spec.
    """

    mode: PeerMode = PeerMode.OFF
    change: int = 0

    @classmethod
    def of(cls, *, tls: bool) -> PeerStage:
        """The stage of members that have had TLS, or none, from the beginning."""
        return cls(PeerMode.ON if tls else PeerMode.OFF)

    def to(self, mode: PeerMode) -> PeerStage:
        """The stage that follows with this mode."""
        return PeerStage(mode, self.change + 1)

    @property
    def listens_with_tls(self) -> bool:
        """Whether members listen for each other with TLS."""
        return self.mode is PeerMode.ON

    @property
    def has_certificates(self) -> bool:
        """Whether members have certificates for each other."""
        return self.mode is not PeerMode.OFF

    @property
    def scheme(self) -> str:
        """The scheme of the URL at which a member listens for the others."""
        return "https" if self.listens_with_tls else "http"

    @property
    def text(self) -> str:
        """What annotations say of it; empty as long as nothing was changed."""
        return f"{self.mode}-{self.change}" if self.change else ""


NO_PEER_TLS: Final = PeerStage()


def read_stage(text: str) -> PeerStage | None:
    """Read what `PeerStage.text` has written; None for everything else, the empty text as well."""
    found = _TEXT.fullmatch(text)
    return PeerStage(PeerMode(found[1]), int(found[2])) if found else None


def has_peer_volume(raw: Json) -> bool:
    """Whether a Pod, or a template of Pods, mounts a certificate for other members."""
    volumes = (raw.get("spec") or {}).get("volumes") or ()
    return any(volume.get("name") == PEER_VOLUME for volume in volumes)


def read_template_stage(statefulset: Json) -> PeerStage:
    """Read the stage that a StatefulSet's Pods are made for; what nobody can read is change 0."""
    template = (statefulset.get("spec") or {}).get("template") or {}
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    stage = read_stage(str(annotations.get(ANNOTATION_PEER_TLS, "")))
    return stage or PeerStage.of(tls=has_peer_volume(template))
