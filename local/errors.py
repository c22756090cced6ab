"""What may go wrong on purpose."""

from __future__ import annotations


class LocalError(Exception):
    """A sentence for the user: what is wrong, and what helps."""
