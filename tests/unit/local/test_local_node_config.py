import json
import tomllib
from pathlib import Path

from local.addresses import read_addresses
from local.images import PAUSE_IMAGE
from local.node_config import (
    render_containerd,
    render_kubelet,
    render_network,
    services_of,
    write_all,
)
from local.places import Places

ADDRESSES = read_addresses({})
PLACES = Places(state=Path("/state"), cache=Path("/cache"))


def test_containerd_knows_the_pause_image_and_the_networks() -> None:
    content = tomllib.loads(render_containerd(Path("/etc-of-node")))
    cri = content["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["sandbox_image"] == PAUSE_IMAGE
    assert cri["cni"]["conf_dir"] == "/etc-of-node/cni"


def test_each_node_gives_out_addresses_of_its_own() -> None:
    content = json.loads(render_network(ADDRESSES, 2))
    assert content["plugins"][0]["ipam"]["ranges"] == [[{"subnet": "10.245.2.0/24"}]]


def test_pods_have_an_address_of_each_family() -> None:
    both = read_addresses({"ETCD_OPERATOR_DUAL_STACK": "1"})
    ipam = json.loads(render_network(both, 2))["plugins"][0]["ipam"]
    assert ipam["ranges"] == [
        [{"subnet": "10.245.2.0/24"}],
        [{"subnet": "fd65:7463:6400::af5:200/120"}],
    ]
    assert ipam["routes"] == [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
    kubelet = next(each for each in services_of(PLACES, both, 2) if each.name == "kubelet")
    assert "--node-ip=172.30.0.2,fd65:7463:6400::ac1e:2" in kubelet.command


def test_kubelet_is_this_node_in_its_own_cgroup() -> None:
    content = json.loads(render_kubelet(PLACES, ADDRESSES, 2, fast_faults=False))
    assert content["tlsCertFile"] == "/state/keys/n2.crt"
    assert content["cgroupRoot"] == f"/{PLACES.label}-n2"
    assert content["clusterDNS"] == ["10.97.0.10"]
    assert "nodeLeaseDurationSeconds" not in content


def test_fast_faults_shorten_the_lease() -> None:
    content = json.loads(render_kubelet(PLACES, ADDRESSES, 1, fast_faults=True))
    assert content["nodeLeaseDurationSeconds"] == 12


def test_a_node_boots_its_runtime_before_what_needs_the_api(tmp_path: Path) -> None:
    places = Places(state=tmp_path, cache=tmp_path)
    write_all(places, ADDRESSES, 3, fast_faults=False)
    boot = json.loads((places.node("n3") / "etc" / "boot.json").read_text())
    waits = {service["name"]: service["waits_for_api"] for service in boot["services"]}
    assert waits == {"containerd": False, "kubelet": True, "kube-proxy": True}
    assert next(iter(waits)) == "containerd"
    kubelet = boot["services"][1]["command"]
    assert "--node-ip=172.30.0.3" in kubelet
    assert "--hostname-override=n3" in kubelet
