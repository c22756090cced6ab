"""The cluster as a whole: what it is, whether it is running, how it comes and goes."""

from __future__ import annotations

import json
import os
import shutil
import signal
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template

from local import (
    build,
    certificates,
    cgroups,
    controlplane,
    enforcement,
    host,
    images,
    lock,
    node_config,
    nodes,
)
from local.addresses import Addresses, node_name
from local.api import Api
from local.commands import run
from local.components import CONTROL_PLANE, EARLY, LATE
from local.digests import digest_paths
from local.errors import LocalError
from local.network import Network
from local.packages import install_missing
from local.places import MANIFESTS, TREE, Places
from local.programs import (
    ESSENTIAL_ETCD,
    all_programs,
    essential_programs,
    etcd,
    kubernetes,
    network_policies,
)
from local.progress import Progress, wait_for

_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """What decides whether a running cluster is the one asked for."""

    nodes: int
    fast_faults: bool
    networks: str
    digest: str

    @property
    def names(self) -> list[str]:
        """The nodes' names."""
        return [node_name(number) for number in range(1, self.nodes + 1)]


def describe(nodes: int, addresses: Addresses, *, fast_faults: bool) -> Cluster:
    """Describe the cluster that this tree makes."""
    if not 1 <= nodes <= addresses.most_nodes:
        raise LocalError(f"--nodes must be 1 to {addresses.most_nodes}, not {nodes}")
    networks = f"{addresses.machines} {addresses.pods} {addresses.services}"
    return Cluster(nodes, fast_faults, networks, digest_paths([TREE], TREE))


def read_cluster(places: Places) -> Cluster:
    """Return the cluster that `up` finished; LocalError if there is none."""
    try:
        return Cluster(**json.loads(_ready_file(places).read_text()))
    except FileNotFoundError:
        raise LocalError("the cluster is not up: run `python -m local up`") from None


def is_running(cluster: Cluster, places: Places, addresses: Addresses) -> bool:
    """Tell whether this very cluster is up, with every process alive and every node Ready."""
    try:
        found = read_cluster(places)
    except LocalError:
        return False
    alive = all(controlplane.is_running(name, places) for name in CONTROL_PLANE)
    alive = alive and all(nodes.is_running(places, name) for name in cluster.names)
    api = Api(addresses.server, places.keys)
    return found == cluster and alive and api.ready_nodes() == set(cluster.names)


def prepare(places: Places, progress: Progress, *, essential: bool = False) -> list[Path]:
    """Install packages, build programs and write images; return those of the workload."""
    with lock.building(places, progress):
        install_missing(progress)
        programs = essential_programs() if essential else all_programs()
        build.build_all(programs, places, progress)
        images.system_images(places)
        return images.essential_images(places) if essential else images.workload_images(places)


def complete(places: Places, progress: Progress) -> None:
    """Build and load what tests need beside what is essential, unless this cluster has it."""
    read_cluster(places)
    if _complete_file(places).exists():
        return
    for archive in prepare(places, progress):
        load(archive, places, progress)
    _complete_file(places).touch()


def up(
    cluster: Cluster,
    places: Places,
    network: Network,
    progress: Progress,
    *,
    essential: bool = False,
) -> None:
    """Bring up the cluster from nothing and wait until it is usable."""
    workload = prepare(places, progress, essential=essential)
    if places.state.exists() or network.leftovers():
        progress.say("taking down what another cluster left")
        down(places, network)
    _lay_ground(cluster, places, network)
    progress.say(f"keys made; network wired for {cluster.nodes} node(s)")
    for name in EARLY:
        controlplane.start(name, places, network, fast_faults=cluster.fast_faults)
    progress.say(f"started {', '.join(EARLY)}")
    api = Api(network.addresses.server, places.keys)
    with ThreadPoolExecutor() as pool:
        loading = [pool.submit(_boot, name, places, network, workload) for name in cluster.names]
        _await_api(places, api, progress)
        _apply_manifests(places, network.addresses)
        for name in LATE:
            controlplane.start(name, places, network, fast_faults=cluster.fast_faults)
        progress.say(f"manifests applied; started {', '.join(LATE)}")
        _await_nodes(cluster, api, progress, loading)
    if not essential:
        _complete_file(places).touch()
    _ready_file(places).write_text(json.dumps(asdict(cluster)))
    progress.say(f"cluster is up: export KUBECONFIG={places.kubeconfig}")


