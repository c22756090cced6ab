"""Tokens of etcd: what a member gives to who logs in with a password.

By default a member keeps tokens in memory, and tells each to the others as it gives it. Signed ones
(JSON Web Tokens) are known to who has the key. A member of one kind refuses tokens of the other.
Source: `tokenSimple.assign` and `tokenJWT.assign` in etcd's server/auth.
"""

from __future__ import annotations

from typing import Final, Literal

TokenKind = Literal["simple", "jwt"]

# The setting of etcd that says which kind, and for signed ones the key.
TOKEN_SETTING: Final = "auth-token"  # noqa: S105 (the name of a setting)


def read_token_kind(token: str) -> TokenKind:
    """Which kind a token is of: a signed one has three parts."""
    return "jwt" if token.count(".") == 2 else "simple"


def read_setting_kind(setting: str) -> TokenKind:
    """Which kind members give by their setting `auth-token`; empty is etcd's default."""
    return "jwt" if setting.partition(",")[0].strip() == "jwt" else "simple"
