"""A real Kubernetes with the operator in it; one namespace per test, gone afterwards."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from demo import object_store
from demo.object_store import ObjectStore
from deploy.installer import ensure_installed
from deploy.manifests import NAMESPACE
from deploy.target import PROJECT, Target, TargetError, find_target
from tests.e2e import terminal
from tests.e2e.harness import REPORT, Cluster
from tests.e2e.order import spread
from tests.e2e.removals import Removals
from tests.e2e.terminal import Shell
from tests.injection.session import create_namespace, own_namespace

REMOVED_AT_A_TIME = 4
# Of a test that takes minutes, most of them under load.
LENGTHY_SECONDS = 500.0


# After those are left out that are not asked for.
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that disturb Kubernetes itself come last: a failure of theirs spoils no other."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items[:] = spread(items, lambda item: find_timeout(item) >= LENGTHY_SECONDS)
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


def find_timeout(item: pytest.Item) -> float:
    """The seconds that a test may take, as it says."""
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark else 0.0


@pytest.fixture(scope="session")
def target() -> Target:
    """The cluster under test with this tree's operator installed."""
    try:
        found = find_target(os.environ.get("CONTEXT", ""))
        ensure_installed(found, os.environ.get("OPERATOR_IMAGE", ""))
    except TargetError as error:
        pytest.exit(f"no cluster to test on: {error}", returncode=1)
    return found


@pytest.fixture(scope="session")
def removals(target: Target) -> Iterator[Removals]:
    """What is removed while the next tests run; all of it has to be gone at the end."""
    with ThreadPoolExecutor(REMOVED_AT_A_TIME) as pool:
        removals = Removals(target, pool)
        yield removals
        removals.finish()


@pytest.fixture
def nothing_leaves(removals: Removals) -> None:
    """What tests before left is gone: before a rest is measured, or the operator taken away."""
    removals.finish()


@pytest.fixture
def namespace(request: pytest.FixtureRequest, target: Target, removals: Removals) -> Iterator[str]:
    """A fresh namespace that enforces restricted Pod Security; another one for each try."""
    each = f"{request.node.nodeid} {getattr(request.node, 'execution_count', 1)}"
    unique = hashlib.sha256(each.encode()).hexdigest()[:5]
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:36].strip("-")
    name = f"e2e-{unique}-{words}"
    create_namespace(target, name)
    try:
        yield name
    finally:
        removals.begin(name)


@pytest.fixture
def elsewhere(target: Target, namespace: str) -> Iterator[str]:
    """A second namespace."""
    with own_namespace(target, f"{namespace[:55]}-other") as name:
        yield name
        target.run("delete", "etcd", "--all", f"--namespace={name}", "--wait=true")


@pytest.fixture
def cluster(target: Target, namespace: str) -> Cluster:
    """An EtcdCluster that does not exist yet."""
    return Cluster(target, namespace)


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kubectl plugin as it is delivered, in a directory for PATH."""
    return terminal.install(tmp_path_factory.mktemp("plugin") / "bin")


@pytest.fixture
def shell(target: Target, namespace: str, plugin: Path, tmp_path: Path) -> Shell:
    """A terminal of a person, with the plugin beside the kubectl of the cluster."""
    return terminal.open_shell(target, namespace, plugin, tmp_path)


@pytest.fixture(scope="session")
def store(target: Target) -> Iterator[ObjectStore]:
    """An S3 service with TLS, in a namespace of its own, for all tests of a process."""
    name = f"e2e-object-store-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    with own_namespace(target, name):
        yield object_store.start(target, name)


@pytest.fixture
def secrets(target: Target, namespace: str, store: ObjectStore) -> None:
    """The Secrets of the service in the namespace of the test."""
    target.apply(*store.secrets(namespace))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Describe the namespace of a failed test before it goes."""
    report = yield
    found = getattr(item, "funcargs", {})
    if report.failed and call.when != "teardown" and {"target", "namespace"} <= found.keys():
        target, namespace = found["target"], found["namespace"]
        # The time of the test may be over while this is written: that would end the whole run.
        item.ihook.pytest_timeout_cancel_timer(item=item)
        said = _write_report(target, namespace, report.longreprtext)
        report.sections.append(("what was there when it failed", said))
    return report


def _describe_operator(target: Target, namespace: str) -> str:
    """Its Pods with their restarts, and what it warned of: seen where the report cannot be had."""
    place = f"--namespace={NAMESPACE}"
    lines = target.run("get", "pods", place, "--output=wide").splitlines()
    said = target.run("logs", "deployment/etcd-operator", place, "--all-pods=true", "--since=5m")
    warned = [line for line in said.splitlines() if '"level":"warning"' in line.replace(": ", ":")]
    ours = [line for line in warned if namespace in line or '"cluster"' not in line]
    return "\n".join([*lines, *ours[-40:]]) + "\n"


def _write_report(target: Target, namespace: str, failure: str) -> str:
    """Keep what a person would look at first: how it failed, and what was there.

    Returns where it is, and what should be seen also where the files cannot be had.
    """
    REPORT.mkdir(parents=True, exist_ok=True)
    place = f"--namespace={namespace}"
    commands = (
        ("get", "etcd,etcdbackup,etcdrestore,sts,jobs,pods,pvc,svc,cm,pdb", place, "--output=wide"),
        ("get", "etcd,etcdbackup,etcdrestore", place, "--output=yaml"),
        ("get", "cm", place, "--output=yaml"),
        ("get", "events", place, "--sort-by=.lastTimestamp"),
        (
            "logs",
            "deployment/etcd-operator",
            f"--namespace={NAMESPACE}",
            "--tail=300",
            "--all-pods=true",
            "--prefix=true",
        ),
    )
    parts = [failure]
    for command in commands:
        try:
            said = target.run(*command)
        except TargetError as error:
            said = str(error)
        parts.append(f"$ kubectl {' '.join(command)}\n{said}")
    path = REPORT / f"{namespace}.txt"
    path.write_text("\n".join(parts))
    if target.is_local:  # its own logs go with it, also why its API server does not answer
        words = [sys.executable, "-m", "local", "logs", "--collect", str(path.with_suffix(""))]
        subprocess.run(words, check=False, cwd=PROJECT, capture_output=True)
    try:
        return f"{path}\n{_describe_operator(target, namespace)}"
    except TargetError as error:
        return f"{path}\n{error}"
