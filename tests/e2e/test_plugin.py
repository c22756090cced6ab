"""Each verb of the kubectl plugin on the real cluster, as a person types it."""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import zipfile
from pathlib import Path

import pytest

from etcd_operator.json_types import Json
from tests.e2e.harness import Cluster, no_pods_in, wait_until
from tests.e2e.terminal import Shell

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]


def roles(view: Json) -> dict[str, str]:
    return {member["name"]: member["role"] for member in view["members"]}


def test_each_verb_as_a_person_types_it(cluster: Cluster, shell: Shell, tmp_path: Path) -> None:
    """What needs one member is done with one: rolls and defragmentations take as long for each."""
    cluster.create(size=1, version="v3.5.35")
    cluster.wait_running(1)
    upgrade(cluster, shell)
    use_etcd(shell, tmp_path)
    change(cluster, shell)
    defragment(cluster, shell)
    grown = shell.run("scale", "c", "3", "--wait")
    assert "spec.size of EtcdCluster c is 3; it was 1." in grown
    assert "3/3  Healthy" in grown
    look(shell)
    change_members(cluster, shell)
    report(shell, tmp_path)
    shrink_and_stop(shell)


def upgrade(cluster: Cluster, shell: Shell) -> None:
    """To the next minor version: it is shown to the end, asked, and followed to the verdict."""
    assert "Nothing was changed" in shell.run("upgrade", "c", "--to=v3.6.16", answer="n\n", code=7)
    said = shell.run("upgrade", "c", "--to=v3.6.16", "--wait", answer="y\n")
    assert "Pods that end: c-0." in said
    assert "v3.5.35 -> v3.6.16. Every Pod" in said
    assert "spec.version of EtcdCluster c is v3.6.16; it was v3.5.35." in said
    assert "1/1  Healthy" in said
    assert cluster.member("c-0")["version"] == "3.6.16"


def look(shell: Shell) -> None:
    view = shell.view("status", "c")
    assert (view["phase"], view["ready"], view["missing"]) == ("Running", 3, [])
    assert sorted(roles(view).values()) == ["follower", "follower", "leader"]
    for member in view["members"]:
        assert member["dbSize"] >= member["dbInUse"] > 0
        assert member["dbQuota"] == 2 * 2**30
        assert member["disk"]
        assert member["node"]
        assert member["revisionLag"] is not None
    assert [row["name"] for row in shell.view("status")] == ["c"]
    assert "c-0" in shell.run("logs", "c", "--tail=5")
    shell.talk(["logs", "c", "--follow", "--tail=5"], (" c-0 && c-1 && c-2 ", "\x03"))
    assert "No certificates" in shell.run("certificates", "c")
    assert shell.run("status", "cc", code=3).endswith("There is c.\n")
    # On a terminal it stays, and draws again; Ctrl-C is how it ends.
    assert "Healthy" in shell.talk(["status", "c", "--watch"], ("Events", "\x03"))


def use_etcd(shell: Shell, tmp_path: Path) -> None:
    assert shell.run("etcdctl", "c", "--", "put", "/app/a", "1").strip() == "OK"
    said = shell.talk(["shell", "c"], ("c> ", "get /app/a --print-value-only\n"), ("\n1", "exit\n"))
    assert "Error" not in said
    assert {"prefix": "/app/", "keys": 1, "sampled": 1, "aboutBytes": 7} in shell.view("top", "c")[
        "prefixes"
    ]
    saved = tmp_path / "snapshot.db"
    shell.run("snapshot", "save", "c", str(saved))
    assert saved.stat().st_size > 16384
    shell.run("snapshot", "save", "c", str(saved), code=2)


