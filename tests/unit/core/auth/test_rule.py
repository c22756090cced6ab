"""Users and roles of etcd: from what there is to what the spec asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.api.security import Auth, Permission, Security
from etcd_operator.core import guards
from etcd_operator.core.actions import ChangeAuth, CreatePasswordSecret, IssueCertificate
from etcd_operator.core.auth.diff import find_listed, to_grant, wanted_auth
from etcd_operator.core.auth.rule import sync_auth
from etcd_operator.core.auth.state import (
    OPERATOR_USER,
    Change,
    EtcdAuth,
    Grant,
    Listed,
    PasswordSecret,
    PasswordState,
    Step,
)
from etcd_operator.core.certificates.rule import manage_certificates
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import routine
from tests.builders.actions import SAID, Fires, Passes
from tests.builders.certificates import issue_all, secured
from tests.builders.snapshots import CLUSTER_ID, formed, silent, with_spec

AUTH: dict[str, Any] = {
    "roles": [{"name": "app", "permissions": [{"key": "/app/", "prefix": True}]}],
    "users": [{"name": "web", "roles": ["app"]}],
}


def asked(auth: dict[str, Any], known: EtcdAuth | None) -> Snapshot:
    """A healthy cluster with these wishes, and what its etcd knows."""
    scene = issue_all(with_spec(secured(), security={"tls": {}, "auth": auth}))
    return replace(scene, access=known)


def wishes(auth: dict[str, Any]) -> Auth:
    """This part of a spec."""
    read = Security.model_validate({"auth": auth}).auth
    assert read
    return read


def with_password(
    state: PasswordState | None, *, enabled: bool = True, problem: str = "", secret: bool = True
) -> Snapshot:
    """All as wished but for the password of web, of whose login etcd said this."""
    known = replace(DONE, enabled=enabled, passwords={"web": state} if state else {})
    found = {PASSWORD.name: replace(PASSWORD, problem=problem)} if secret else {}
    return replace(asked(SECRET_AUTH, known), passwords=found)


def without_password(state: PasswordState | None) -> Snapshot:
    """All as wished, and the spec has no password for web."""
    return asked(AUTH, replace(DONE, passwords={"web": state} if state else {}))


def done(auth: dict[str, Any]) -> EtcdAuth:
    """All as wished."""
    return wanted_auth(wishes(auth))


PASSWORD = PasswordSecret("web-password", "u", "7")
SECRET_AUTH = {
    **AUTH,
    "users": [{"name": "web", "roles": ["app"], "passwordSecret": "web-password"}],
}
OPEN = EtcdAuth()
DONE = done(AUTH)
MORE = EtcdAuth(
    True,
    {**DONE.users, "old": frozenset(("app",)), "web": frozenset(("app", "old"))},
    {"app": frozenset((Grant("READ", b"/other"),)), "old": frozenset()},
)

FIRES = (
    Fires(
        "all is there before anybody is asked",
        sync_auth,
        asked(AUTH, OPEN),
        routine.SYNCING_AUTH,
        "Updating users and roles: 7 changes left.",
        Phase.RUNNING,
        (
            "Created the role app",
            "Granted the role app permission to read and write all keys that begin with '/app/'",
            "Created the user root",
            "Granted the role root to the user root",
            "Created the user web",
            "Granted the role app to the user web",
            "Enabled authentication",
        ),
    ),
    Fires(
        "what is not wished any more goes",
        sync_auth,
        asked(AUTH, MORE),
        routine.SYNCING_AUTH,
        SAID,
        Phase.RUNNING,
        (
            "Revoked from the role app the permission to read the key '/other'",
            "Granted the role app permission to read and write all keys that begin with '/app/'",
            "Revoked the role old from the user web",
            "Deleted the user old",
            "Deleted the role old",
        ),
    ),
    Fires(
        "turned off",
        sync_auth,
        asked({**AUTH, "enabled": False}, DONE),
        routine.SYNCING_AUTH,
        SAID,
        Phase.RUNNING,
        ("Disabled authentication",),
    ),
    Fires(
        "of users and roles only those listed are the spec's",
        sync_auth,
        asked({**AUTH, "mode": "Additive"}, MORE),
        routine.SYNCING_AUTH,
        SAID,
        Phase.RUNNING,
        (
            "Revoked from the role app the permission to read the key '/other'",
            "Granted the role app permission to read and write all keys that begin with '/app/'",
            "Revoked the role old from the user web",
        ),
    ),
    Fires(
        "a password is made before anybody needs it",
        sync_auth,
        with_password(None, secret=False),
        routine.SYNCING_AUTH,
        "Creating passwords of users: Secret web-password.",
        Phase.RUNNING,
        ("password web-password",),
    ),
    Fires(
        "another password than that of the Secret",
        sync_auth,
        with_password(PasswordState.OTHER),
        routine.SYNCING_AUTH,
        SAID,
        Phase.RUNNING,
        ("Set the password of the user web to that in Secret web-password",),
    ),
    Fires(
        "a user that was created without a password",
        sync_auth,
        with_password(PasswordState.NONE),
        routine.SYNCING_AUTH,
        SAID,
        Phase.RUNNING,
        (
            "Created the user web anew, with a password",
            "Granted the role app to the user web",
        ),
    ),
    Fires(
        "a password that the spec does not want any more",
        sync_auth,
        without_password(PasswordState.OTHER),
        routine.SYNCING_AUTH,
        SAID,
        Phase.RUNNING,
        (
            "Created the user web anew, without a password",
            "Granted the role app to the user web",
        ),
    ),
    Fires(
        "no login tells before anybody is asked",
        sync_auth,
        with_password(None, enabled=False),
        routine.SYNCING_AUTH,
        SAID,
        Phase.RUNNING,
        (
            "Set the password of the user web to that in Secret web-password",
            "Enabled authentication",
        ),
    ),
)
PASSES = (
    Passes("the password of the Secret", sync_auth, with_password(PasswordState.WANTED)),
    Passes("nobody has logged in", sync_auth, with_password(None)),
    Passes("no password, as wished", sync_auth, without_password(PasswordState.NONE)),
    Passes(
        "a Secret that cannot be used",
        sync_auth,
        with_password(PasswordState.OTHER, problem="it has no password"),
    ),
    Passes(
        "off, so nobody needs a password",
        sync_auth,
        asked({**SECRET_AUTH, "enabled": False}, OPEN),
    ),
    Passes("nobody is ours", sync_auth, asked({**AUTH, "mode": "Unmanaged"}, OPEN)),
    Passes(
        "not turned off either",
        sync_auth,
        asked({**AUTH, "mode": "Unmanaged", "enabled": False}, DONE),
    ),
    Passes("nothing is wished", sync_auth, replace(secured(), access=OPEN)),
    Passes("all is as wished", sync_auth, asked(AUTH, DONE)),
    Passes("nobody was asked", sync_auth, asked(AUTH, None)),
    Passes("no quorum", sync_auth, silent(asked(AUTH, OPEN), 0, 1)),
    Passes("off, and never on", sync_auth, asked({"enabled": False}, OPEN)),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


RANGES = {
    ("/app/", True, None): (b"/app/", b"/app0"),
    ("a\x7f", True, None): (b"a\x7f", b"a\x80"),
    ("", True, None): (b"\0", b"\0"),
    ("key", False, None): (b"key", b""),
    ("a", False, "c"): (b"a", b"c"),
}


@pytest.mark.parametrize("case", RANGES, ids=repr)
def test_ranges_are_those_of_etcd(case: tuple[str, bool, str | None]) -> None:
    key, prefix, end = case
    grant = to_grant(Permission(type="read", key=key, prefix=prefix, range_end=end))
    assert (grant.key, grant.range_end) == RANGES[case]


def test_each_user_gets_a_certificate() -> None:
    scene = asked(AUTH, DONE)
    certificate = scene.credentials["db-user-web"].certificate
    assert certificate
    assert certificate.common_name == "web"


@pytest.mark.parametrize("gateway", [True, False])
@pytest.mark.parametrize("password", [True, False])
def test_a_user_that_logs_in_with_json_has_no_name_in_its_certificate(
    *, gateway: bool, password: bool
) -> None:
    """The gateway of etcd refuses clients with a common name: see tests/etcd/test_gateway.py."""
    before = asked(AUTH, DONE)
    auth = SECRET_AUTH if password else AUTH
    security = {"tls": {}, "auth": auth}
    scene = with_spec(before, security=security, etcdConfig={"enableGRPCGateway": gateway})
    found = manage_certificates(scene)
    actions = found.actions if found else ()
    issued = {a.leaf.secret: a for a in actions if isinstance(a, IssueCertificate)}
    assert ("db-user-web" in issued) == (gateway and password)
    if gateway and password:
        assert issued["db-user-web"].leaf.common_name == ""
        assert issued["db-user-web"].why == "its common name has changed"
        assert manage_certificates(issue_all(scene)) is None


def test_the_operator_is_not_locked_out() -> None:
    scene = asked(AUTH, DONE)
    for step in (Step.DELETE_USER, Step.TAKE_ROLE, Step.SET_LOGIN, Step.RECREATE_USER):
        action = ChangeAuth(Change(step, "root", "root"), CLUSTER_ID)
        assert (
            guards.refuse(action, scene) == "the operator would lose its access as etcd's user root"
        )
    enable = ChangeAuth(Change(Step.ENABLE), CLUSTER_ID)
    assert guards.refuse(enable, scene) is None
    assert (
        guards.refuse(enable, formed(3))
        == "members with plain text alone would not let the operator in: it has no password"
    )
    other = ChangeAuth(Change(Step.ENABLE), CLUSTER_ID + 1)
    assert guards.refuse(other, scene) is not None


@pytest.mark.parametrize("step", [Step.DELETE_USER, Step.DELETE_ROLE])
def test_what_others_made_is_theirs_whatever_a_rule_says(step: Step) -> None:
    deletion = ChangeAuth(Change(step, "tenant"), CLUSTER_ID)
    assert guards.refuse(deletion, asked(AUTH, DONE)) is None
    additive = asked({**AUTH, "mode": "Additive"}, DONE)
    assert guards.refuse(deletion, additive) == (
        "spec.security.auth.mode is Additive, and others may have created it"
    )
    addition = ChangeAuth(Change(Step.ADD_USER, "web"), CLUSTER_ID)
    assert guards.refuse(addition, additive) is None
    unmanaged = asked({**AUTH, "mode": "Unmanaged"}, DONE)
    for action in (deletion, addition, ChangeAuth(Change(Step.ENABLE), CLUSTER_ID)):
        assert guards.refuse(action, unmanaged) == "spec.security.auth.mode is Unmanaged"


def test_of_others_users_nothing_is_asked() -> None:
    assert find_listed(wishes({**AUTH, "mode": "Managed"})) is None
    listed = find_listed(wishes({**AUTH, "mode": "Additive"}))
    assert listed == Listed(frozenset(("root", "web", OPERATOR_USER)), frozenset(("app",)))


def test_only_users_of_the_spec_get_a_password() -> None:
    scene = asked({**AUTH, "mode": "Additive"}, DONE)
    for step in (Step.SET_LOGIN, Step.RECREATE_USER):
        tenant = ChangeAuth(Change(step, "tenant", secret=PASSWORD), CLUSTER_ID)
        assert guards.refuse(tenant, scene) == "spec.security.auth.users has no such user"
        web = ChangeAuth(Change(step, "web", secret=PASSWORD), CLUSTER_ID)
        assert guards.refuse(web, scene) is None


def test_only_secrets_that_the_spec_names_are_created() -> None:
    creation = CreatePasswordSecret("web-password", "web")
    absent = with_password(None, secret=False)
    assert guards.refuse(creation, absent) is None
    assert guards.refuse(creation, with_password(None)) == "the Secret exists"
    assert guards.refuse(creation, asked(AUTH, DONE)) == (
        "spec.security.auth.users names no such passwordSecret"
    )
