"""Names of images: which one it is, whatever is pushed to the registry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from etcd_operator.api.kept_text import KeptText
from etcd_operator.api.release import Version

_NAME: Final = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REGISTRY: Final = "[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?/"
_TAG, _DIGEST = ":[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", "@sha256:[0-9a-f]{64}"
# For Python and for CEL.
IMAGE_FORM: Final = f"(?:{_REGISTRY})?{_NAME}(?:/{_NAME})*(?:{_TAG}(?:{_DIGEST})?|{_DIGEST})"
# What a tag begins with that is a version of etcd's.
TAGGED_VERSION: Final = ":v?3[.][0-9]{1,3}[.][0-9]{1,3}"
IMAGE_REMEDY: Final = (
    "not the whole name of an image: add the tag or the digest, as in registry.k8s.io/etcd:3.6.4-0"
)


@dataclass(frozen=True, slots=True)
class Image(KeptText):
    """An image as it is named, such as `registry.k8s.io/etcd:3.6.4-0`, or any text in its place."""

    longest: ClassVar[int] = 512
    shown: ClassVar[int] = 512

    @property
    def is_whole(self) -> bool:
        """Whether it names one image: with a tag, a digest or both."""
        return re.fullmatch(IMAGE_FORM, self.text) is not None

    @property
    def tag(self) -> str:
        """The tag; empty without one."""
        named = self.text.partition("@")[0]
        return named.rpartition("/")[2].partition(":")[2]

    @property
    def version(self) -> Version:
        """The version of etcd by the tag; without a tag it is unknown, unlike that of no image."""
        return Version(self.tag or self.text)

    @property
    def tagged_number(self) -> str:
        """The version that the tag begins with, without a leading v; empty for none."""
        found = re.match(TAGGED_VERSION, f":{self.tag}")
        return found[0].lstrip(":v") if found else ""

    def __bool__(self) -> bool:
        """Whether anything is named: an empty text says the same as no field."""
        return bool(self.text)
