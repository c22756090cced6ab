"""DNS names and IP addresses, as fields of a spec have them."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Final

from pydantic import Field

LONGEST_NAME: Final = 253
HostName = Annotated[str, Field(max_length=LONGEST_NAME)]


def is_ip_address(text: str) -> bool:
    """Whether this is an address of IPv4 or IPv6."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
