"""The mutants of another server certificate: what it waits for, and what the guard lets pass."""

from __future__ import annotations

from typing import Final

from tests.model.mutation import Mutant

_RULE: Final = "core/certificates/exchange.py"
_TRUST: Final = "core/certificates/client_trust.py"
_EXPLORED: Final = ("explored: exchange_phases",)
_HOLDS: Final = (
    "shown == tls.certificate_secret or not _is_usable(snapshot, shown) or _is_known(snapshot)"
)
_MOUNTED: Final = (
    "{snapshot.naming.mounted_server, *(pod.server_certificate for pod in snapshot.pods)}"
)
_TOLD: Final = "snapshot.naming.issuer_stage.phase is not IssuerPhase.OWN or not signers <= told"

EXCHANGE: Final = (
    Mutant(
        "exchange: shows the new certificate before clients had time",
        _RULE,
        "_is_known",
        "all((had_time(snapshot, one, signers) for one in list_clients(snapshot)))",
        "True",
    ),
    Mutant(
        "exchange: shows the new certificate before members are told of its CA",
        _RULE,
        "_is_known",
        _TOLD,
        "snapshot.naming.issuer_stage.phase is not IssuerPhase.OWN",
    ),
    Mutant(
        "exchange: goes before what an issuer has signed",
        _RULE,
        "_is_known",
        _TOLD,
        "not signers <= told",
    ),
    Mutant(
        "exchange: shows a certificate that cannot work",
        _RULE,
        "_is_known",
        "not signers or find_users_problem(snapshot)",
        "not signers",
    ),
    Mutant(
        "exchange: waits beside one that is of no use",
        _RULE,
        "hold_certificate",
        _HOLDS,
        "shown == tls.certificate_secret or _is_known(snapshot)",
    ),
    Mutant(
        "exchange: forgets who signed what the last members show",
        _TRUST,
        "list_mounted",
        _MOUNTED,
        "{snapshot.naming.mounted_server}",
        _EXPLORED,
    ),
    Mutant(
        "exchange: forgets who signed what members may come to show",
        _TRUST,
        "list_mounted",
        _MOUNTED,
        "{pod.server_certificate for pod in snapshot.pods}",
        _EXPLORED,
    ),
    Mutant(
        "exchange: restarts members for a certificate that cannot be used",
        _TRUST,
        "_users_trust",
        "_is_exchanged(snapshot) and find_users_problem(snapshot)",
        "False",
        _EXPLORED,
    ),
    Mutant(
        "exchange: takes the user's Secret for a stranger's",
        "core/certificates/wanted.py",
        "own_credentials",
        "name in used",
        "name not in others",
    ),
    Mutant(
        "issuer: is never forgotten beside a certificate of the user's",
        "core/certificates/issuer_machine.py",
        "is_gone",
        "not change.wanted and _show_users(snapshot)",
        "False",
        _EXPLORED,
    ),
    Mutant(
        "exchange: shows what no CA that clients have verifies",
        "core/certificates/users_certificate.py",
        "_find_signing_problem",
        "live.is_verified_by((*theirs, *(own.trusted if own else ())))",
        "True",
    ),
    Mutant(
        "guard: lets members show what no CA that clients have verifies",
        "core/certificates/exchange_guard.py",
        "refuse_unknown_certificate",
        "asked and (not asked.is_verified_by((*authority.trusted, *(own.trusted if own else ()))))",
        "False",
    ),
    Mutant(
        "guard: lets members show what clients do not trust",
        "core/certificates/exchange_guard.py",
        "refuse_unknown_certificate",
        "f'Secret {deaf[0].name} does not have the CA of the certificate' if deaf else None",
        "None",
        _EXPLORED,
    ),
)
