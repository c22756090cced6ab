"""Cases that every run of all unit tests tries, and `make test-fast` does not."""

from __future__ import annotations

from typing import Any

import pytest


def exhaustive(*cases: Any) -> list[Any]:
    """More cases of a kind that is tried anyway, for a test with one parameter."""
    return [pytest.param(case, marks=pytest.mark.exhaustive) for case in cases]
