"""A cluster whose members come to show a certificate of the user's own, or no more.

From the cluster's own CA, from an issuer, or from another of the user's. What is the user's is in a
Secret that nobody else writes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from etcd_operator.core.certificates.state import Credential, Trusted
from tests.builders.certificates import users_secret
from tests.builders.snapshots import NOW
from tests.model.issuer_world import (
    COMPANY,
    HOSTS,
    ISSUED,
    IssuerStageWorld,
    World,
    build,
    shows_alone,
)

OWN: Final[dict[str, Any]] = {}
MINE: Final[dict[str, Any]] = {"certificateSecret": "mine"}
THEIRS: Final[dict[str, Any]] = {"certificateSecret": "theirs"}
OWN_CA, OTHER = "client-ca1", "other"


class ExchangeWorld(IssuerStageWorld):
    """How a world goes on; `wanted` asks for the certificate in `mine`, else as it was `before`."""

    def __init__(
        self, before: dict[str, Any], *, after: bool = False, tempted: bool = False
    ) -> None:
        super().__init__(issued=after, tempted=tempted)
        self.bases = {False: build(**before), True: build(**MINE)}
        self.before = before
        self.users = {"mine": _make_mine(), "theirs": users_secret("theirs", *HOSTS)}

    def is_settled(self, world: World) -> bool:
        """Whether all is as the spec has it, and nobody is trusted beyond that."""
        if world.wanted:
            return not world.certificates and shows_alone(world, OTHER, {OWN_CA, OTHER})
        if self.before == THEIRS:
            return shows_alone(world, COMPANY, {OWN_CA, COMPANY})
        return super().is_settled(world._replace(wanted=self.before == ISSUED))


def _make_mine() -> Credential:
    """A certificate that neither the cluster's own CA has signed, nor that of the company."""
    made = users_secret("mine", *HOSTS)
    assert made.certificate
    trusted = (Trusted(OTHER, f"pem of {OTHER}", NOW),)
    return replace(
        made, certificate=replace(made.certificate, issuer_key_id=OTHER), trusted=trusted
    )