def down(places: Places, network: Network) -> None:
    """Stop every process and remove every trace, if there is any."""
    for name in nodes.recorded(places):
        nodes.kill(places, name)
    enforcement.end(places, network, kill=True)
    for name in reversed(CONTROL_PLANE):
        controlplane.stop(name, places, kill=True)
    _end_inhabitants(network)
    for name in network.nodes():
        cgroups.remove(cgroups.cgroup_of(places.label, name))
    network.delete()
    host.restore()
    shutil.rmtree(places.state, ignore_errors=True)
    if places.state.exists():
        raise LocalError(f"{places.state} could not be removed: is something mounted below it?")


def load(archive: Path, places: Places, progress: Progress) -> None:
    """Import an image archive into every running node that lacks it."""
    running = [name for name in read_cluster(places).names if nodes.is_running(places, name)]

    def load_into(name: str) -> None:
        new = images.load(archive, nodes.init_pid(places, name))
        told = f"loaded {', '.join(new)} into" if new else f"{archive.name} is already on"
        progress.say(f"{told} node {name}")

    with ThreadPoolExecutor() as pool:
        list(pool.map(load_into, running))


def _lay_ground(cluster: Cluster, places: Places, network: Network) -> None:
    places.state.mkdir(parents=True, exist_ok=True, mode=0o755)
    for directory in (places.records, places.logs, places.bin, places.volumes):
        directory.mkdir()
    _link_programs(places)
    host.prepare()
    certificates.issue_all(places.keys, network.addresses, cluster.nodes)
    network.create(cluster.nodes)
    for number in range(1, cluster.nodes + 1):
        node_config.write_all(places, network.addresses, number, fast_faults=cluster.fast_faults)


def _link_programs(places: Places) -> None:
    """Link also what is built only when it is started for the first time."""
    for program in (kubernetes(), etcd(ESSENTIAL_ETCD), network_policies()):
        built = build.directory_of(program, places)
        for name in program.links or program.targets:
            (places.bin / name).symlink_to(built / name)


def _boot(name: str, places: Places, network: Network, workload: list[Path]) -> None:
    """Start a node and load its images, those first without which nothing starts."""
    nodes.start(places, name, network.namespace_of(name))
    pid = nodes.init_pid(places, name)
    wait_for(f"containerd of node {name}", lambda: images.is_serving(pid), 30)
    for archive in [*images.system_images(places), *workload]:
        images.load(archive, pid)


def _await_api(places: Places, api: Api, progress: Progress) -> None:
    def ready() -> bool:
        for name in EARLY:
            if not controlplane.is_running(name, places):
                raise LocalError(f"{name} ended: see `python -m local logs {name}`")
        return api.is_ready()

    wait_for("start of the API server", ready, _PATIENCE)
    progress.say("API server is ready")


def _apply_manifests(places: Places, addresses: Addresses) -> None:
    values = {"dns_service": str(addresses.dns_service), "coredns_image": images.coredns_image()}
    texts = [Template(path.read_text()).substitute(values) for path in MANIFESTS.glob("*.yaml")]

    def apply() -> bool:
        words = [str(places.bin / "kubectl"), f"--kubeconfig={places.kubeconfig}", "apply"]
        try:
            run(*words, "--server-side", "--filename=-", stdin="\n---\n".join(texts))
        except LocalError as error:
            # The server itself makes the system namespaces, a moment after it is ready.
            if "not found" in str(error):
                return False
            raise
        return True

    wait_for("the system namespaces", apply, 30)


def _await_nodes(
    cluster: Cluster, api: Api, progress: Progress, loading: list[Future[None]]
) -> None:
    told: set[str] = set()

    def all_ready() -> bool:
        for name in sorted(api.ready_nodes() - told):
            progress.say(f"node {name} is Ready")
            told.add(name)
        for future in loading:
            if future.done():
                future.result()
        return told >= set(cluster.names)

    wait_for("nodes Ready", all_ready, _PATIENCE)
    wait_for("CoreDNS", lambda: api.is_available("kube-system", "coredns"), _PATIENCE)
    progress.say("CoreDNS is Ready")
    for future in loading:
        future.result()
    progress.say("images are loaded")


def _end_inhabitants(network: Network) -> None:
    """End what still lives in our namespaces: all of it was started there by us."""
    for name in network.namespaces():
        for pid in run("ip", "netns", "pids", name).split():
            if int(pid) != os.getpid():
                os.kill(int(pid), signal.SIGKILL)


def _ready_file(places: Places) -> Path:
    return places.state / "ready.json"


def _complete_file(places: Places) -> Path:
    """Exists while every node has the images that tests need."""
    return places.state / "complete"
