from local.addresses import read_addresses
from local.certificates import identities


def test_everyone_has_a_key_and_the_names_by_which_they_are_called() -> None:
    found = {identity.file: identity for identity in identities(read_addresses({}), 2)}
    assert {"apiserver", "admin", "n1", "n2"} <= found.keys()
    for name in ("DNS:kubernetes.default.svc", "IP:172.30.0.254", "IP:10.97.0.1", "IP:127.0.0.1"):
        assert name in found["apiserver"].names.split(",")
    assert found["n2"].subject == "/O=system:nodes/CN=system:node:n2"
    assert "IP:172.30.0.2" in found["n2"].names
    assert found["admin"].subject.startswith("/O=system:masters")
