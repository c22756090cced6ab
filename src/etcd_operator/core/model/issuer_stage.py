"""Which certificates of the client port an issuer of cert-manager signs.

A cluster that runs goes from its own CA to an issuer, and back, by way of stages in which members
and clients trust both. See decision 26.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from etcd_operator.json_types import Json

# On the gate, once the issuer of certificates was changed: the stage.
ANNOTATION_ISSUER_STAGE: Final = "etcd.etcd.io/issuer-stage"
# On the Pod template, from then on: the number of the change.
ANNOTATION_ISSUER_CHANGE: Final = "etcd.etcd.io/issuer-change"


class IssuerPhase(StrEnum):
    """How far certificates of the client port come from an issuer.

    Own: the cluster's own CA signs, and is trusted alone. Trusted: it signs, and the CA of the
    issuer is trusted beside it. Server: the issuer signs the certificate of members, and the
    cluster's own CA that of clients, who trust both. All: the issuer signs both.
    """

    OWN = "Own"
    TRUSTED = "Trusted"
    SERVER = "Server"
    ALL = "All"


_TEXT: Final = re.compile(f"({'|'.join(IssuerPhase)})-(0|[1-9][0-9]{{0,8}})")


@dataclass(frozen=True, slots=True)
class IssuerStage:
    """A phase, and how often an issuer's CA has come to be trusted by members that ran before.

    The number is part of the Pod template. So a Pod that is current was made after that, and its
    process trusts that CA, however often a person has changed the spec.
    """

    phase: IssuerPhase = IssuerPhase.OWN
    change: int = 0

    @classmethod
    def of(cls, *, issued: bool) -> IssuerStage:
        """The stage of a cluster that has had an issuer, or none, from the beginning."""
        return cls(IssuerPhase.ALL if issued else IssuerPhase.OWN)

    def to(self, phase: IssuerPhase) -> IssuerStage:
        """The stage that follows with this phase."""
        return IssuerStage(phase, self.change + (self.phase is IssuerPhase.OWN))

    @property
    def signs_server(self) -> bool:
        """Whether the issuer signs the certificate that clients see."""
        return self.phase in (IssuerPhase.SERVER, IssuerPhase.ALL)

    @property
    def signs_clients(self) -> bool:
        """Whether the issuer signs the certificate that clients show."""
        return self.phase is IssuerPhase.ALL

    @property
    def changes(self) -> bool:
        """Whether it is on the way: the CA of an issuer is trusted, and not all is signed by it."""
        return self.phase in (IssuerPhase.TRUSTED, IssuerPhase.SERVER)

    @property
    def text(self) -> str:
        """What the annotation says of it; empty as long as nothing was changed."""
        return f"{self.phase}-{self.change}" if self.changes or self.change else ""


NO_ISSUER: Final = IssuerStage()


def read_issuer_stage(text: str) -> IssuerStage | None:
    """Read what `IssuerStage.text` has written; None for everything else, the empty text too."""
    found = _TEXT.fullmatch(text)
    return IssuerStage(IssuerPhase(found[1]), int(found[2])) if found else None


def read_issuer_change(statefulset: Json) -> str:
    """Read the number of the change that a StatefulSet's Pods are made for; empty for none."""
    template = (statefulset.get("spec") or {}).get("template") or {}
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(ANNOTATION_ISSUER_CHANGE, ""))
