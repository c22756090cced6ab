"""Identity of the operator to members. Alone in a module: a Job's step needs no more than that."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Identity:
    """How the operator shows itself to members, and whom it believes; all PEM.

    Without certificate and key it shows none, where members ask for none.
    """

    roots: str
    certificate: str
    key: str = field(repr=False)
