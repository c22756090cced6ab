"""Users of a cluster without TLS for clients, and the accounts that the operator has there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.client_tls import ClientTls
from etcd_operator.api.cluster import Phase
from etcd_operator.api.security import Auth
from etcd_operator.core import guards
from etcd_operator.core.actions import ApplyObject, ChangeAuth, CreatePasswordSecret
from etcd_operator.core.auth.diff import find_changes, wanted_auth
from etcd_operator.core.auth.login import find_account_of_jobs, find_accounts
from etcd_operator.core.auth.rule import report_authentication_off, sync_auth
from etcd_operator.core.auth.state import (
    OPERATOR_USER,
    Change,
    EtcdAuth,
    PasswordSecret,
    PasswordState,
    Step,
)
from etcd_operator.core.certificates.rule import (
    refuse_foreign_secrets,
    wait_for_client_certificates,
)
from etcd_operator.core.model.client_tls import CLIENT
from etcd_operator.core.model.naming import ANNOTATION_TLS
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention, routine
from tests.builders.actions import SAID, Fires, Passes, flags
from tests.builders.certificates import issue_all, secured
from tests.builders.snapshots import (
    CLUSTER_ID,
    UID,
    change_child,
    formed,
    pod,
    with_spec,
    with_status,
    without_status,
)

OFF, PERMISSIVE, STRICT = ClientTls
WANTED, OTHER, NONE = PasswordState
OWN, ROOT, WEB = "db-operator-password", "db-root-password", "web-password"
USERS = [{"name": "web", "roles": ["app"], "passwordSecret": WEB}]
AUTH: dict[str, Any] = {"roles": [{"name": "app"}], "users": USERS}
SECRETS = {name: PasswordSecret(name, f"u-{name}", "1", owner_uid=UID) for name in (OWN, ROOT, WEB)}
ALL_WANTED = {"web": WANTED, "root": WANTED, OPERATOR_USER: WANTED}
TLS = {"peerTLSEnabled": False}


def plain(
    known: EtcdAuth | None, secrets: Mapping[str, PasswordSecret] = SECRETS, **auth: Any
) -> Snapshot:
    """A healthy cluster in plain text with these wishes, and what its etcd knows."""
    scene = with_spec(formed(3), security={"auth": {**AUTH, **auth}})
    return replace(scene, access=known, passwords=dict(secrets))


def knows(*, enabled: bool = True, **passwords: PasswordState) -> EtcdAuth:
    """All as wished but for these passwords; `own` is the operator's."""
    scene = plain(None)
    spec, naming = scene.cluster.spec, scene.naming
    auth = spec.auth
    assert auth
    own = passwords.pop("own", WANTED)
    states = {**ALL_WANTED, OPERATOR_USER: own, **passwords}
    known = wanted_auth(auth, find_accounts(spec, naming))
    return replace(known, enabled=enabled, passwords=states if enabled else {})


def without(known: EtcdAuth, user: str) -> EtcdAuth:
    """The same without a user."""
    left = {k: v for k, v in known.users.items() if k != user}
    return replace(known, users=left, passwords={k: known.passwords[k] for k in left})


def with_tls(known: EtcdAuth, *modes: ClientTls, mode: ClientTls = PERMISSIVE) -> Snapshot:
    """A cluster with TLS for clients in this mode, whose members serve so."""
    tls = {**TLS, "clientTLSMode": mode.value} if mode.tls else {**TLS, "clientTLSEnabled": False}
    begun = STRICT if mode is STRICT else PERMISSIVE
    scene = secured(3, **TLS, clientTLSMode=begun.value)
    scene = with_spec(scene, security={"tls": tls, "auth": AUTH})
    scene = issue_all(scene) if mode.tls else scene
    pods = [replace(p, client_tls=m) for p, m in zip(scene.pods, modes, strict=True)]
    return replace(scene, pods=tuple(pods), access=known, passwords=dict(SECRETS))


BASIC = "its type is not kubernetes.io/basic-auth"
UNUSABLE = {**SECRETS, ROOT: replace(SECRETS[ROOT], problem=BASIC)}
UNUSABLE_LATER = plain(knows(), UNUSABLE)