def change(cluster: Cluster, shell: Shell) -> None:
    shell.run("pause", "c", "--wait")
    assert shell.view("status", "c")["paused"] is True
    shell.run("resume", "c", "--wait")
    said = shell.run("restart", "c", "--yes", "--wait")
    assert "Upgrading" in said
    assert "1/1  Healthy" in said
    assert "Versions that may follow: 3.5.x, 3.6.x, 3.7.x" in shell.run("upgrade", "c")
    shell.run("upgrade", "c", "--to=v9.9.9", "--yes", code=9)
    assert "has not lost its majority" in shell.run("recover", "c", "--approve=c", code=1)
    assert cluster.member("c-0")["role"] == "leader"


def defragment(cluster: Cluster, shell: Shell) -> None:
    waste_space(cluster)
    (large,) = (member["dbSize"] for member in shell.view("status", "c")["members"])
    shell.run("defrag", "c", "--yes", "--wait")
    (small,) = (member["dbSize"] for member in shell.view("status", "c")["members"])
    assert small < large - 2**20


def waste_space(cluster: Cluster) -> None:
    """Write more than 2 MB and delete them, so that the file has as much unused."""
    put = ("exec", "--stdin", "c-0", "--container=etcd", "--", "etcdctl", "put")
    for number in range(2):
        cluster.kubectl(*put, f"/waste/{number}", stdin="x" * 1_400_000)
    deleted = json.loads(cluster.etcdctl("del", "/waste/", "--prefix", "-w=json"))
    cluster.etcdctl("compact", "--physical=true", str(deleted["header"]["revision"]))


def change_members(cluster: Cluster, shell: Shell) -> None:
    leads = {member["name"]: member["role"] for member in cluster.status()["members"]}
    follower = next(name for name, role in leads.items() if role == "follower")
    shell.run("move-leader", "c", f"--to={follower}", "--wait")
    assert cluster.member(follower)["role"] == "leader"
    before = cluster.member("c-1")["id"]
    shell.run("replace", "c-1", "--yes", "--wait")
    assert cluster.member("c-1")["id"] != before


def report(shell: Shell, tmp_path: Path) -> None:
    bundle = tmp_path / "c.zip"
    shell.run("report", "c", f"--output={bundle}")
    with zipfile.ZipFile(bundle) as opened:
        names = set(opened.namelist())
    assert {"cluster.json", "status.json", "objects/pods.json", "about.json"} <= names
    assert {f"logs/members/c-{n}.log" for n in range(3)} <= names
    assert {f"metrics/c-{n}.txt" for n in range(3)} <= names


def shrink_and_stop(shell: Shell) -> None:
    assert "Nothing was changed" in shell.run("scale", "c", "1", answer="n\n", code=7)
    shell.run("scale", "c", "1", "--wait", answer="y\n")
    assert "Stopped" in shell.run("stop", "c", "--yes", "--wait")
    assert "1/1  Healthy" in shell.run("start", "c", "--wait")
    kept = shell.run("etcdctl", "c", "--", "get", "/app/a", "--print-value-only")
    assert kept.strip() == "1"


def find_secrets(cluster: Cluster) -> list[bytes]:
    """Every line of every Secret of the namespace that is a secret, and its form in base64."""
    words = set()
    for secret in cluster.read("get", "secrets")["items"]:
        for encoded in secret["data"].values():
            lines = base64.b64decode(encoded).splitlines()
            words |= {encoded.encode(), *(line for line in lines if b"-----" not in line)}
    return [word for word in words if len(word) >= 16]


def authority_of(cluster: Cluster) -> str:
    """The certificate of the authority that signs for clients, in base64."""
    secret = cluster.read("get", "secret", "c-client-ca")
    return str(secret["data"]["tls.crt"])


