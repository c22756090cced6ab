"""Versions of etcd as numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from etcd_operator.api.kept_text import KeptText

Release = tuple[int, int, int]
Minor = tuple[int, int]

# What follows the numbers is a pre-release, or a vendor's own count.
_FORM: Final = re.compile(
    r"v?([0-9]{1,4})[.]([0-9]{1,4})[.]([0-9]{1,4})(?:[-+][0-9A-Za-z.+_-]{1,100})?"
)

# A version as manifests have it, which the tag of a published image is as well.
VERSION_FORM: Final = re.compile(r"v?3\.[0-9]{1,3}\.[0-9]{1,3}")

# The newest release of each minor version that the tests run with: what an upgrade goes through
# where nobody has listed images.
TESTED_RELEASES: Final[tuple[Release, ...]] = ((3, 5, 35), (3, 6, 16), (3, 7, 3))
TESTED_MINORS: Final[tuple[Minor, ...]] = tuple(release[:2] for release in TESTED_RELEASES)

# Before this one of 3.5, members that were removed may come back with 3.6, which reads its members
# from the other of two stores. Source: etcd's blog "Upgrade to v3.5.26 or later before v3.6".
SAFE_FOR_36: Final[Release] = (3, 5, 26)

# From this one on etcd reads from its file the common names that members may have: a list. Source:
# `allowed-cn` in etcd's CHANGELOG-3.5, v3.5.14 (as one name) and v3.5.15.
READS_ALLOWED_NAMES: Final[Release] = (3, 5, 15)

# From which minor version etcd goes back, and to which: its downgrade came with 3.6.
STEPS_DOWN: Final[Mapping[Minor, Minor]] = {(3, 6): (3, 5), (3, 7): (3, 6)}


@dataclass(frozen=True, slots=True)
class Version(KeptText):
    """A version such as `3.6.16`, `v3.6.16` or `3.6.16-1`, and any text that stands in its place.

    `release` is None where the text is no version.
    """

    longest: ClassVar[int] = 32
    shown: ClassVar[int] = 80

    release: Release | None = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Parse the text, once."""
        found = _FORM.fullmatch(self.text)
        release = (int(found[1]), int(found[2]), int(found[3])) if found else None
        object.__setattr__(self, "release", release)

    @property
    def minor(self) -> Minor:
        """Major and minor version, such as (3, 6); (0, 0) if the text is no version."""
        return self.release[:2] if self.release else (0, 0)

    @property
    def is_plain(self) -> bool:
        """Whether it is the numbers and no more, as in manifests."""
        return VERSION_FORM.fullmatch(self.text) is not None

    @property
    def number(self) -> str:
        """The text without a leading v, as etcd says it."""
        return self.text.removeprefix("v")

    @property
    def tag(self) -> str:
        """The tag of the published image, which has a leading v."""
        return f"v{self.number}"

    @staticmethod
    def name_minor(minor: Minor) -> str:
        """A minor version as etcd's downgrade wants it, such as `3.6`."""
        return f"{minor[0]}.{minor[1]}"

    @classmethod
    def of(cls, release: Release) -> Version:
        """Return the version with these numbers."""
        return cls(".".join(map(str, release)))


NO_VERSION: Final = Version("")
