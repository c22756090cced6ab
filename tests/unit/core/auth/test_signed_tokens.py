"""Signed tokens: the setting, the key that members have, and what cannot be wished for."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_operator.api.validation import find_problems
from etcd_operator.core.auth.tokens import find_token_setting
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.etcd_config import render_configs, render_tuning
from etcd_operator.core.objects.statefulset import render_statefulset
from etcd_operator.core.plan.planner import choose_layout
from etcd_operator.json_types import Json
from tests.builders.snapshots import NAMING, new

AUTH: Json = {"mode": "Unmanaged", "rootPasswordSecret": "root"}
SETTING = "jwt,priv-key=/etc/etcd-tls/token/jwt.key,sign-method=RS256,ttl=10m"


def signing(extra: dict[str, str] | None = None, **jwt: str) -> Snapshot:
    """A cluster whose members sign tokens, if a key is named."""
    auth = {**AUTH, **({"jwt": jwt} if jwt else {})}
    return new(3, security={"auth": auth}, etcdConfig={"extraArgs": extra or {}})


def template(snapshot: Snapshot) -> Json:
    """The Pods' template."""
    layout = choose_layout(snapshot)
    spec: Json = render_statefulset(snapshot.spec, NAMING, layout, None)["spec"]["template"]
    return spec


def test_members_sign_by_the_key_in_the_secret() -> None:
    snapshot = signing(keySecret="key", keyFile="token.pem", lifetime="1h", signMethod="ES256")
    setting = "jwt,priv-key=/etc/etcd-tls/token/token.pem,sign-method=ES256,ttl=1h"
    assert find_token_setting(snapshot.spec) == setting
    for text in render_configs(snapshot.spec, NAMING, choose_layout(snapshot)).values():
        assert f'auth-token: "{setting}"\n' in text
    pod = template(snapshot)["spec"]
    (volume,) = (one for one in pod["volumes"] if one["name"] == "token-key")
    assert volume["secret"] == {"secretName": "key", "defaultMode": 0o440}
    mounts = pod["containers"][0]["volumeMounts"]
    there = {"name": "token-key", "mountPath": "/etc/etcd-tls/token", "readOnly": True}
    assert there in mounts


def test_without_a_key_nothing_is_said_of_tokens() -> None:
    assert render_tuning(signing().spec) == {}
    assert find_token_setting(signing({"auth-token": "simple"}).spec) == "simple"
    assert find_token_setting(signing(keySecret="key").spec) == SETTING


@pytest.mark.parametrize(
    "changes", [{"keySecret": "other"}, {"keyFile": "other"}, {"lifetime": "1h"}]
)
def test_another_key_or_lifetime_is_another_template(changes: dict[str, str]) -> None:
    """etcd reads both only when it starts."""
    before, after = signing(keySecret="key"), signing({}, **{"keySecret": "key", **changes})
    assert template(before) != template(after)


@pytest.mark.parametrize(
    ("jwt", "extra", "field"),
    [
        ({"lifetime": "0s"}, {}, "spec.security.auth.jwt.lifetime"),
        ({"lifetime": "200h"}, {}, "spec.security.auth.jwt.lifetime"),
        ({}, {"auth-token": "simple"}, "spec.etcdConfig.extraArgs.auth-token"),
        ({"keyFile": "../key"}, {}, "spec.security.auth.jwt.keyFile"),
        ({"keyFile": "a,b=c"}, {}, "spec.security.auth.jwt.keyFile"),
    ],
)
def test_what_cannot_be_is_told_by_its_field(
    jwt: dict[str, str], extra: dict[str, Any], field: str
) -> None:
    (problem,) = find_problems(signing(extra, **{"keySecret": "key", **jwt}).cluster)
    assert field in problem.sentence
