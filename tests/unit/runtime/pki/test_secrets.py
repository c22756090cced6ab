"""Secrets with certificates: read when needed, believed for a while, written where looked at."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from etcd_operator.core.actions import IssueAuthority, IssueCertificate, ShareTrust
from etcd_operator.core.actions.certificates import HandedOver
from etcd_operator.core.certificates.state import HANDED_OVER, Leaf
from etcd_operator.core.certificates.wanted import used_secrets
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.errors import Conflict, NotFound
from etcd_operator.runtime.etcd.channel import PeerTls
from etcd_operator.runtime.etcd.pool import EtcdPool
from etcd_operator.runtime.kubernetes.api import SECRETS
from etcd_operator.runtime.pki.secrets import CertificateSecrets, read_credential
from etcd_operator.runtime.pki.x509 import issue_certificate, make_authority
from tests.builders.certificates import SECURE, to_secure
from tests.builders.exhaustive import exhaustive
from tests.builders.snapshots import UID
from tests.fakes.clock import LoopClock
from tests.fakes.kubernetes import ApiServer, InMemoryApi

pytestmark = pytest.mark.looptime


@pytest.fixture
def api() -> ApiServer:
    return ApiServer()


@pytest.fixture
def store(api: ApiServer) -> CertificateSecrets:
    return CertificateSecrets(InMemoryApi(api), LoopClock())


def secret(name: str) -> tuple[str, str, str]:
    """Where the server has a Secret."""
    return "Secret", SECURE.namespace, name


def names(snapshot: Snapshot) -> tuple[str, ...]:
    return used_secrets(snapshot.cluster.spec, snapshot.naming)


async def issue_all(store: CertificateSecrets, snapshot: Snapshot) -> dict[str, Any]:
    """Carry out the first plan of a new cluster."""
    for action in plan(snapshot).actions:
        assert isinstance(action, IssueAuthority | IssueCertificate | ShareTrust)
        await store.write(action, snapshot.naming)
    return await store.look(snapshot.naming, names(snapshot))


async def test_a_plan_makes_secrets_that_the_next_plan_is_content_with(
    api: ApiServer, store: CertificateSecrets
) -> None:
    scene = to_secure(3)
    found = await issue_all(store, scene)
    assert set(found) == set(names(scene)) == {name for _, _, name in api.objects}
    assert {one.owner_uid for one in found.values()} == {UID}
    assert not any(one.problem for one in found.values())
    server, authority = found["db-server-tls"], found["db-client-ca"]
    assert server.certificate
    assert authority.certificate
    assert server.certificate.issuer_key_id == authority.certificate.key_id
    assert server.trusted == authority.trusted
    assert "client.key" in api.objects[secret("db-peer-tls")]["data"]
    assert api.objects[secret("db-peer-tls")]["type"] == "kubernetes.io/tls"


@pytest.mark.parametrize("algorithm", ["ECDSA", *exhaustive("RSA")])
async def test_an_authority_that_was_handed_over_keeps_its_key(
    api: ApiServer, store: CertificateSecrets, algorithm: str
) -> None:
    """Helm's `genCA` makes keys of RSA, which takes as long as a hundred other tests."""
    made = make_authority("old", LoopClock().now())
    pem = {"tls.crt": made.certificate, "tls.key": made.key}
    if algorithm == "RSA":
        pem = make_rsa_authority()
    data = {key: base64.b64encode(text.encode()).decode() for key, text in pem.items()}
    api.put(SECRETS, "old-ca", {"data": data}, SECURE.namespace)
    given = read_credential(api.objects[secret("old-ca")])
    assert given.certificate
    assert given.certificate.authority
    handed = HandedOver("old-ca", given.uid, given.certificate.key_id)
    issue = IssueAuthority("db-peer-ca", "", "", HANDED_OVER, (), "why", handed)
    for other in (replace(handed, uid="another"), replace(handed, key_id="another")):
        with pytest.raises(Conflict):
            await store.write(replace(issue, handed_over=other), SECURE)
    written = api.objects.get(secret("db-peer-ca"))
    assert written is None, "what was not looked at is not taken"
    await store.write(issue, SECURE)
    taken = api.objects[secret("db-peer-ca")]
    assert taken["data"]["tls.key"] == data["tls.key"]
    assert read_credential(taken).generation == HANDED_OVER
    leaf = Leaf("db-peer-tls", "db-peer-ca", "etcd", ("a",), server=True, client_certificate=True)
    await store.write(IssueCertificate(leaf, "", "", "", timedelta(days=1), (), "why"), SECURE)
    leaves = x509.load_pem_x509_certificates(
        base64.b64decode(api.objects[secret("db-peer-tls")]["data"]["tls.crt"])
    )
    authority = x509.load_pem_x509_certificate(pem["tls.crt"].encode())
    leaves[0].verify_directly_issued_by(authority)


