"""The mutants of an issuer between members: which step is taken when, and what the guard passes."""

from __future__ import annotations

from typing import Final

from tests.model.mutation import Mutant

_MACHINE: Final = "core/certificates/peer_issuer_machine.py"
_TRUST: Final = "core/certificates/peer_trust.py"
_GUARD: Final = "core/certificates/peer_issuer_guard.py"
_TRUSTED: Final = "_is_same_signer(issued, live) or do_members_trust(snapshot, issued.trusted)"
_SHOWN: Final = "running_peers(snapshot) or snapshot.gate_trust.get(PEER_TRUST_FILE)"
_EXPLORED: Final = ("explored: peer_issuer_phases",)

PEER_ISSUER: Final = (
    Mutant(
        "peer issuer: signs before members trust it",
        _MACHINE,
        "find_copy",
        f"shown and (not ({_TRUSTED}))",
        "False",
        _EXPLORED,
    ),
    Mutant(
        "peer issuer: waits for members that have no certificates to trust it",
        _MACHINE,
        "find_copy",
        _SHOWN,
        "True",
    ),
    Mutant(
        "peer issuer: forgets members that still have a certificate",
        _MACHINE,
        "find_copy",
        _SHOWN,
        "snapshot.gate_trust.get(PEER_TRUST_FILE)",
    ),
    Mutant(
        "peer issuer: forgets whom members are told to trust",
        _MACHINE,
        "find_copy",
        _SHOWN,
        "running_peers(snapshot)",
    ),
    Mutant(
        "peer issuer: believes Pods of an earlier time",
        _TRUST,
        "do_members_trust",
        "snapshot.is_current(pod) and wanted <= {*pod.trust}",
        "wanted <= {*pod.trust}",
    ),
    Mutant(
        "peer issuer: is trusted again before all Pods have forgotten it",
        _TRUST,
        "peer_trust",
        "before and not is_rolled(snapshot)",
        "False",
        _EXPLORED,
    ),
    Mutant(
        "peer issuer: the own CA is forgotten while a member shows it",
        _MACHINE,
        "is_shown",
        "change.wanted and is_issued_shown(change.snapshot)",
        "change.wanted",
        _EXPLORED,
    ),
    Mutant(
        "peer issuer: is forgotten while a member shows it",
        _TRUST,
        "is_own_shown",
        "signed and _do_all_show(snapshot, live)",
        "signed",
        _EXPLORED,
    ),
    Mutant(
        "peer issuer: an old CA of it is forgotten while a member shows it",
        _TRUST,
        "peer_trust",
        "not before or is_issued_shown(snapshot)",
        "True",
        _EXPLORED,
    ),
    Mutant(
        "peer issuer: the own CA signs before it is trusted again",
        _MACHINE,
        "is_own_trusted",
        "not change.wanted and own is not None and do_members_trust(snapshot, own.trusted)",
        "not change.wanted and own is not None",
        _EXPLORED,
    ),
    Mutant(
        "peer issuer: takes its certificates while they are of two CAs",
        _TRUST,
        "find_peer_secret_problem",
        "len(told) <= 1",
        "True",
    ),
    Mutant(
        "peer issuer: lets in whoever has a certificate of it",
        "core/model/peer_issuer.py",
        "allowed_common_names",
        "naming.peer_issuer is PeerIssuer.OWN",
        "True",
        _EXPLORED,
    ),
    Mutant(
        "peer issuer: says of Pods only whom they trust, and not for what",
        _TRUST,
        "say_trust",
        "snapshot.naming.peer_issuer is PeerIssuer.OWN",
        "True",
    ),
    Mutant(
        "peer issuer: begins where etcd would not read whom to let in",
        _MACHINE,
        "is_known",
        "runs >= READS_ALLOWED_NAMES",
        "True",
    ),
    Mutant(
        "peer issuer: stays with a version that lets everybody in",
        "core/certificates/rule.py",
        "_refuse_version",
        "not issued or snapshot.spec.release >= READS_ALLOWED_NAMES",
        "True",
    ),
    Mutant(
        "peer issuer: takes what its CA has not signed",
        _TRUST,
        "_judge",
        "not live.is_verified_by(live.trusted)",
        "False",
    ),
    Mutant(
        "guard: lets be mounted what its CA has not signed",
        _GUARD,
        "refuse_copy",
        "one and (not one.is_verified_by(one.trusted))",
        "False",
    ),
    Mutant(
        "guard: lets be mounted what a member does not trust",
        _GUARD,
        "refuse_copy",
        "f'{deaf[0]} does not trust the CA of the issuer yet' if deaf else None",
        "None",
        _EXPLORED,
    ),
    Mutant(
        "guard: lets the gate forget whose certificates members show each other",
        _GUARD,
        "_refuse_forgotten",
        "signer in unnamed or gone & _find_roots(snapshot, signer)",
        "False",
    ),
    Mutant(
        "guard: lets the gate forget what members were not seen to show",
        _GUARD,
        "_refuse_forgotten",
        "[name for name, signer in shown.items() if not signer]",
        "[]",
    ),
    Mutant(
        "guard: lets in whoever has a certificate of an issuer",
        _GUARD,
        "refuse_forgotten_peer_ca",
        "not after and {one.key_id for one in told} - gone - own_ids",
        "False",
    ),
    Mutant(
        "guard: lets be signed what members that start do not trust",
        _GUARD,
        "refuse_own_signer",
        "alone and of_peers",
        "False",
        _EXPLORED,
    ),
)
