from pathlib import Path

import pytest
import yaml

from deploy.manifests import NAME, NAMESPACE
from local.addresses import read_addresses
from local.components import CONTROL_PLANE, command_of, full_name, policies_command
from local.errors import LocalError
from local.places import Places

ADDRESSES = read_addresses({})
PLACES = Places(state=Path("/state"), cache=Path("/cache"))


def flags(name: str, *, fast_faults: bool = False) -> list[str]:
    return command_of(name, PLACES, ADDRESSES, fast_faults=fast_faults)


@pytest.mark.parametrize("name", CONTROL_PLANE)
def test_every_component_has_a_command(name: str) -> None:
    assert flags(name)[0] == f"/state/bin/{name}"
    assert all(word.startswith("--") for word in flags(name)[1:])


def test_addresses_reach_the_api_server() -> None:
    assert "--advertise-address=172.30.0.254" in flags("kube-apiserver")
    assert "--service-cluster-ip-range=10.97.0.0/16" in flags("kube-apiserver")
    assert "--cluster-cidr=10.245.0.0/16" in flags("kube-proxy")
    assert "--root=/state/volumes" in flags("volume-provisioner")


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("kube-apiserver", "--default-unreachable-toleration-seconds=5"),
        ("kube-controller-manager", "--node-monitor-grace-period=12s"),
    ],
)
def test_fast_faults_shorten_what_notices_lost_nodes(name: str, flag: str) -> None:
    assert flag in flags(name, fast_faults=True)
    assert flag not in flags(name)


def test_the_api_server_notes_what_the_operator_asks_for_and_no_content() -> None:
    assert "--audit-log-path=/state/logs/audit.log" in flags("kube-apiserver")
    (policy,) = (f for f in flags("kube-apiserver") if f.startswith("--audit-policy-file="))
    rules = yaml.safe_load(Path(policy.partition("=")[2]).read_text())["rules"]
    account = f"system:serviceaccount:{NAMESPACE}:{NAME}"
    assert rules == [{"level": "Metadata", "users": [account]}, {"level": "None"}]


def test_policies_are_enforced_on_the_named_node() -> None:
    command = policies_command(PLACES, ADDRESSES, "n2")
    assert command[0] == "/state/bin/network-policies"
    assert "--node=n2" in command
    assert "--service-cluster-ip-range=10.97.0.0/16" in command


def test_components_go_by_short_names_too() -> None:
    assert full_name("apiserver") == full_name("kube-apiserver") == "kube-apiserver"
    assert full_name("etcd") == "etcd"
    assert full_name("network-policies") == "network-policies"
    with pytest.raises(LocalError, match="no component"):
        full_name("kubelet")
