"""Who the operator is to members. Alone in a module: a step of a Job needs no more than that."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Identity:
    """How the operator shows itself to members, and whom it believes; all PEM."""

    roots: str
    certificate: str
    key: str = field(repr=False)