def use_from_here(shell: Shell, tmp_path: Path) -> None:
    """Be a client from this machine, by what `connect` writes and forwards."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder, said = tmp_path / "client", tmp_path / "said.txt"
    command = ["sh", "-c", f". {folder}/env && etcdctl put from here > {said} 2>&1"]
    shell.talk(
        ["connect", "c", f"--directory={folder}", f"--port={port}"],
        ("Ready. In another terminal", "\x03"),
        meanwhile=lambda: subprocess.run(command, check=False, env=shell.environment),
    )
    assert said.read_text().strip() == "OK"


def test_certificates_backups_and_no_secret_in_a_report(
    cluster: Cluster, shell: Shell, tmp_path: Path
) -> None:
    user = {"name": "web", "roles": ["root"]}
    cluster.create(
        size=1, version="v3.6.16", security={"tls": {"caOverlap": "0s"}, "auth": {"users": [user]}}
    )
    archive = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "archive", "namespace": cluster.namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    to_disk = {
        "apiVersion": "etcd.etcd.io/v1alpha1",
        "kind": "EtcdBackup",
        "metadata": {"name": "nightly", "namespace": cluster.namespace},
        "spec": {
            "clusterName": "c",
            "storageType": "Local",
            "local": {"claimName": "archive"},
            "schedule": "0 0 1 1 *",
        },
    }
    cluster.target.apply(archive, to_disk)
    cluster.wait_running(1)
    authority = authority_of(cluster)
    days = shell.view("certificates", "c")
    assert {row["secret"] for row in days} >= {"c-client-tls", "c-server-tls"}
    before = {row["secret"]: row["notAfter"] for row in days}
    shell.run("renew-certificates", "c", "--wait")
    after = {row["secret"]: row["notAfter"] for row in shell.view("certificates", "c")}
    assert after["c-client-tls"] > before["c-client-tls"]
    assert shell.run("etcdctl", "c", "--", "put", "a", "1").strip() == "OK"
    assert "web" in shell.run("etcdctl", "c", "--user=web", "--", "user", "list")
    shell.run("backup", "c", "--name=now", "--wait")
    rows = {row["name"]: row for row in shell.view("backups", "c")}
    assert (rows["now"]["phase"], rows["now"]["verified"]) == ("Completed", "True")
    shell.run("restore", "now", "--to=copy", "--wait")
    use_from_here(shell, tmp_path)
    said = shell.run("restore", "now", "--in-place=c", "--wait", answer="y\n")
    assert "All writes to EtcdCluster c since" in said
    assert "Disks that are deleted: data-c-0." in said
    cluster.wait_running(1)
    assert shell.view("certificates", "c")
    shell.run("rotate-ca", "c", "--yes", "--wait")
    assert cluster.condition("CertificatesValid")["reason"] == "AllValid"
    assert authority_of(cluster) != authority
    bundle = tmp_path / "c.zip"
    shell.run("report", "c", f"--output={bundle}")
    with zipfile.ZipFile(bundle) as opened:
        texts = {name: opened.read(name) for name in opened.namelist()}
    secrets = find_secrets(cluster)
    assert len(secrets) > 50
    found = [(name, word) for name, text in texts.items() for word in secrets if word in text]
    assert found == []
    assert b"c-server-tls" in texts["objects/secrets.json"]


def test_recovery_is_approved_with_the_name_of_the_cluster(cluster: Cluster, shell: Shell) -> None:
    cluster.create(size=3, version="v3.6.16", recovery={"memberReplacementDelay": "10s"})
    cluster.wait_running(3)
    cluster.put("a", "1")
    with no_pods_in(cluster.target, cluster.namespace):
        cluster.kubectl("delete", "pod", "c-1", "c-2")
        # Not waited for: the StatefulSet makes claims of these names anew at once.
        cluster.kubectl("delete", "pvc", "data-c-1", "data-c-2", "--wait=false")
        wait_until(
            "the majority is lost",
            lambda: cluster.condition("QuorumHealthy")["status"] == "False",
        )
        said = shell.talk(["recover", "c"], ("to go on: ", "c\n"))
        assert re.search(r"c-0 +[0-9]+", said), said
        assert re.search(r"c-1 +unknown", said), said
        assert "Then it rests." in said, "the steps are shown to the end"
        assert "approves revision" in said
    cluster.wait_running(3, 180)
    assert cluster.read_key("a") == "1"
    assert cluster.condition("DataLossPossible")["status"] == "True"
