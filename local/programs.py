"""Which programs are built from which Go module, and how."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.digests import digest_paths, digest_texts
from local.errors import LocalError
from local.places import TREE

COMPONENTS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
    "volume-provisioner",
)
# The release that keeps the API server's own data, and that the demonstration runs.
ESSENTIAL_ETCD = "v3.6.16"
_ETCD_TARGETS = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "etcdctl": "go.etcd.io/etcd/etcdctl/v3",
    "etcdutl": "go.etcd.io/etcd/etcdutl/v3",
}
_VERSIONED = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


@dataclass(frozen=True, slots=True)
class Program:
    """Executables made from one Go module.

    `targets` maps the file name of each to its import path, `links` are further names of the one
    executable, `seconds` is about how long a first build lasts on two cores.
    """

    name: str
    module: Path
    targets: Mapping[str, str]
    seconds: int
    links: tuple[str, ...] = ()
    linker_flags: str = "-s -w"
    settings: Mapping[str, str] = field(default_factory=lambda: {"CGO_ENABLED": "0"})

    def command(self, executable: str, output: Path) -> list[str]:
        """Return the build command of one executable."""
        flags = ["-trimpath", "-buildvcs=false", "-ldflags", self.linker_flags]
        return ["go", "build", *flags, "-o", str(output), self.targets[executable]]

    def digest(self, go_version: str) -> str:
        """Hash all that decides the outcome."""
        flags = [*self.command(next(iter(self.targets)), Path("out")), *map(str, self.links)]
        texts = [go_version, *flags, *map(str, sorted(self.targets.items()))]
        module = digest_paths([self.module], self.module)
        return digest_texts([*texts, *map(str, sorted(self.settings.items())), module])


def kubernetes() -> Program:
    """Every component in one executable, under all their names."""
    module = TREE / "kubernetes"
    version = required_version(module, "k8s.io/kubernetes")
    return Program(
        name="kubernetes",
        module=module,
        targets={"kubernetes": "."},
        seconds=420,
        links=COMPONENTS,
        linker_flags=f"-s -w {version_flags(version)}",
    )


def coredns() -> Program:
    """The cluster's name server."""
    return Program("coredns", TREE / "coredns", {"coredns": "."}, seconds=120)


def pause() -> Program:
    """What holds a Pod's namespaces."""
    return Program("pause", TREE / "pause", {"pause": "."}, seconds=5)


def etcd(version: str) -> Program:
    """Server, etcdctl and etcdutl of one release, such as v3.6.16."""
    module = TREE / "etcd" / version
    return Program(f"etcd-{version}", module, _ETCD_TARGETS, seconds=40)


def object_store() -> Program:
    """An S3 service that keeps objects as files."""
    path = "github.com/versity/versitygw"
    return Program(
        "versitygw", TREE / "versitygw", {"versitygw": f"{path}/cmd/versitygw"}, seconds=80
    )


def opm() -> Program:
    """The tool for catalogs of the Operator Lifecycle Manager; it reads databases by a C library.

    No cluster and no test of every day needs it.
    """
    return Program(
        "opm",
        TREE / "opm",
        {"opm": "github.com/operator-framework/operator-registry/cmd/opm"},
        seconds=200,
        settings={"CGO_ENABLED": "1"},
    )


def krew() -> Program:
    """The plugin manager of kubectl, and its check of manifests; no test of every day needs it."""
    path = "sigs.k8s.io/krew/cmd"
    targets = {
        "kubectl-krew": f"{path}/krew",
        "validate-krew-manifest": f"{path}/validate-krew-manifest",
    }
    return Program("krew", TREE / "krew", targets, seconds=60)


def network_policies() -> Program:
    """What enforces NetworkPolicies on a node.

    Its modules are of Kubernetes' versions: built after that, little is left to compile.
    """
    module = TREE / "network_policies"
    return Program("network-policies", module, {"network-policies": "."}, seconds=20)


def cert_manager() -> Program:
    """The controllers of cert-manager, for a test; with libraries that the name server has, too."""
    return Program("cert-manager", TREE / "cert_manager", {"cert-manager": "."}, seconds=120)


def etcd_versions() -> list[str]:
    """Every release that the tree can build, oldest first."""
    found = (path.parent.name for path in TREE.glob("etcd/*/go.mod"))
    return sorted(found, key=lambda version: [int(part) for part in version[1:].split(".")])


def essential_programs() -> list[Program]:
    """What the cluster itself and a demonstration need, in the order in which it is built.

    What other programs share with Kubernetes is compiled by then.
    """
    return [pause(), etcd(ESSENTIAL_ETCD), kubernetes(), coredns()]


def all_programs() -> list[Program]:
    """Everything, in the order in which it is built: what tests alone need comes last."""
    others = [etcd(version) for version in etcd_versions() if version != ESSENTIAL_ETCD]
    return [*essential_programs(), network_policies(), *others, object_store(), cert_manager()]


def required_version(module: Path, path: str) -> str:
    """Read the version of another module which go.mod requires."""
    text = (module / "go.mod").read_text()
    found = re.search(
        rf"^(?:require)?\s*{re.escape(path)} (v\S+)(?: // indirect)?$", text, re.MULTILINE
    )
    if not found:
        raise LocalError(f"{module / 'go.mod'} requires no {path}")
    return found.group(1)


def version_flags(version: str) -> str:
    """Return linker flags that let every component tell its version."""
    major, minor = version.lstrip("v").split(".")[:2]
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return " ".join(
        f"-X {package}.{name}={value}" for package in _VERSIONED for name, value in values.items()
    )
