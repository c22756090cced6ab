"""What the API server says of a change that is not made, and of one that is."""

from __future__ import annotations

import asyncio

import pytest

from etcd_operator.errors import Forbidden, Invalid, KubeError, KubeUnavailable
from etcd_operator.plugin.dry_run import Judgement, ask_server
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.session import explain, find_exit
from etcd_operator.plugin.user_api import read_warnings

NO_RIGHT = (
    'etcdclusters.etcd.etcd.io is forbidden: User "jo" cannot patch resource "etcdclusters" in API '
    'group "etcd.etcd.io" in the namespace "team"'
)
DENIED = 'admission webhook "policy.example.com" denied the request: no etcd on Fridays'
QUOTA = "etcdclusters is forbidden: exceeded quota: few, requested: count=1, used: 3, limited: 3"
NO_DRY_RUN = 'admission webhook "policy.example.com" does not support dry run'


def judge(error: KubeError) -> Judgement:
    """What is made of an answer of the API server."""

    async def answer() -> tuple[str, ...]:
        raise error

    return asyncio.run(ask_server("patch", answer()))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Forbidden(NO_RIGHT, 403), "without the right to patch EtcdClusters it was not asked"),
        (Invalid(NO_DRY_RUN, 400), "it could not be asked: admission webhook"),
    ],
)
def test_where_it_cannot_be_asked_that_is_said(error: KubeError, said: str) -> None:
    (assumed,) = judge(error).assumed
    assert said in assumed


@pytest.mark.parametrize(
    "error", [Forbidden(DENIED, 403), Forbidden(QUOTA, 403), Invalid("spec.size: no", 422)]
)
def test_what_admission_and_quotas_refuse_is_no_missing_right(error: KubeError) -> None:
    with pytest.raises(PluginError, match="The API server refuses it: ") as refused:
        judge(error)
    assert refused.value.code is Exit.INVALID
    assert find_exit(error) is Exit.INVALID
    assert explain(error) == str(refused.value)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Forbidden("Unauthorized", 401), Exit.FORBIDDEN),
        (KubeUnavailable("connection refused"), Exit.UNREACHABLE),
    ],
)
def test_who_is_unknown_or_has_no_connection_has_no_preview(error: KubeError, code: Exit) -> None:
    with pytest.raises(type(error)):
        judge(error)
    assert find_exit(error) is code


@pytest.mark.parametrize(
    ("headers", "texts"),
    [
        ((), ()),
        (('299 - "unknown field \\"spec.sise\\""',), ('unknown field "spec.sise"',)),
        (('299 - "a, b", 299 kube "c"', '299 - "d"'), ("a, b", "c", "d")),
        (("no warning",), ()),
    ],
)
def test_warnings_are_read_from_their_headers(
    headers: tuple[str, ...], texts: tuple[str, ...]
) -> None:
    assert read_warnings(headers) == texts
