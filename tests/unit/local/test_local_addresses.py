from ipaddress import IPv4Address, IPv4Network

import pytest

from local.addresses import node_name, read_addresses
from local.errors import LocalError


def test_default_networks_hold_everyone() -> None:
    addresses = read_addresses({})
    assert addresses.server == "https://172.30.0.254:6443"
    assert addresses.host == IPv4Address("172.30.0.253")
    assert addresses.node(1) == IPv4Address("172.30.0.1")
    assert addresses.pods_of(3) == IPv4Network("10.245.3.0/24")
    assert addresses.kubernetes_service == IPv4Address("10.97.0.1")
    assert addresses.dns_service == IPv4Address("10.97.0.10")
    assert node_name(2) == "n2"


def test_nobody_shares_an_address_or_a_network() -> None:
    addresses = read_addresses({"ETCD_OPERATOR_NETWORKS": "192.168.9.0/24 10.1.0.0/18 10.2.0.0/20"})
    numbers = range(1, addresses.most_nodes + 1)
    machines = [addresses.control_plane, addresses.host, *map(addresses.node, numbers)]
    pods = [addresses.pods_of(number) for number in numbers]
    assert len(set(machines)) == len(machines)
    assert all(machine in addresses.machines for machine in machines)
    assert len(set(pods)) == len(pods)
    assert all(network.subnet_of(addresses.pods) for network in pods)


def test_with_both_families_each_address_has_a_twin() -> None:
    one, both = read_addresses({}), read_addresses({"ETCD_OPERATOR_DUAL_STACK": "1"})
    assert one.families(one.services) == (IPv4Network("10.97.0.0/16"),)
    assert one.interface(one.node(1)) == ("172.30.0.1/24",)
    assert both.interface(both.node(1)) == ("172.30.0.1/24", "fd65:7463:6400::ac1e:1/120")
    pods = [str(network) for network in both.families(both.pods_of(1))]
    assert pods == ["10.245.1.0/24", "fd65:7463:6400::af5:100/120"]
    assert str(both.families(both.pods)[1]) == "fd65:7463:6400::af5:0/112"
    assert both.families(both.services)[1].prefixlen == 112, "the API server takes /108 and less"


@pytest.mark.parametrize(
    "networks",
    [
        "",
        "10.0.0.0/8",
        "a b c",
        "10.0.0.1/24 10.1.0.0/16 10.2.0.0/16",
        "10.0.0.0/29 10.1.0.0/16 10.2.0.0/16",
    ],
)
def test_impossible_networks_are_refused(networks: str) -> None:
    with pytest.raises(LocalError, match="ETCD_OPERATOR_NETWORKS"):
        read_addresses({"ETCD_OPERATOR_NETWORKS": networks})
