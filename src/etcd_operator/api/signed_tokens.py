"""Signed tokens (JSON Web Tokens): what members of etcd give to who logs in, by a key of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from etcd_operator.api.duration import Duration
from etcd_operator.api.model import Model

if TYPE_CHECKING:
    from etcd_operator.api.cluster import EtcdClusterSpec

# etcd's own setting, in `etcdConfig.extraArgs`.
TOKEN_SETTING: Final = "auth-token"  # noqa: S105 (the name of a setting)
TWICE: Final = "and security.auth.jwt both say how tokens are made: remove one of them"
LONGEST_HOURS: Final = 168
LIFE_REMEDY: Final = f"use a length of time such as 10m, at least 1s and at most {LONGEST_HOURS}h"
_NAME = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"

Signing = Literal["RS256", "ES256"]


class SignedTokens(Model):
    """The key by which all members sign tokens, and for how long each counts."""

    key_secret: str = Field(
        min_length=1,
        max_length=253,
        pattern=f"^{_NAME}([.]{_NAME})*$",
        description=(
            "Secret with the private key, in PEM. Members read it when they start: to replace the "
            "key, name another Secret."
        ),
    )
    key_file: str = Field(
        "jwt.key",
        max_length=253,
        pattern="^[A-Za-z0-9][-._A-Za-z0-9]*$",
        description="The key of the Secret whose value is the private key.",
    )
    sign_method: Signing = Field(
        "RS256",
        description="How tokens are signed: RS256 with an RSA key, ES256 with one of P-256.",
    )
    lifetime: Duration = Field(
        Duration("10m"), max_length=16, description="How long a token counts, e.g. 10m."
    )


def check_tokens(spec: EtcdClusterSpec) -> Iterator[tuple[str, str]]:
    """Yield field and sentence of everything that is wrong with signed tokens."""
    jwt = spec.auth.jwt if spec.auth else None
    if jwt is None:
        return
    path = "spec.security.auth.jwt"
    if not timedelta(seconds=1) <= jwt.lifetime.length <= timedelta(hours=LONGEST_HOURS):
        said = f"{path}.lifetime {jwt.lifetime} is not possible: {LIFE_REMEDY}."
        yield f"{path}.lifetime", said
    extra = (spec.etcd_config and spec.etcd_config.extra_args) or {}
    if TOKEN_SETTING in extra:
        field = f"spec.etcdConfig.extraArgs.{TOKEN_SETTING}"
        yield field, f"{field} {TWICE}."
