"""Versions of etcd as numbers."""

from __future__ import annotations

import re
from typing import Final

Release = tuple[int, int, int]
Minor = tuple[int, int]

# What follows the numbers is a pre-release, or a vendor's own count.
_FORM: Final = re.compile(
    r"v?([0-9]{1,4})[.]([0-9]{1,4})[.]([0-9]{1,4})(?:[-+][0-9A-Za-z.+_-]{1,100})?"
)

# The minor versions that the tests run with.
TESTED_MINORS: Final[tuple[Minor, ...]] = ((3, 5), (3, 6), (3, 7))

# Before this one of 3.5, members that were removed may come back with 3.6, which reads its members
# from the other of two stores. Source: etcd's blog "Upgrade to v3.5.26 or later before v3.6".
SAFE_FOR_36: Final[Release] = (3, 5, 26)

# The only step down that is carried out.
DOWN_FROM: Final[Minor] = (3, 6)
DOWN_TO: Final[Minor] = (3, 5)


def parse_release(text: str) -> Release | None:
    """Return a version such as `3.6.16` or `v3.6.16-1` as numbers, None if it is none."""
    found = _FORM.fullmatch(text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def parse_minor(text: str) -> Minor:
    """Return the major and minor version, such as (3, 6); (0, 0) if the text is no version."""
    release = parse_release(text)
    return release[:2] if release else (0, 0)
