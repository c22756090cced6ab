"""`make demo`: from nothing to an etcd cluster that is written, read, grown and shrunk.

`make demo-backup`: one that is written, backed up, lost with its disks, and restored.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

from demo.backup_story import BackupStory
from deploy.installer import install
from deploy.target import PROJECT, TargetError, ask_local, find_target, provide_image
from local.programs import ESSENTIAL_ETCD

NAMESPACE = "default"
NAME = "demo"
SPEC = {"size": 3, "version": ESSENTIAL_ETCD, "storage": {"size": "4Gi"}}


def main(words: list[str]) -> int:
    """Tell the story; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--context", default="", help="a context of your kubeconfig")
    parser.add_argument("--image", default="", help="the operator's image")
    parser.add_argument("--nodes", default="1", help="nodes of the local cluster")
    parser.add_argument("--backup", action="store_true", help="back up, lose and restore it")
    options = parser.parse_args(words)
    begun = time.monotonic()
    try:
        if not options.context:
            _start_local(options.nodes)
        target = find_target(options.context)
        if options.backup and target.is_local:
            ask_local("image", "object-store")
        image = provide_image(target, options.image)
        story = BackupStory(target, NAMESPACE, NAME, begun)
        story.say(f"installing the operator ({image}) on {target.name} from deploy/install.yaml")
        install(target, image)
        story.say("the operator is ready")
        (_tell_backup if options.backup else _tell)(story)
    except TargetError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def _start_local(nodes: str) -> None:
    if os.geteuid() != 0:
        raise TargetError(
            "The local Kubernetes needs root for its namespaces and containers: run it as root, or "
            "name a cluster of your own with `make demo CONTEXT=name OPERATOR_IMAGE=image`."
        )
    command = [sys.executable, "-m", "local", "up", "--essential", "--nodes", nodes]
    if subprocess.run(command, check=False, cwd=PROJECT).returncode != 0:
        raise TargetError("the local Kubernetes did not start")


def _tell(story: BackupStory) -> None:
    story.begin_anew()
    story.apply(SPEC)
    story.follow(until_size=3)
    story.write_and_read()
    for size in (5, 3):
        story.scale(size)
        story.follow(until_size=size)
    story.read_again()
    story.show()
    story.suggest()


def _tell_backup(story: BackupStory) -> None:
    story.remove()
    store = story.start_store()
    story.apply(SPEC)
    story.follow(until_size=3)
    story.write_and_read()
    place = {"clusterName": NAME, "storageType": "S3", "s3": store.destination()}
    story.apply_task("EtcdBackup", place)
    url = story.storage_path()
    story.lose_everything()
    access = {key: value for key, value in store.destination().items() if key != "bucket"}
    source = {"url": url, "s3": access}
    wanted = {"source": source, "clusterName": NAME, "clusterTemplate": SPEC}
    story.apply_task("EtcdRestore", wanted)
    story.follow(until_size=3)
    story.read_again()
    story.show()
    story.remove()
    story.say("removed again: the cluster, its disks and the S3 service")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
