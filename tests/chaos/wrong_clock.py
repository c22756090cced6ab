"""An operator of this tree whose wall clock is wrong, beside those that are installed.

It is the real process, outside the cluster, with another clock. The lease is given to it by force,
so that for a while two operators believe that they act.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from unittest import mock

from deploy.manifests import NAME, NAMESPACE
from deploy.target import PROJECT
from etcd_operator import cli
from etcd_operator.runtime.process.clock import SystemClock
from tests.chaos.site import HOLDER_SECONDS, Site
from tests.e2e.harness import wait_until

IDENTITY: Final = "wrong-clock"
LOG: Final = PROJECT / "build" / "chaos" / "wrong-clock.log"
STARTING_SECONDS: Final = 40.0


def act_with_wrong_clock(site: Site, hours: float) -> Callable[[], None]:
    """Let another operator act; return how to end it and wait for one that is installed."""
    process = _start(site, hours)

    def mend() -> None:
        try:
            if process.poll() is not None:
                raise AssertionError(f"the operator with the wrong clock ended: see {LOG}")
        finally:
            process.kill()
            process.wait()
        others = ("", IDENTITY)
        wait_until("an installed one acts", lambda: site.holder() not in others, HOLDER_SECONDS)

    def acts() -> bool:
        if site.holder() != IDENTITY:
            _give_lease(site)
        return "leading" in LOG.read_text()

    try:
        wait_until("the operator with the wrong clock acts", acts, STARTING_SECONDS)
    except BaseException:
        process.kill()
        raise
    return mend


def _give_lease(site: Site) -> None:
    patch = json.dumps({"spec": {"holderIdentity": IDENTITY}})
    place = f"--namespace={NAMESPACE}"
    site.target.run("patch", "lease", NAME, place, "--type=merge", f"--patch={patch}")


def _start(site: Site, hours: float) -> subprocess.Popen[bytes]:
    kubeconfig = next(w for w in site.target.kubectl if w.startswith("--kubeconfig="))
    environment = {
        **os.environ,
        "KUBECONFIG": kubeconfig.removeprefix("--kubeconfig="),
        "PYTHONPATH": f"{PROJECT / 'src'}:{PROJECT}",
        "POD_NAME": IDENTITY,
        "POD_NAMESPACE": NAMESPACE,
        "CLUSTER_DOMAIN": "cluster.local",
    }
    words = [sys.executable, "-m", "tests.chaos.wrong_clock", f"--hours={hours}"]
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("wb") as log:
        return subprocess.Popen(
            words, env=environment, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )


def build_clock(hours: float) -> type[SystemClock]:
    """A clock whose intervals are right and whose dates are wrong by so many hours."""

    class WrongClock(SystemClock):
        def now(self) -> datetime:
            return super().now() + timedelta(hours=hours)

    return WrongClock


def main(words: list[str]) -> int:
    """Run the operator with the wrong clock; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.wrong_clock", description=__doc__)
    parser.add_argument("--hours", type=float, required=True, help="how far ahead it is")
    options = parser.parse_args(words)
    with socket.socket() as taken:
        taken.bind(("", 0))
        os.environ["PORT"] = str(taken.getsockname()[1])
    with mock.patch.object(cli, "SystemClock", build_clock(options.hours)):
        return cli.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
