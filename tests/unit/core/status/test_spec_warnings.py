"""What is said of a spec that will be carried out, and may end badly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.quantity import Quantity
from etcd_operator.core.auth.state import EtcdAuth, PasswordSecret, PasswordState
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import verdicts
from etcd_operator.core.reasons.reason import Reason
from etcd_operator.core.status.report import report
from etcd_operator.core.status.spec_warnings import find_spec_warnings
from etcd_operator.json_types import Json
from tests.builders.snapshots import change_claim, formed, new, with_spec, with_status
from tests.builders.two_disks import change_disk, two_disks

GI = 2**30


def scene(quota: int | None, disk: str, memory: str, **more: Any) -> Snapshot:
    """A cluster with this quota, these disks and this memory."""
    spec: dict[str, Any] = {"storage": {"size": disk, **more}}
    spec["resources"] = {"limits": {"memory": memory} if memory else {"cpu": "1"}}
    if quota is not None:
        spec["etcdConfig"] = {"quotaBackendBytes": quota}
    return new(3, **spec)


@pytest.mark.parametrize(
    ("quota", "disk", "memory", "reasons"),
    [
        (None, "10Gi", "2Gi", []),
        (None, "10Gi", "", []),  # whoever sets no limit has none
        (0, "2Gi", "4Gi", [verdicts.QUOTA_EXCEEDS_DISK]),  # etcd takes 0 for its default
        (None, "2Gi", "4Gi", [verdicts.QUOTA_EXCEEDS_DISK]),
        (None, "2560Mi", "4Gi", []),  # with room for log and snapshots
        (None, "2559Mi", "4Gi", [verdicts.QUOTA_EXCEEDS_DISK]),
        (8 * GI, "1Gi", "16Gi", [verdicts.QUOTA_EXCEEDS_DISK]),
        (8 * GI, "10Gi", "512Mi", [verdicts.QUOTA_EXCEEDS_MEMORY]),
        (8 * GI, "1Gi", "512Mi", [verdicts.QUOTA_EXCEEDS_DISK, verdicts.QUOTA_EXCEEDS_MEMORY]),
        (GI // 2, "1Gi", "512Mi", []),
        (8 * GI, "400Mi", "16Gi", [verdicts.QUOTA_EXCEEDS_DISK]),
    ],
)
def test_a_quota_beyond_the_disk_or_the_memory(
    quota: int | None, disk: str, memory: str, reasons: list[Reason]
) -> None:
    assert [w.reason for w in find_spec_warnings(scene(quota, disk, memory))] == reasons


@pytest.mark.parametrize(("size", "told"), [(0, False), (511 * 2**20, False), (GI // 2, True)])
def test_what_nobody_chose_is_told_when_the_database_has_come_half_way(
    size: int, told: bool
) -> None:
    """etcd's own quota is 2Gi, and the operator's own limit 1Gi."""
    grown = with_status(new(3), members=[{"name": "db-0", "dbSize": size}])
    wanted = [verdicts.QUOTA_EXCEEDS_MEMORY] if told else []
    assert [w.reason for w in find_spec_warnings(grown)] == wanted


def test_what_a_volume_has_counts_and_not_what_was_asked_for() -> None:
    large = with_spec(formed(3), storage={"size": "1Gi"}, resources={"limits": {"memory": "4Gi"}})
    for ordinal in range(3):
        large = change_claim(large, ordinal, capacity="5Gi")
    assert find_spec_warnings(large) == []
    small = change_claim(large, 1, capacity="1Gi")
    assert [w.reason for w in find_spec_warnings(small)] == [verdicts.QUOTA_EXCEEDS_DISK]


@pytest.mark.parametrize(
    ("size", "reasons"), [("1Ki", [verdicts.LOG_EXCEEDS_DISK]), ("448Mi", []), ("1Gi", [])]
)
def test_a_disk_that_the_log_of_a_member_does_not_fit_on(size: str, reasons: list[Reason]) -> None:
    wanted = scene(None, "10Gi", "4Gi", wal={"size": size})
    assert [w.reason for w in find_spec_warnings(wanted)] == reasons


def test_of_the_disks_of_logs_it_is_what_each_has_that_counts() -> None:
    storage = {"size": "10Gi", "wal": {"size": "1Ki"}}
    wanted = with_spec(two_disks(), storage=storage, resources={"limits": {"memory": "4Gi"}})
    for ordinal in range(3):
        wanted = change_disk(wanted, f"wal-db-{ordinal}", capacity=Quantity.parse("1Gi"))
    assert find_spec_warnings(wanted) == []
    small = Quantity.parse("100Ki")
    (warning,) = find_spec_warnings(change_disk(wanted, "wal-db-1", capacity=small))
    assert warning.message == (
        "etcd's write-ahead log takes 448Mi and more, which does not fit on a disk of 100Ki: the "
        "disk would be full, and members would crash. Raise spec.storage.wal.size."
    )


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        ({}, "they have no Service, and names is empty"),
        ({"service": {}}, "service.type is ClusterIP, and names is empty"),
        ({"service": {"type": "NodePort"}}, "service.type is NodePort, and names is empty"),
        ({"service": {"type": "LoadBalancer"}}, None),
        ({"names": ["etcd-0.example.com"]}, None),
        ({"names": ["etcd-0.example.com"], "service": {"type": "NodePort"}}, None),
    ],
    ids=str,
)
def test_addresses_of_members_that_there_will_never_be(addresses: Json, said: str | None) -> None:
    wanted = new(3, memberAddresses=addresses, resources={"limits": {"memory": "4Gi"}})
    found = find_spec_warnings(wanted)
    assert [w.reason for w in found] == ([verdicts.NO_MEMBER_ADDRESS] if said else [])
    for warning in found:
        assert warning.message == (
            f"spec.memberAddresses gives members no address: {said}. Name an address for each "
            "member in spec.memberAddresses.names, or set service.type to LoadBalancer."
        )


def test_a_template_of_claims_has_a_size_of_its_own() -> None:
    request = {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    own = scene(None, "10Gi", "4Gi", volumeClaimTemplate=request)
    assert [w.reason for w in find_spec_warnings(own)] == [verdicts.QUOTA_EXCEEDS_DISK]


def test_the_sentence_names_fields_values_and_the_remedy() -> None:
    both = find_spec_warnings(scene(8 * GI, "1Gi", "512Mi"))
    assert both[0].message == (
        "spec.etcdConfig.quotaBackendBytes of 8Gi does not fit on a disk of 1Gi beside the "
        "write-ahead log and snapshots (512Mi): the disk would be full, and members would crash, "
        "before etcd refuses writes. Set it to at most 536870912, or raise spec.storage.size."
    )
    assert both[1].message.startswith(
        "spec.etcdConfig.quotaBackendBytes of 8Gi is more than a member's memory limit of 512Mi: "
    )
    own = find_spec_warnings(scene(None, "10Gi", "512Mi"))
    assert "etcd's own quota of 2Gi (none is set)" in own[0].message


def test_it_is_a_condition_and_the_cluster_is_ready_all_the_same() -> None:
    bad = scene(8 * GI, "1Gi", "512Mi")
    conditions = {c.type: c for c in report(bad, plan(bad).decision).conditions}
    assert conditions["SpecWarning"].reason == verdicts.QUOTA_EXCEEDS_DISK.name
    good = scene(None, "10Gi", "4Gi")
    assert "SpecWarning" not in {c.type for c in report(good, plan(good).decision).conditions}


def test_a_password_that_cannot_be_used() -> None:
    users = [{"name": "web", "passwordSecret": "web-password"}]
    wanted = with_spec(formed(3), security={"tls": {}, "auth": {"users": users}})
    usable = PasswordSecret("web-password", "u", "1")
    for secret in (None, usable):
        found = {secret.name: secret} if secret else {}
        assert find_spec_warnings(replace(wanted, passwords=found)) == []
    broken = replace(usable, problem="it has no password")
    warnings = find_spec_warnings(replace(wanted, passwords={broken.name: broken}))
    assert [w.reason for w in warnings] == [verdicts.PASSWORD_UNUSABLE]
    assert warnings[0].message == (
        "Secret web-password, the passwordSecret of user web, cannot be used: it has no password. "
        "Correct it, or delete it to have a random password."
    )


PLAIN_AUTH: Json = {"auth": {"rootPasswordSecret": "mine"}}
LOGINS = {name: PasswordSecret(name, "u", "1") for name in ("db-operator-password", "mine")}


@pytest.mark.parametrize(
    ("security", "words"),
    [
        (PLAIN_AUTH, "clientTLSMode Permissive."),
        ({**PLAIN_AUTH, "tls": {"clientTLSMode": "Permissive"}}, "to Strict when all clients"),
        ({"auth": {"mode": "Unmanaged", "rootPasswordSecret": "mine"}}, "clientTLSMode Permissive"),
        ({"auth": {}, "tls": {}}, ""),
        ({"auth": {"enabled": False}}, ""),
        ({}, ""),
    ],
)
def test_passwords_in_plain_text(security: Json, words: str) -> None:
    scene = replace(with_spec(formed(3), security=security), passwords=LOGINS)
    found = [w.message for w in find_spec_warnings(scene)]
    assert len(found) == bool(words)
    if words:
        assert "passwords and keys over the network in plain text" in found[0]
        assert words in found[0]


def test_a_login_of_the_operator_that_cannot_be_used() -> None:
    scene = replace(with_spec(formed(3), security=PLAIN_AUTH), passwords=LOGINS)
    broken = {"mine": replace(LOGINS["mine"], problem="it has no password")}
    first, _ = find_spec_warnings(replace(scene, passwords={**LOGINS, **broken}))
    assert first.reason is verdicts.PASSWORD_UNUSABLE
    assert first.message == (
        "Secret mine with the password of etcd's user root cannot be used: it has no password. The "
        "operator logs in with the password in it: correct it, or delete it to have a random "
        "password."
    )
    missing = replace(scene, passwords={})
    assert len(find_spec_warnings(missing)) == 1, "they are being created"
    theirs = with_spec(scene, security={"auth": {**PLAIN_AUTH["auth"], "mode": "Unmanaged"}})
    first, _ = find_spec_warnings(replace(theirs, passwords={}))
    assert "does not exist" in first.message
    assert "random" not in first.message


@pytest.mark.parametrize("state", PasswordState)
def test_a_root_that_etcd_gives_no_password(state: PasswordState) -> None:
    known = EtcdAuth(True, passwords={"root": state})
    scene = replace(with_spec(formed(3), security=PLAIN_AUTH), passwords=LOGINS, access=known)
    told = "has no effect" in find_spec_warnings(scene)[0].message
    assert told is (state is PasswordState.NONE)
    nobodys = replace(with_spec(scene, security={"auth": {}}), access=known)
    assert len(find_spec_warnings(nobodys)) == 1, "nobody has asked for one"
