"""Kinds of tokens: by what a member gave, and by what members are set to give."""

from __future__ import annotations

import pytest

from etcd_operator.core.auth.tokens import TokenKind, read_setting_kind, read_token_kind


@pytest.mark.parametrize(
    ("token", "kind"),
    [("mDHpVIBXlAVXXZqL.19", "simple"), ("eyJhbGciOiJSUzI1NiJ9.eyJyIjo0fQ.c2ln", "jwt")],
)
def test_a_signed_token_has_three_parts(token: str, kind: TokenKind) -> None:
    assert read_token_kind(token) == kind


@pytest.mark.parametrize(
    ("setting", "kind"),
    [("", "simple"), ("simple", "simple"), ("jwt,priv-key=/k,sign-method=RS256", "jwt")],
)
def test_the_setting_begins_with_the_kind(setting: str, kind: TokenKind) -> None:
    assert read_setting_kind(setting) == kind
