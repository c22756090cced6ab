from pathlib import Path

from local.logs import collect, list_logs
from local.places import read_places


def test_logs_of_components_nodes_and_pods_are_found(tmp_path: Path) -> None:
    places = read_places({"ETCD_OPERATOR_STATE": str(tmp_path / "state")})
    files = [
        places.logs / "etcd.log",
        places.logs / "n1" / "kubelet.log",
        places.node("n1") / "log" / "pods" / "default_a-0_uid" / "etcd" / "0.log",
    ]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(file.name)
    assert list_logs(places) == ["etcd", "n1/kubelet"]
    assert collect(places, tmp_path / "copy") == len(files)
    copies = [tmp_path / "copy" / file.relative_to(places.state) for file in files]
    assert all(copy.read_text() == copy.name for copy in copies)


def test_an_absent_cluster_has_no_logs(tmp_path: Path) -> None:
    assert list_logs(read_places({"ETCD_OPERATOR_STATE": str(tmp_path)})) == []
