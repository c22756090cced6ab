"""The command line: `python -m local up`, `down` and what lies between."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from local import (
    build,
    cluster,
    controlplane,
    enforcement,
    images,
    lock,
    logs,
    nodes,
    operator_image,
)
from local.addresses import read_addresses
from local.commands import SYSTEM_PATH
from local.components import NETWORK_POLICIES, full_name
from local.errors import LocalError
from local.network import Network
from local.packages import install_missing
from local.places import PROJECT, read_places
from local.programs import (
    all_programs,
    etcd,
    etcd_versions,
    kubernetes,
    network_policies,
    object_store,
)
from local.progress import Progress
from local.prometheus_image import prometheus_archive

PLACES = read_places(os.environ)


def network() -> Network:
    """Return the wires of this cluster."""
    return Network(PLACES.label, read_addresses(os.environ))


def up(options: argparse.Namespace) -> None:
    """Start the cluster unless this very one is up."""
    progress = Progress()
    addresses = read_addresses(os.environ)
    wanted = cluster.describe(options.nodes, addresses, fast_faults=options.fast_faults)
    running = cluster.is_running(wanted, PLACES, addresses)
    if not running:
        with lock.changing(PLACES, progress):
            # Another `up` may have made it while this one waited.
            running = cluster.is_running(wanted, PLACES, addresses)
            if not running:
                cluster.up(wanted, PLACES, network(), progress, essential=options.essential)
    if not options.essential:
        complete(options)
    if running:
        progress.say(f"cluster is up already: export KUBECONFIG={PLACES.kubeconfig}")


def complete(_options: argparse.Namespace) -> None:
    """Build and load what tests need beside what is essential, unless that is there."""
    progress = Progress()
    with lock.changing(PLACES, progress):
        cluster.complete(PLACES, progress)


def down(_options: argparse.Namespace) -> None:
    """Stop and remove everything but the cache."""
    progress = Progress()
    with lock.changing(PLACES, progress):
        cluster.down(PLACES, network())
    progress.say("nothing of the cluster is left")


def show_kubeconfig(_options: argparse.Namespace) -> None:
    """Print the path of the kubeconfig."""
    cluster.read_cluster(PLACES)
    print(PLACES.kubeconfig)


def show_path(options: argparse.Namespace) -> None:
    """Print a directory of programs."""
    if not options.program and PLACES.bin.is_dir():
        print(PLACES.bin)
        return
    name = (options.program or kubernetes().name).replace("/", "-")
    for program in all_programs():
        if program.name == name and build.is_built(program, PLACES):
            print(build.directory_of(program, PLACES))
            return
    raise LocalError(f"{name} is not built: run `python -m local build`")


def show_logs(options: argparse.Namespace) -> None:
    """List, print or copy logs."""
    if options.collect:
        print(f"{logs.collect(PLACES, options.collect)} logs copied to {options.collect}")
    elif options.component:
        logs.show(PLACES, options.component, follow=options.follow)
    else:
        print("\n".join(logs.list_logs(PLACES)))


def build_programs(_options: argparse.Namespace) -> None:
    """Build every program."""
    progress = Progress()
    with lock.building(PLACES, progress):
        build.build_all(all_programs(), PLACES, progress)
    progress.say(f"every program is built, below {PLACES.programs}")


def make_image(options: argparse.Namespace) -> None:
    """Write image archives, load them if the cluster is up, print their paths."""
    progress = Progress(sys.stderr)
    with lock.building(PLACES, progress):
        install_missing(progress)
        if options.which == "etcd":
            build.build_all(map(etcd, etcd_versions()), PLACES, progress)
            archives = images.etcd_images(PLACES)
        elif options.which == "object-store":
            build.build_all([object_store()], PLACES, progress)
            archives = [images.object_store_archive(PLACES)]
        elif options.which == "prometheus":
            archives = [prometheus_archive(PLACES, progress)]
        else:
            archives = [operator_image.build_image(options.tag, PLACES, progress, options.source)]
    for archive in archives:
        if PLACES.state.exists():
            cluster.load(archive, PLACES, progress)
        print(archive)


def load(options: argparse.Namespace) -> None:
    """Load an archive into every node."""
    cluster.load(options.archive, PLACES, Progress())


def change_node(options: argparse.Namespace) -> None:
    """Lose a node, bring it back, cut it off, reconnect it."""
    name = nodes.parse_node(options.node)
    found = cluster.read_cluster(PLACES)
    if name not in found.names:
        raise LocalError(f"the cluster has no node {name}, only {', '.join(found.names)}")
    number = found.names.index(name) + 1
    if options.what == "kill":
        nodes.kill(PLACES, name)
    elif options.what == "start":
        nodes.start(PLACES, name, network().namespace_of(name))
    elif options.what == "partition":
        network().set_link(number, "down")
    else:
        network().set_link(number, "up")
        network().route_node(number, found.nodes)


def change_component(options: argparse.Namespace) -> None:
    """Stop or start a process of the control plane, or `network-policies` on every node."""
    name = full_name(options.component)
    found = cluster.read_cluster(PLACES)
    if options.what in ("stop", "restart"):
        if name == NETWORK_POLICIES:
            enforcement.stop(PLACES, network(), kill=options.kill)
        else:
            controlplane.stop(name, PLACES, kill=options.kill)
    if options.what in ("start", "restart"):
        if name == NETWORK_POLICIES:
            progress = Progress()
            with lock.building(PLACES, progress):
                build.build_all([network_policies()], PLACES, progress)
            enforcement.start(PLACES, network())
        else:
            controlplane.start(name, PLACES, network(), fast_faults=found.fast_faults)


def enter_node(options: argparse.Namespace) -> None:
    """Run a command inside a node."""
    nodes.enter(PLACES, nodes.parse_node(options.node), options.command)


def kubectl(options: argparse.Namespace) -> None:
    """Become kubectl."""
    cluster.read_cluster(PLACES)
    program = PLACES.bin / "kubectl"
    environment = {**os.environ, "KUBECONFIG": str(PLACES.kubeconfig)}
    os.execve(program, ["kubectl", *options.command], environment)  # noqa: S606 - no shell is wanted


def read_options(words: list[str]) -> argparse.Namespace:
    """Read the command line; what follows `--` belongs to the command to be run."""
    own, separator, command = _split(words)
    options = _parser().parse_args(own)
    if separator and options.act not in (enter_node, kubectl):
        raise LocalError("only exec and kubectl take a command after --")
    if options.act is enter_node and not command:
        raise LocalError("exec needs a command: `python -m local exec 1 -- ls`")
    options.command = command
    return options


def _split(words: list[str]) -> tuple[list[str], bool, list[str]]:
    if "--" not in words:
        return words, False, []
    border = words.index("--")
    return words[:border], True, words[border + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="A Kubernetes from source")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, act: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=act.__doc__, description=act.__doc__)
        command.set_defaults(act=act)
        return command

    add_up = add("up", up)
    add_up.add_argument("--nodes", type=int, default=1, help="how many nodes (1)")
    add_up.add_argument("--fast-faults", action="store_true", help="notice lost nodes within 12 s")
    add_up.add_argument(
        "--essential", action="store_true", help="only what the cluster and a demonstration need"
    )
    add("complete", complete)
    add("down", down)
    add("kubeconfig", show_kubeconfig)
    add("path", show_path).add_argument("program", nargs="?", help="such as etcd/v3.6.16")
    add_logs = add("logs", show_logs)
    add_logs.add_argument("component", nargs="?")
    add_logs.add_argument("--follow", "-f", action="store_true")
    add_logs.add_argument("--collect", type=Path, metavar="DIR")
    add("build", build_programs)
    add_image = add("image", make_image)
    add_image.add_argument("which", choices=["etcd", "object-store", "operator", "prometheus"])
    add_image.add_argument("--tag", default="etcd-operator:local", help="the operator image's name")
    add_image.add_argument("--source", type=Path, default=PROJECT, help="the tree to build it from")
    add("load", load).add_argument("archive", type=Path)
    add_node = add("node", change_node)
    add_node.add_argument("what", choices=["kill", "start", "partition", "heal"])
    add_node.add_argument("node")
    add_component = add("component", change_component)
    add_component.add_argument("what", choices=["stop", "start", "restart"])
    add_component.add_argument("component")
    add_component.add_argument("--kill", action="store_true", help="give it no time to finish")
    add("exec", enter_node).add_argument("node")
    add("kubectl", kubectl)
    return parser


def _require_root(options: argparse.Namespace) -> None:
    if os.geteuid() != 0 and options.act is not build_programs:
        raise LocalError("root is needed: namespaces, mounts and containers are made here")


def main() -> int:
    """Run one command; return its exit code."""
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"
    try:
        options = read_options(sys.argv[1:])
        _require_root(options)
        options.act(options)
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; `python -m local down` removes what was begun", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
