"""What would be wrong with a world in which authorities change.

Somebody who is refused or not believed, a certificate that has run out, an authority that goes
while its certificates are in use, and an end at which not all trust the same.
"""

from __future__ import annotations

from etcd_operator.core.certificates.wanted import port_of, wanted_authorities, wanted_leaves
from etcd_operator.core.model.naming import PEER_PORT
from tests.model.certificate_world import Secrets, Stage, World, issuer


def judge(stage: Stage, world: World) -> str:
    """What is wrong with a world as it is."""
    return find_distrust(stage, world) or find_refusal(world) or find_expired(stage, world)


def find_expired(stage: Stage, world: World) -> str:
    """Which certificate of the operator's own has run out."""
    for leaf in wanted_leaves(stage.base.cluster.spec, stage.base.naming):
        live = world.secrets.by_name.get(leaf.secret)
        if live and live.certificate and live.certificate.not_after <= stage.base.now:
            return f"{leaf.secret} has expired"
    return ""


def find_refusal(world: World) -> str:
    """Who would not be let in, or not be believed."""
    secrets = world.secrets.by_name
    callers = [who for who in ("operator", "client") if f"db-{who}-tls" in secrets]
    members = [one for one in world.members if one.announced]
    for member in members:
        server, _ = member.shown
        for who in callers:
            own = issuer(world.secrets, f"db-{who}-tls")
            roots = {one.key_id for one in secrets[f"db-{who}-tls"].trusted}
            if own not in member.loaded:
                return f"a member would refuse the {who}"
            if server and server not in roots:
                return f"the {who} would refuse a member"
        for _, peer in (other.shown for other in members):
            if peer and peer not in member.loaded:
                return "a member would refuse another"
    return ""


def find_distrust(stage: Stage, world: World) -> str:
    """Which authority's Secret does not trust who signed what is in use, or knows nothing of it."""
    spec, naming = stage.base.cluster.spec, stage.base.naming
    for name in wanted_authorities(stage.base):
        live = world.secrets.by_name.get(name)
        if live is None:
            continue
        leaves = (leaf.secret for leaf in wanted_leaves(spec, naming) if leaf.authority == name)
        signers = {issuer(world.secrets, leaf) for leaf in leaves}
        port = port_of(stage.base, name)
        if port is not None:
            signers |= {one.shown[port == PEER_PORT] for one in world.members}
        if signers - {""} - {one.key_id for one in live.trusted}:
            return f"{name} lets go of whose certificates are in use"
    return ""


def find_loss(before: Secrets, after: Secrets) -> str:
    """Which key of an authority gave way to another, other than in the order of the phases."""
    if after is before:
        return ""
    for name, old in before.by_name.items():
        new = after.by_name.get(name)
        if new is None or new is old or not name.endswith("-ca"):
            continue
        assert old.certificate
        assert new.certificate
        if new.certificate.key_id == old.certificate.key_id:
            continue
        if len(old.trusted) > 1:
            return f"{name} was made anew in the middle of a change"
        if not {one.key_id for one in old.trusted} < {one.key_id for one in new.trusted}:
            return f"the key in {name} was lost"
    return ""


def is_settled(stage: Stage, world: World) -> bool:
    """Whether all trust the same, and of our own authorities the last ones alone."""
    secrets = world.secrets.by_name
    authorities = [secrets[name] for name in wanted_authorities(stage.base)]
    theirs = {"company"} & {one.key_id for used in secrets.values() for one in used.trusted}
    own = {one.certificate.key_id for one in authorities if one.certificate}
    return all(len(one.trusted) == 1 for one in authorities) and all(
        set(member.announced) == set(member.loaded) == own | theirs for member in world.members
    )