FIRES = (
    Fires(
        "etcd lets everybody in for want of a password of the operator's",
        report_authentication_off,
        with_status(plain(EtcdAuth(), UNUSABLE), phase="Creating"),
        attention.AUTHENTICATION_OFF,
        "Authentication is not enabled, and every client may read and write, because the operator "
        f"could not log in any more. Secret {ROOT} cannot be used: {BASIC}. Correct it, or delete "
        "it to have a random password.",
        Phase.RUNNING,
        (),
        flags("blocked"),
    ),
    Fires(
        "passwords are made before anybody needs them",
        sync_auth,
        plain(EtcdAuth(), {}),
        routine.SYNCING_AUTH,
        f"Creating passwords of users: Secret {OWN}, {ROOT}, {WEB}.",
        Phase.RUNNING,
        (f"password {OWN}", f"password {ROOT}", f"password {WEB}"),
    ),
    Fires(
        "the operator can log in before anybody has to",
        sync_auth,
        plain(EtcdAuth()),
        routine.SYNCING_AUTH,
        SAID,
        Phase.RUNNING,
        (
            "Created the role app",
            f"Created the user {OPERATOR_USER}",
            f"Granted the role root to the user {OPERATOR_USER}",
            "Created the user root",
            "Granted the role root to the user root",
            "Created the user web",
            "Granted the role app to the user web",
            "Enabled authentication",
        ),
    ),
    Fires(
        "nobody knows whether they have the passwords, or can have one",
        sync_auth,
        plain(knows(enabled=False)),
        routine.SYNCING_AUTH,
        SAID,
        Phase.RUNNING,
        (
            f"Created the user {OPERATOR_USER} anew, with a password",
            f"Granted the role root to the user {OPERATOR_USER}",
            "Created the user root anew, with a password",
            "Granted the role root to the user root",
            "Set the password of the user web to that in Secret web-password",
            "Enabled authentication",
        ),
    ),
    Fires(
        "another password of root, while the operator is its own user",
        sync_auth,
        plain(knows(root=OTHER)),
        routine.SYNCING_AUTH,
        SAID,
        Phase.RUNNING,
        (f"Set the password of the user root to that in Secret {ROOT}",),
    ),
    Fires(
        "another password of its own, while the operator is root",
        sync_auth,
        plain(knows(own=OTHER)),
        routine.SYNCING_AUTH,
        SAID,
        Phase.RUNNING,
        (f"Set the password of the user {OPERATOR_USER} to that in Secret {OWN}",),
    ),
    Fires(
        "users of others, taken over with root's password",
        sync_auth,
        plain(without(knows(), OPERATOR_USER), mode="Additive"),
        routine.SYNCING_AUTH,
        SAID,
        Phase.RUNNING,
        (
            f"Created the user {OPERATOR_USER}",
            f"Granted the role root to the user {OPERATOR_USER}",
        ),
    ),
    Fires(
        "on the way to plain text, before any member is without TLS",
        sync_auth,
        with_tls(without(knows(root=NONE), OPERATOR_USER), *[PERMISSIVE] * 3),
        routine.SYNCING_AUTH,
        SAID,
        Phase.RUNNING,
        (
            f"Created the user {OPERATOR_USER}",
            f"Granted the role root to the user {OPERATOR_USER}",
        ),
    ),
    Fires(
        "every member knows the operator by its certificate",
        sync_auth,
        with_tls(knows(), *[STRICT] * 3, mode=STRICT),
        routine.SYNCING_AUTH,
        SAID,
        Phase.RUNNING,
        (f"Deleted the user {OPERATOR_USER}",),
    ),
    Fires(
        "a Secret of its name that somebody else wrote",
        refuse_foreign_secrets,
        plain(EtcdAuth(), {**SECRETS, OWN: replace(SECRETS[OWN], owner_uid="else")}),
        attention.SECRET_NAME_TAKEN,
        f"Secret {OWN} exists and does not belong to this EtcdCluster: delete it or choose "
        "another name for the cluster.",
        Phase.RUNNING,
        (),
        frozenset({"blocked", "no corrections"}),
    ),
)
PASSES = (
    Passes("nobody is kept out by it", report_authentication_off, UNUSABLE_LATER),
    Passes("it is about to be enabled", report_authentication_off, plain(EtcdAuth())),
    Passes("nobody asks for it", report_authentication_off, plain(EtcdAuth(), {}, enabled=False)),
    Passes("all is as wished", sync_auth, plain(knows())),
    Passes("etcd gives a root without a password none", sync_auth, plain(knows(root=NONE))),
    Passes(
        "authentication waits for a password that can be used",
        sync_auth,
        plain(EtcdAuth(), {**SECRETS, ROOT: replace(SECRETS[ROOT], problem="it is empty")}),
    ),
    Passes(
        "the last member with plain text still needs it",
        sync_auth,
        with_tls(knows(), STRICT, STRICT, PERMISSIVE, mode=STRICT),
    ),
    Passes(
        "a Secret that the spec names may be anybody's",
        refuse_foreign_secrets,
        plain(EtcdAuth(), {"mine": PasswordSecret("mine", "u", "1")}, rootPasswordSecret="mine"),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


@pytest.mark.parametrize(
    ("security", "serve", "accounts"),
    [
        ({}, OFF, []),
        ({"auth": {}}, OFF, [(OPERATOR_USER, OWN), ("root", ROOT)]),
        ({"auth": {"rootPasswordSecret": "r"}}, OFF, [(OPERATOR_USER, OWN), ("root", "r")]),
        ({"auth": {"mode": "Unmanaged", "rootPasswordSecret": "r"}}, OFF, [("root", "r")]),
        ({"auth": {}, "tls": {"clientTLSMode": "Permissive"}}, PERMISSIVE,
         [(OPERATOR_USER, OWN), ("root", ROOT)]),
        ({"auth": {}, "tls": {}}, PERMISSIVE, [(OPERATOR_USER, OWN)]),
        ({"auth": {}, "tls": {}}, STRICT, []),
    ],
)  # fmt: skip
def test_the_operator_logs_in_where_a_member_serves_plain_text(
    security: dict[str, Any], serve: ClientTls, accounts: list[tuple[str, str]]
) -> None:
    scene = with_spec(formed(1), security=security)
    found = find_accounts(scene.cluster.spec, scene.naming, [pod(0, client_tls=serve)])
    assert [(account.user, account.secret) for account in found] == accounts
    if serve is OFF:
        job = find_account_of_jobs(scene.cluster)
        assert job == (found[0] if found else None), "Jobs are who the operator is first"


def test_members_keep_tls_until_they_would_let_the_operator_in() -> None:
    early = with_tls(without(knows(root=NONE), OPERATOR_USER), *[PERMISSIVE] * 3, mode=OFF)
    made = plan(early)
    assert made.snapshot.rendered_spec.client_tls_mode is PERMISSIVE
    decision = wait_for_client_certificates(made.snapshot)
    assert decision
    assert decision.reason is attention.LOGIN_NOT_READY
    assert OWN in decision.message
    bare = knows(root=NONE)
    bare = replace(bare, users={**bare.users, OPERATOR_USER: frozenset()})
    created = plan(replace(early, access=bare))
    assert created.snapshot.rendered_spec.client_tls_mode is PERMISSIVE, "it has no role yet"
    unknown = plan(replace(early, access=None))
    assert unknown.snapshot.rendered_spec.client_tls_mode is PERMISSIVE
    for known in (knows(root=NONE), EtcdAuth(enabled=False)):
        late = plan(replace(early, access=known))
        assert late.snapshot.rendered_spec.client_tls_mode is OFF


def test_nor_do_they_lose_it_while_they_are_stopped() -> None:
    """They would start without it, and etcd has kept that it asks for users."""
    running = with_tls(without(knows(root=NONE), OPERATOR_USER), *[PERMISSIVE] * 3, mode=OFF)
    stopped = replace(running, pods=(), probes={}, membership=None, access=None)
    assert plan(stopped).snapshot.rendered_spec.client_tls_mode is PERMISSIVE
    unformed = without_status(stopped)
    for kind, name in (("ConfigMap", "db-config"), ("StatefulSet", "db")):
        body = {"metadata": {"annotations": {ANNOTATION_TLS: "client,permissive"}}}
        unformed = change_child(unformed, kind, name, body=body)
    assert unformed.recorded_cluster_id is None
    assert plan(unformed).snapshot.rendered_spec.client_tls_mode is OFF, "etcd has no users yet"


def test_the_guard_takes_tls_from_no_member_that_would_not_let_the_operator_in() -> None:
    scene = with_tls(knows(), *[PERMISSIVE] * 3, mode=OFF)
    (gate,) = (
        a for a in plan(scene).actions if isinstance(a, ApplyObject) and a.kind == "ConfigMap"
    )
    assert CLIENT not in gate.manifest["metadata"]["annotations"].get("etcd.etcd.io/tls", "")
    assert guards.refuse(gate, scene) is None
    assert guards.refuse(gate, replace(scene, access=EtcdAuth())) is None
    stopped = replace(scene, pods=(), probes={}, membership=None, access=None)
    assert "would not let the operator in" in (guards.refuse(gate, stopped) or "")
    bare = replace(knows(), users={**knows().users, OPERATOR_USER: frozenset()})
    for known in (None, knows(own=OTHER), without(knows(), OPERATOR_USER), bare):
        assert "would not let the operator in" in (
            guards.refuse(gate, replace(scene, access=known)) or ""
        )


def change(step: Step, user: str, secret: str = "") -> ChangeAuth:
    """A step with a user that gets the password in this Secret."""
    given = PasswordSecret(secret, "u", "1") if secret else None
    return ChangeAuth(Change(step, user, "root", secret=given), CLUSTER_ID)


@pytest.mark.parametrize("user", ["root", OPERATOR_USER])
def test_the_guard_keeps_both_ways_in(user: str) -> None:
    scene, secret = plain(knows()), ROOT if user == "root" else OWN
    lost = f"the operator would lose its access as etcd's user {user}"
    for refused in (
        change(Step.DELETE_USER, user),
        change(Step.TAKE_ROLE, user),
        change(Step.SET_LOGIN, user, "another"),
        change(Step.RECREATE_USER, user),
        change(Step.ADD_USER, user),
    ):
        assert guards.refuse(refused, scene) == lost
    assert guards.refuse(change(Step.SET_LOGIN, user, secret), scene) is None
    assert guards.refuse(change(Step.ADD_USER, user, secret), scene) is None
    off = replace(scene, access=EtcdAuth())
    assert guards.refuse(change(Step.RECREATE_USER, user, secret), off) is None
    anew = guards.refuse(change(Step.RECREATE_USER, user, secret), scene)
    assert anew == (lost if user == "root" else None), "etcd deletes root while it is off alone"


def test_the_guard_lets_its_own_user_go_with_the_last_plain_text() -> None:
    delete = change(Step.DELETE_USER, OPERATOR_USER)
    assert guards.refuse(delete, with_tls(knows(), *[STRICT] * 3, mode=STRICT)) is None
    late = with_tls(knows(), STRICT, PERMISSIVE, STRICT, mode=STRICT)
    assert guards.refuse(delete, late) is not None


def test_the_guard_creates_the_secrets_of_both() -> None:
    scene = plain(EtcdAuth(), {})
    for name in (OWN, ROOT):
        assert guards.refuse(CreatePasswordSecret(name, "root"), scene) is None
        assert guards.refuse(CreatePasswordSecret(name, "root"), plain(EtcdAuth())) is not None
        theirs = plain(EtcdAuth(), {}, mode="Unmanaged")
        assert guards.refuse(CreatePasswordSecret(name, "root"), theirs) is not None
    named = plain(EtcdAuth(), {}, rootPasswordSecret="mine")
    assert guards.refuse(CreatePasswordSecret("mine", "root"), named) is None
    assert guards.refuse(CreatePasswordSecret(ROOT, "root"), named) is not None


def test_authentication_is_enabled_when_the_operator_has_a_password() -> None:
    enable = ChangeAuth(Change(Step.ENABLE), CLUSTER_ID)
    assert guards.refuse(enable, plain(EtcdAuth())) is None
    for broken in ({}, {OWN: replace(SECRETS[OWN], problem="it is empty")}):
        assert "would not let the operator in" in (
            guards.refuse(enable, plain(EtcdAuth(), broken)) or ""
        )


def test_turning_it_off_needs_no_password() -> None:
    assert find_changes(plain(knows(), {}, enabled=False)) == (Change(Step.DISABLE),)
    assert Auth().enabled