def make_rsa_authority() -> dict[str, str]:
    """A CA as others make them."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "old")])
    now = LoopClock().now()
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = (PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return {
        "tls.crt": made.public_bytes(Encoding.PEM).decode(),
        "tls.key": key.private_bytes(Encoding.PEM, *form).decode(),
    }


async def test_secrets_carry_what_the_cluster_hands_down(
    api: ApiServer, store: CertificateSecrets
) -> None:
    naming = replace(
        to_secure().naming,
        inherited_labels=(("owner", "team-a"),),
        inherited_annotations=(("cost", "42"),),
    )
    await store.write(IssueAuthority("db-client-ca", "", "", 0, (), "why"), naming)
    made = api.objects[secret("db-client-ca")]["metadata"]
    assert made["labels"]["owner"] == "team-a"
    assert made["annotations"].items() >= {"cost": "42"}.items()
    api.sent.clear()
    await store.write(
        IssueAuthority("db-client-ca", made["uid"], made["resourceVersion"], 0, (), "why"), naming
    )
    assert api.sent[0][1]["metadata"]["labels"] == {"owner": "team-a"}
    assert api.sent[0][1]["metadata"]["annotations"]["cost"] == "42"


async def test_what_was_read_is_believed_for_a_while(
    api: ApiServer, store: CertificateSecrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = to_secure(3)
    clock = LoopClock()
    await issue_all(store, scene)
    before = len(api.reads)
    await store.look(SECURE, names(scene), force_refresh=True)
    assert len(api.reads) == before, "it is fresh"
    later = clock.monotonic() + 11
    monkeypatch.setattr(LoopClock, "monotonic", lambda _: later)
    await store.look(SECURE, names(scene))
    assert len(api.reads) == before, "nothing is wrong with the members"
    await store.look(SECURE, names(scene), force_refresh=True)
    assert len(api.reads) == before + len(names(scene))
    before = len(api.reads)
    await store.look(SECURE, names(scene), revision_key="db-server 2")
    assert len(api.reads) == before + len(names(scene)), "somebody says that one was written"
    await store.look(SECURE, names(scene), revision_key="db-server 2")
    assert len(api.reads) == before + len(names(scene))
    del api.objects[secret("db-peer-tls")]
    store.forget(UID)
    assert "db-peer-tls" not in await store.look(SECURE, names(scene))


async def test_a_secret_that_changed_is_not_written_and_looked_at_again(
    api: ApiServer, store: CertificateSecrets
) -> None:
    scene = to_secure(3)
    found = await issue_all(store, scene)
    live = found["db-peer-tls"]
    stale = ShareTrust("db-peer-tls", live.uid, "0", live.trusted, "")
    with pytest.raises(Conflict):
        await store.write(stale, SECURE)
    before = len(api.reads)
    await store.look(SECURE, names(scene))
    assert len(api.reads) > before


async def test_a_secret_that_is_gone_is_looked_at_again(
    api: ApiServer, store: CertificateSecrets
) -> None:
    scene = to_secure(3)
    found = await issue_all(store, scene)
    live = found["db-peer-tls"]
    del api.objects[secret("db-peer-tls")]
    with pytest.raises(NotFound):
        await store.write(
            ShareTrust("db-peer-tls", live.uid, live.resource_version, live.trusted, ""), SECURE
        )
    assert "db-peer-tls" not in await store.look(SECURE, names(scene))


async def test_authorities_are_read_after_what_they_signed(
    api: ApiServer, store: CertificateSecrets
) -> None:
    """Else one of before might be taken for the word on a ca.crt that is newer."""
    api.delays["db-server-tls"] = 1.0
    await store.look(SECURE, names(to_secure(3)))
    assert {r.name for r in api.reads[-2:]} == {"db-client-ca", "db-peer-ca"}
    assert len(api.reads) == len(names(to_secure(3)))


async def test_nothing_is_signed_by_another_authority_than_was_looked_at(
    api: ApiServer, store: CertificateSecrets
) -> None:
    scene = to_secure(3)
    await issue_all(store, scene)
    action = next(a for a in plan(scene).actions if isinstance(a, IssueCertificate))
    live = read_credential(api.objects[secret(action.leaf.secret)])
    other = IssueCertificate(
        action.leaf, live.uid, live.resource_version, "other", action.lifetime, (), ""
    )
    with pytest.raises(Conflict):
        await store.write(other, SECURE)


async def test_the_key_of_before_signs_until_its_authority_is_trusted_no_more(
    api: ApiServer, store: CertificateSecrets
) -> None:
    scene = to_secure(3)
    first = (await issue_all(store, scene))["db-peer-ca"]
    assert first.certificate
    old = first.certificate.key_id
    anew = IssueAuthority(first.name, first.uid, first.resource_version, 1, first.trusted, "")
    await store.write(anew, SECURE)
    second = read_credential(api.objects[secret("db-peer-ca")])
    assert second.certificate
    assert second.certificate.key_id != old
    assert second.previous == first.certificate
    assert {one.key_id for one in second.trusted} == {old, second.certificate.key_id}
    leaf = next(
        a
        for a in plan(scene).actions
        if isinstance(a, IssueCertificate) and a.leaf.authority == "db-peer-ca"
    )
    for signer in (old, second.certificate.key_id):
        live = read_credential(api.objects[secret("db-peer-tls")])
        again = replace(leaf, uid=live.uid, resource_version=live.resource_version, signer=signer)
        await store.write(again, SECURE)
        made = read_credential(api.objects[secret("db-peer-tls")])
        assert made.certificate
        assert not made.problem
        assert made.certificate.issuer_key_id == signer
    alone = tuple(one for one in second.trusted if one.key_id != old)
    await store.write(
        ShareTrust("db-peer-ca", second.uid, second.resource_version, alone, ""), SECURE
    )
    last = read_credential(api.objects[secret("db-peer-ca")])
    assert last.previous is None
    assert not any(key.startswith("previous") for key in api.objects[secret("db-peer-ca")]["data"])
    live = read_credential(api.objects[secret("db-peer-tls")])
    with pytest.raises(Conflict):
        await store.write(
            replace(leaf, uid=live.uid, resource_version=live.resource_version, signer=old),
            SECURE,
        )


async def test_a_key_that_cannot_be_used_does_not_take_the_place_of_one_that_can(
    api: ApiServer, store: CertificateSecrets
) -> None:
    first = (await issue_all(store, to_secure(3)))["db-peer-ca"]
    await store.write(
        IssueAuthority(first.name, first.uid, first.resource_version, 1, first.trusted, ""), SECURE
    )
    api.objects[secret("db-peer-ca")]["data"]["tls.key"] = base64.b64encode(b"edited").decode()
    broken = read_credential(api.objects[secret("db-peer-ca")])
    assert (broken.certificate, broken.previous) == (None, first.certificate)
    await store.write(
        IssueAuthority(broken.name, broken.uid, broken.resource_version, 1, broken.trusted, ""),
        SECURE,
    )
    assert read_credential(api.objects[secret("db-peer-ca")]).previous == first.certificate


async def test_the_operator_shows_its_own_certificate_and_hides_its_key(
    api: ApiServer, store: CertificateSecrets
) -> None:
    assert store.identity(SECURE) is None
    await issue_all(store, to_secure(3))
    identity = store.identity(SECURE)
    assert identity
    data = api.objects[secret("db-operator-tls")]["data"]
    assert base64.b64decode(data["tls.key"]).decode() == identity.key
    assert "PRIVATE" not in repr(identity)
    assert "PRIVATE" not in repr(PeerTls(identity, "db-0"))


async def test_a_secret_that_nobody_asks_for_any_more_is_not_told(
    api: ApiServer, store: CertificateSecrets
) -> None:
    """That of a user, which the spec named before, would be one of a stranger."""
    scene = to_secure(3)
    await issue_all(store, scene)
    api.put(SECRETS, "mine", {"data": {}}, scene.naming.namespace)
    assert "mine" in await store.look(scene.naming, (*names(scene), "mine"))
    assert "mine" not in await store.look(scene.naming, names(scene))


async def test_who_verifies_what_others_have_signed(
    api: ApiServer, store: CertificateSecrets
) -> None:
    """By the ca.crt of any Secret; what the operator has signed itself is not looked at."""
    company = make_authority("company", LoopClock().now())
    life = timedelta(days=1)
    pair = issue_certificate(company, "db", LoopClock().now(), life, names=("db",), server=True)
    mine = {"tls.crt": pair.certificate, "tls.key": pair.key}
    scene = to_secure(3)
    for name, data in (("mine", mine), ("theirs", {"ca.crt": company.certificate})):
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
        api.put(SECRETS, name, {"data": encoded}, scene.naming.namespace)
    await issue_all(store, scene)
    found = await store.look(scene.naming, (*names(scene), "mine", "theirs"))
    assert found["mine"].is_verified_by(found["theirs"].trusted)
    assert found["mine"].verified_by == (found["theirs"].trusted[0].key_id,)
    assert not found["mine"].is_verified_by(found["db-client-ca"].trusted)
    assert found["db-client-tls"].verified_by is None


async def test_another_identity_is_another_connection(store: CertificateSecrets) -> None:
    await issue_all(store, to_secure(3))
    identity = store.identity(SECURE)
    assert identity
    pool = EtcdPool()
    try:
        plain = await pool.client("10.0.0.1:2379")
        pool.set_tls("10.0.0.1:2379", PeerTls(identity, "db-0"))
        secure = await pool.client("10.0.0.1:2379")
        assert secure is not plain
        assert await pool.client("10.0.0.1:2379") is secure
        pool.set_tls("10.0.0.1:2379", None)
        assert await pool.client("10.0.0.1:2379") is not secure
    finally:
        await pool.close()


BROKEN = {
    "tls.crt": "its tls.crt is not a certificate in PEM",
    "ca.crt": "its ca.crt holds no certificate in PEM",
}


@pytest.mark.parametrize("key", BROKEN)
def test_a_secret_that_cannot_be_read_has_a_flaw(key: str) -> None:
    metadata = {"name": "mine", "uid": "u"}
    for text in (base64.b64encode(b"nonsense").decode(), "%"):
        one = read_credential({"metadata": metadata, "data": {key: text}})
        assert one.problem == BROKEN[key]
        assert one.certificate is None


async def test_what_cert_manager_has_written_becomes_the_operators_own(
    api: ApiServer, store: CertificateSecrets
) -> None:
    """Without the annotations by which cert-manager would take it for issued, the next time."""
    scene = to_secure(3)
    await issue_all(store, scene)
    held = api.objects[secret("db-client-tls")]
    held["metadata"]["ownerReferences"] = []
    held["metadata"]["labels"] = {"etcd.etcd.io/cluster-uid": UID}
    notes = {f"cert-manager.io/{key}": "db" for key in ("certificate-name", "issuer-name")}
    held["metadata"]["annotations"] = {**notes, "more": "stays"}
    found = read_credential(held)
    assert found.owner_uid == UID
    leaf = Leaf("db-client-tls", "db-client-ca", "client")
    life = timedelta(days=1)
    action = IssueCertificate(leaf, found.uid, found.resource_version, "", life, (), "why")
    await store.write(action, scene.naming)
    metadata = api.objects[secret("db-client-tls")]["metadata"]
    assert metadata["annotations"] == {"more": "stays"}
    assert [owner["uid"] for owner in metadata["ownerReferences"]] == [UID]


@pytest.mark.parametrize(
    ("labels", "annotations"),
    [({}, {"cert-manager.io/certificate-name": "db"}), ({"etcd.etcd.io/cluster-uid": UID}, {})],
)
async def test_any_other_secret_without_an_owner_stays_nobodys(
    api: ApiServer, store: CertificateSecrets, labels: Any, annotations: Any
) -> None:
    await issue_all(store, to_secure(3))
    held = api.objects[secret("db-client-tls")]
    held["metadata"] |= {"ownerReferences": [], "labels": labels, "annotations": annotations}
    assert read_credential(held).owner_uid == ""
