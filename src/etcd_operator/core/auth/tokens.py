"""Tokens of etcd: what a member gives to who logs in with a password.

By default a member keeps tokens in memory, and tells each to the others as it gives it. Signed ones
(JSON Web Tokens) are known to who has the key. A member of one kind refuses tokens of the other.
Source: `tokenSimple.assign` and `tokenJWT.assign` in etcd's server/auth.
"""

from __future__ import annotations

from typing import Final, Literal

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.api.signed_tokens import TOKEN_SETTING

TokenKind = Literal["simple", "jwt"]

# Where members have the key.
KEY_MOUNT: Final = "/etc/etcd-tls/token"
KEY_VOLUME: Final = "token-key"


def find_token_setting(spec: EtcdClusterSpec) -> str:
    """Return the setting of etcd that says which kind members give, and for signed ones the key.

    Empty for etcd's default.
    """
    jwt = spec.auth.jwt if spec.auth else None
    if jwt is not None:
        key = f"{KEY_MOUNT}/{jwt.key_file}"
        return f"jwt,priv-key={key},sign-method={jwt.sign_method},ttl={jwt.lifetime}"
    config = spec.etcd_config
    return ((config.extra_args if config else None) or {}).get(TOKEN_SETTING, "")


def read_token_kind(token: str) -> TokenKind:
    """Which kind a token is of: a signed one has three parts."""
    return "jwt" if token.count(".") == 2 else "simple"


def read_setting_kind(setting: str) -> TokenKind:
    """Which kind members give by their setting `auth-token`; empty is etcd's default."""
    return "jwt" if setting.partition(",")[0].strip() == "jwt" else "simple"
