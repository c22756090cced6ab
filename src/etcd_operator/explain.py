"""`python -m etcd_operator explain NAMESPACE/NAME`: why the operator does something, or nothing."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from etcd_operator.core.plan.explain import render
from etcd_operator.errors import NotFound, OperatorError
from etcd_operator.runtime.engine.explain import look_once
from etcd_operator.runtime.etcd.pool import EtcdPool
from etcd_operator.runtime.kubernetes.client import LightkubeApi
from etcd_operator.runtime.process import logs
from etcd_operator.runtime.process.clock import SystemClock
from etcd_operator.settings import Settings, read_settings


def main(words: list[str]) -> int:
    """Print what each rule says about an EtcdCluster; reads only. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="etcd-operator explain", description=main.__doc__)
    parser.add_argument("cluster", metavar="NAMESPACE/NAME", help="the EtcdCluster")
    parser.add_argument("--context", default="", help="a context of your kubeconfig")
    options = parser.parse_args(words)
    namespace, _, name = options.cluster.partition("/")
    if not namespace or not name:
        parser.error(f"{options.cluster} is not of the form NAMESPACE/NAME")
    logs.configure("error")
    try:
        settings = read_settings(os.environ)
        lines = asyncio.run(_explain(settings, options.context, namespace, name))
    except NotFound as error:
        sys.stderr.write(f"EtcdCluster {namespace}/{name}: {error}\n")
        return 1
    except OperatorError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


async def _explain(settings: Settings, context: str, namespace: str, name: str) -> list[str]:
    api, etcd = LightkubeApi.from_environment(context=context), EtcdPool()
    try:
        snapshot = await look_once(api, etcd, SystemClock(), settings, namespace, name)
        return list(render(snapshot))
    finally:
        await etcd.close()
        await api.close()
