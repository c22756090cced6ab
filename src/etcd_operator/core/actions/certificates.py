"""Actions on the Secrets that hold certificates.

`uid` and `resource_version` are those of the Secret that was looked at, empty if there was none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from etcd_operator.core.actions.event import ActionEvent
from etcd_operator.core.certificates.state import Leaf, Trusted
from etcd_operator.core.reasons import events


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The Secret of a person that has the key of an authority, and the key ID that it had."""

    secret: str
    uid: str
    key_id: str


@dataclass(frozen=True, slots=True)
class IssueAuthority:
    """Issue a certificate authority into its Secret; `keep` stays trusted beside it.

    It has the key that was `handed_over`, or a new one.
    """

    secret: str
    uid: str
    resource_version: str
    generation: int
    keep: tuple[Trusted, ...]
    why: str
    handed_over: HandedOver | None = None

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        if self.handed_over:
            taken = f"Took the certificate authority of Secret {self.handed_over.secret} into"
            return ActionEvent(events.CA_ISSUED, f"{taken} Secret {self.secret}: {self.why}.")
        sentence = f"Issued the certificate authority in Secret {self.secret}: {self.why}."
        return ActionEvent(events.CA_ISSUED, sentence)


@dataclass(frozen=True, slots=True)
class IssueCertificate:
    """Issue a certificate and put it into its Secret, with those who are `trusted`.

    `signer` is the key ID that the authority must have (empty: any); `trusted` is empty for a
    Secret that is to trust its authority alone.
    """

    leaf: Leaf
    uid: str
    resource_version: str
    signer: str
    lifetime: timedelta
    trusted: tuple[Trusted, ...]
    why: str

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        sentence = f"Issued the certificate in Secret {self.leaf.secret}: {self.why}."
        return ActionEvent(events.CERTIFICATE_ISSUED, sentence)


@dataclass(frozen=True, slots=True)
class ShareTrust:
    """Say in a Secret which authorities are trusted; its certificate stays."""

    secret: str
    uid: str
    resource_version: str
    trusted: tuple[Trusted, ...]
    why: str

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        sentence = f"Updated ca.crt in Secret {self.secret}: {self.why}."
        return ActionEvent(events.CA_BUNDLE_UPDATED, sentence)


@dataclass(frozen=True, slots=True)
class CopyCertificate:
    """Copy what cert-manager has issued for members into the Secret that they mount.

    `sources` are the Secrets with what members show and with what they dial with, and `key_ids`
    those of the certificates that were looked at there.
    """

    secret: str
    uid: str
    resource_version: str
    sources: tuple[str, str]
    key_ids: tuple[str, ...]
    trusted: tuple[Trusted, ...]
    why: str

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        said = f"Copied the certificates of cert-manager into Secret {self.secret}: {self.why}."
        return ActionEvent(events.CERTIFICATE_ISSUED, said)
