"""The mutants of a change of the issuer: which step is taken when, and what the guard lets pass."""

from __future__ import annotations

from typing import Final

from tests.model.mutation import Mutant

_MACHINE: Final = "core/certificates/issuer_machine.py"
_GUARD: Final = "core/certificates/issuer_guard.py"
_EXPLORED: Final = ("explored: issuer_phases",)

ISSUER: Final = (
    Mutant(
        "issuer: serves before members trust it",
        _MACHINE,
        "is_trusted",
        "not is_known(change) or not _do_members_trust(snapshot, signers)",
        "not is_known(change)",
        _EXPLORED,
    ),
    Mutant(
        "issuer: serves before clients had time",
        "core/certificates/signers.py",
        "had_time",
        "snapshot.now >= live.certificate.made + ca_overlap(snapshot)",
        "True",
        _EXPLORED,
    ),
    Mutant(
        "issuer: believes Pods of an earlier change",
        _MACHINE,
        "_do_members_trust",
        "snapshot.is_current(pod) and signers <= {*pod.trust}",
        "signers <= {*pod.trust}",
        _EXPLORED,
    ),
    Mutant(
        "issuer: hands out before every member shows it",
        _MACHINE,
        "_is_issuers_shown",
        "_list_shown(snapshot) <= {server.certificate.issuer_key_id}",
        "True",
        _EXPLORED,
    ),
    Mutant(
        "issuer: is forgotten while a member shows it",
        _MACHINE,
        "is_gone",
        "had_time(snapshot, server, set()) and _list_shown(snapshot) <= {*key_ids(own.trusted)}",
        "had_time(snapshot, server, set())",
        _EXPLORED,
    ),
    Mutant(
        "issuer: is forgotten while it still issues",
        _MACHINE,
        "is_gone",
        "is_written_by_issuer(snapshot, server.name)",
        "False",
        _EXPLORED,
    ),
    Mutant(
        "issuer: members go before clients",
        _MACHINE,
        "are_clients_own",
        "own and all((had_time(snapshot, one, trusted) for one in clients))",
        "True",
        _EXPLORED,
    ),
    Mutant(
        "issuer: asks before the stage is on record",
        "core/certificates/cert_manager_rule.py",
        "request_from_cert_manager",
        "recorded not in (None, naming.issuer_stage)",
        "False",
        _EXPLORED,
    ),
    Mutant(
        "issuer: is signed over while it still issues",
        "core/certificates/rule.py",
        "_act_on_leaves",
        "live and live.deleting or is_written_by_issuer(snapshot, leaf.secret)",
        "live and live.deleting",
        _EXPLORED,
    ),
    Mutant(
        "issuer: lets age tell nothing of what clients trust",
        "core/certificates/rule.py",
        "_act_on_leaves",
        "_why_issue(leaf, live, signer, lifetime) or _why_tell(leaf, live, authority, trusted)",
        "_why_issue(leaf, live, signer, lifetime)",
        _EXPLORED,
    ),
    Mutant(
        "issuer: forgets on the way what members were told",
        "core/certificates/client_trust.py",
        "client_trust",
        "(*before, *(theirs or ()), *own.trusted)",
        "(*(theirs or ()), *own.trusted)",
        _EXPLORED,
    ),
    Mutant(
        "issuer: asks for what cert-manager takes for issued",
        "core/certificates/cert_manager_objects.py",
        "_find_key_size",
        "is_signed_by_own(snapshot, snapshot.credentials.get(leaf.secret))",
        "False",
        _EXPLORED,
    ),
    Mutant(
        "issuer: takes the CA of an earlier Certificate",
        "core/certificates/cert_manager.py",
        "_find_remains",
        "(live.body.get('status') or {}).get('revision')",
        "True",
    ),
    Mutant(
        "guard: lets an issuer serve whom clients do not trust",
        _GUARD,
        "refuse_untrusted_issuer",
        "f'{deaf[0]} does not trust the CA of the issuer yet' if deaf else None",
        "None",
        _EXPLORED,
    ),
    Mutant(
        "guard: lets clients trust an issuer alone too early",
        _GUARD,
        "refuse_untrusted_issuer",
        "live.name == naming.client_secret",
        "False",
        _EXPLORED,
    ),
    Mutant(
        "guard: lets the gate forget whose certificates are shown",
        _GUARD,
        "refuse_forgotten_issuer",
        "gone & shown",
        "False",
        _EXPLORED,
    ),
    Mutant(
        "guard: lets the gate forget who may still issue",
        _GUARD,
        "refuse_forgotten_issuer",
        "left or not issuing",
        "True",
        _EXPLORED,
    ),
    Mutant(
        "guard: lets clients forget whom members show",
        _GUARD,
        "refuse_disbelief",
        "believed - known",
        "False",
        _EXPLORED,
    ),
    Mutant(
        "guard: lets be signed what an issuer writes over",
        _GUARD,
        "refuse_beside_issuer",
        "secret in written",
        "False",
        _EXPLORED,
    ),
)
