"""Every verb without rights, without an operator, and with a connection that breaks: how it ends.

One sentence for people, no traceback, and the exit code of the documentation.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etcd_operator.errors import KubeUnavailable
from etcd_operator.json_types import Json
from etcd_operator.plugin.app import VERBS
from etcd_operator.plugin.exits import Exit
from etcd_operator.runtime.kubernetes.api import BACKUPS, CLUSTERS, STATEFUL_SETS
from tests.builders.exhaustive import exhaustive
from tests.builders.plugin import Ended, Terminal
from tests.fakes.user_api import NAMESPACE, put_cluster, put_pods

STORE = {"clusterName": "db", "storageType": "S3", "s3": {"bucket": "b"}}
OLD = {"spec": {"replicas": 1, "template": {"spec": {"containers": [{"image": "etcd:3.5.35"}]}}}}
LOST = {"type": "QuorumHealthy", "status": "False", "reason": "MajorityLost"}
EVERY_KIND = frozenset({"EtcdCluster", "EtcdBackup", "EtcdRestore"})

# Each verb as it is typed where nobody answers questions.
TYPED: dict[str, tuple[str, ...]] = {
    "status": ("status", "db"),
    "plan": ("plan", "db", "--set=size=5"),
    "record": ("record", "db"),
    "logs": ("logs", "db"),
    "top": ("top", "db"),
    "certificates": ("certificates", "db"),
    "backups": ("backups", "db"),
    "report": ("report", "db", "--output=FOLDER/db.zip"),
    "etcdctl": ("etcdctl", "db", "--", "get", "a"),
    "shell": ("shell", "db"),
    "connect": ("connect", "db", "--directory=FOLDER/client"),
    "snapshot": ("snapshot", "save", "db", "FOLDER/db.snapshot"),
    "scale": ("scale", "db", "5"),
    "upgrade": ("upgrade", "db", "--to=v3.7.0", "--yes"),
    "restart": ("restart", "db", "--yes"),
    "pause": ("pause", "db"),
    "resume": ("resume", "db"),
    "stop": ("stop", "db", "--yes"),
    "start": ("start", "stopped", "--size=3"),
    "backup": ("backup", "db", "--like=nightly"),
    "restore": ("restore", "nightly", "--to=copy"),
    "migrate": ("migrate", "apply", "new", "--from=old", "--yes"),
    "replace": ("replace", "db-1", "--yes"),
    "move-leader": ("move-leader", "db", "--to=db-1"),
    "defrag": ("defrag", "db", "--yes"),
    "renew-certificates": ("renew-certificates", "secured"),
    "rotate-ca": ("rotate-ca", "secured", "--yes"),
    "recover": ("recover", "lost", "--approve=lost"),
}
OFFLINE = {"replay"}
# What all verbs have in common is tried with a few of them each time.
EACH = [*list(TYPED)[::4], *exhaustive(*(verb for n, verb in enumerate(TYPED) if n % 4))]
# What runs kubectl, which has a connection of its own.
BY_KUBECTL = {"top", "etcdctl", "shell", "connect", "snapshot"}
# What shows the rest without a right, or needs no other one, and what it says then.
DEGRADED = {
    "status": "no right to list pods in namespace team",
    "report": "no right to list pods in namespace team",
    "certificates": "db-client-tls",
}
WRITES = {
    *("scale", "upgrade", "restart", "pause", "resume", "stop", "start", "backup", "restore"),
    *("replace", "move-leader", "defrag", "renew-certificates", "rotate-ca", "recover"),
    "migrate",
}


class DeniedBut(set[tuple[str, str]]):
    """All pairs of verb and kind but those that a user has a right to."""

    def __init__(self, has: Callable[[str, str], bool]) -> None:
        super().__init__()
        self._has = has

    def __contains__(self, pair: Any) -> bool:
        """Whether the right is missing."""
        return not self._has(*pair)


def may_read(verb: str, _: str) -> bool:
    return verb in ("get", "list")


def may_use_clusters(_: str, kind: str) -> bool:
    return kind == "etcdclusters"


@pytest.fixture
def terminal() -> Terminal:
    terminal = Terminal()
    put_cluster(terminal.server)
    put_pods(terminal.server)
    for ordinal in range(3):
        terminal.api.metrics(
            f"db-{ordinal}",
            etcd_mvcc_db_total_size_in_bytes=2**22,
            etcd_mvcc_db_total_size_in_use_in_bytes=2**20,
        )
    specs: dict[str, Json] = {
        "secured": {"security": {"tls": {"caGeneration": 4}}},
        "stopped": {"size": 0},
    }
    for name, spec in specs.items():
        cluster = put_cluster(terminal.server, name)
        whole = {**cluster, "spec": {**cluster["spec"], **spec}}
        terminal.server.put(CLUSTERS, name, whole, NAMESPACE)
    put_cluster(terminal.server, "lost", conditions=[LOST])
    put_pods(terminal.server, "lost")
    terminal.api.metrics("lost-0", etcd_debugging_mvcc_current_revision=7)
    terminal.server.put(STATEFUL_SETS, "old", OLD, NAMESPACE)
    complete = {"phase": "Completed", "completionTime": "2026-01-01T00:00:00Z"}
    terminal.server.put(BACKUPS, "nightly", {"spec": STORE, "status": complete}, NAMESPACE)
    return terminal


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubectl that fails with the words of its file, and an etcdctl beside it."""
    for name, text in (("kubectl", "cat $0.says >&2; exit 1"), ("etcdctl", "exit 0")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "kubectl.says"


def type_verb(terminal: Terminal, verb: str, folder: Path, answer: str = "") -> Ended:
    """Type a verb, and check that no traceback is what the user reads."""
    words = (word.replace("FOLDER", str(folder)) for word in TYPED[verb])
    ended = terminal.type(*words, answer=answer)
    assert "Traceback" not in ended.err
    return ended


def test_every_verb_is_walked() -> None:
    assert TYPED.keys() | OFFLINE == VERBS.keys()


@pytest.mark.parametrize("verb", TYPED)
def test_without_any_right(terminal: Terminal, verb: str, tmp_path: Path) -> None:
    terminal.api.denied = DeniedBut(lambda *_: False)
    ended = type_verb(terminal, verb, tmp_path)
    assert (ended.code, ended.out) == (Exit.FORBIDDEN, "")
    assert ended.err.startswith('You do not have this right: User "jo" cannot ')


@pytest.mark.parametrize("verb", sorted(WRITES))
def test_with_rights_to_read_alone_nothing_is_changed(
    terminal: Terminal, verb: str, tmp_path: Path
) -> None:
    terminal.api.denied = DeniedBut(may_read)
    ended = type_verb(terminal, verb, tmp_path)
    assert ended.code == Exit.FORBIDDEN
    assert ended.err.splitlines()[-1].startswith('You do not have this right: User "jo" cannot ')


@pytest.mark.parametrize("verb", sorted(TYPED.keys() - WRITES - BY_KUBECTL))
def test_with_the_right_to_clusters_alone(terminal: Terminal, verb: str, tmp_path: Path) -> None:
    terminal.api.denied = DeniedBut(may_use_clusters)
    ended = type_verb(terminal, verb, tmp_path)
    assert ended.code == (Exit.DONE if verb in DEGRADED else Exit.FORBIDDEN), ended
    assert re.search(DEGRADED.get(verb, "right|cannot"), ended.out + ended.err)


@pytest.mark.parametrize("verb", EACH)
def test_without_an_operator(terminal: Terminal, verb: str, tmp_path: Path) -> None:
    terminal.api.unknown = set(EVERY_KIND)
    ended = type_verb(terminal, verb, tmp_path)
    assert (ended.code, ended.out) == (Exit.NO_OPERATOR, "")
    assert "the operator is not installed, or one of another version is" in ended.err


def break_after(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, requests: int) -> None:
    """Let the connection break after so many requests."""
    arrive, count = terminal.api._arrive, 0

    async def come(*words: Any, **more: Any) -> Any:
        nonlocal count
        count += 1
        if count > requests:
            raise KubeUnavailable("get: ReadError('connection reset')")
        return await arrive(*words, **more)

    monkeypatch.setattr(terminal.api, "_arrive", come)


@pytest.mark.parametrize("verb", EACH)
def test_without_a_connection(
    terminal: Terminal, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_after(terminal, monkeypatch, 0)
    ended = type_verb(terminal, verb, tmp_path)
    assert (ended.code, ended.out) == (Exit.UNREACHABLE, "")
    assert ended.err == "The API server does not answer: get: ReadError('connection reset')\n"


@pytest.mark.parametrize("verb", sorted(TYPED.keys() - BY_KUBECTL - {"certificates"}))
def test_a_connection_that_breaks_in_the_middle(
    terminal: Terminal, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_after(terminal, monkeypatch, 1)
    ended = type_verb(terminal, verb, tmp_path)
    assert ended.code == Exit.UNREACHABLE, ended
    assert "ReadError('connection reset')" in ended.out + ended.err


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ('Error from server (Forbidden): pods "db-0" is forbidden: User "jo" cannot create', 5),
        ("E1129 memcache.go:265] x\nThe connection to the server h:1 was refused - did you", 6),
        ("error: lost connection to pod", 6),
        ("Error from server: error dialing backend: dial tcp 10.0.0.1:10250", 6),
        ('Error from server (NotFound): pods "db-0" not found', 3),
    ],
)
@pytest.mark.parametrize("verb", sorted(BY_KUBECTL))
def test_what_kubectl_cannot_do(
    terminal: Terminal, kubectl: Path, verb: str, says: str, code: int
) -> None:
    kubectl.write_text(f"{says}\n")
    ended = type_verb(terminal, verb, kubectl.parent / "made", answer="get a\n")
    assert ended.code == (Exit.DONE if verb == "shell" else code), ended
    assert says.splitlines()[-1] in ended.err


def test_logs_that_can_be_read_are_shown_beside_those_that_cannot(terminal: Terminal) -> None:
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/db-0/log"
    terminal.api.texts[path] = '2026-11-28T17:00:00Z {"level":"info","msg":"serving"}\n'
    ended = terminal.type("logs", "db")
    assert ended.code == Exit.DONE
    assert "serving" in ended.out
    assert "could not get pods/log of db-1" in ended.out


def test_a_port_forward_that_ends_is_told(terminal: Terminal, kubectl: Path) -> None:
    forwards = "echo 'Forwarding from 127.0.0.1:12345 -> 2379'; echo 'error: lost' >&2"
    (kubectl.parent / "kubectl").write_text(f"#!/bin/sh\n{forwards}\n")
    ended = type_verb(terminal, "connect", kubectl.parent)
    assert ended.code == Exit.UNREACHABLE
    assert ended.err == "The port-forward to Pod db-0 has ended: error: lost\n"
