"""A cluster whose members come to show a certificate of the user's own, or no more.

From the cluster's own CA, from an issuer, or from another of the user's. What is the user's is in a
Secret that nobody else writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from etcd_operator.core.certificates.state import CLIENT_TRUST_FILE, Credential, Trusted
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
    """How a world goes on; `wanted` asks for the certificate in `mine`, else as it was `before`.

    Where that is `wrong`, no CA verifies it until the user has put it right, at any time.
    """

    def __init__(
        self,
        before: dict[str, Any],
        *,
        after: bool = False,
        tempted: bool = False,
        wrong: bool = False,
    ) -> None:
        super().__init__(issued=after, tempted=tempted)
        self.bases = {False: build(**before), True: build(**MINE)}
        self.before = before
        self.wrong = wrong
        self.users = {"mine": _make_mine(), "theirs": users_secret("theirs", *HOSTS)}

    def begin(self, turns: int) -> World:
        """A cluster at rest, beside a certificate that may be wrong."""
        world = super().begin(turns)
        mine = replace(self.users["mine"], verified_by=())
        return world.holding({**world.by_name, "mine": mine}) if self.wrong else world

    def is_settled(self, world: World) -> bool:
        """Whether all is as the spec has it, and nobody is trusted beyond that."""
        if world.wanted:
            return not world.certificates and shows_alone(world, OTHER, {OWN_CA, OTHER})
        if self.before == THEIRS:
            return shows_alone(world, COMPANY, {OWN_CA, COMPANY})
        return super().is_settled(world._replace(wanted=self.before == ISSUED))

    def follow(self, world: World) -> Iterator[World]:
        """Also the user puts right what is wrong."""
        yield from super().follow(world)
        if _is_wrong(world):
            yield world.holding({**world.by_name, "mine": self.users["mine"]})

    def find_waste(self, world: World) -> str:
        """Say if a member restarts, or is to, for a certificate that it may not show."""
        told = {one.key_id for one in self.look(world).gate_trust[CLIENT_TRUST_FILE]}
        trusted = told.union(*(member.announced for member in world.members))
        wasted = _is_wrong(world) and OTHER in trusted
        return "members restart for a certificate that cannot be used" if wasted else ""


def _is_wrong(world: World) -> bool:
    return world.by_name["mine"].verified_by == ()


def _make_mine() -> Credential:
    """A certificate that neither the cluster's own CA has signed, nor that of the company."""
    made = users_secret("mine", *HOSTS)
    assert made.certificate
    trusted = (Trusted(OTHER, f"pem of {OTHER}", NOW),)
    return replace(
        made, certificate=replace(made.certificate, issuer_key_id=OTHER), trusted=trusted
    )
