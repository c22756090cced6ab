"""Which image the operator runs from: Jobs of backups and restores run from the same."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from etcd_operator import __version__
from etcd_operator.errors import Forbidden, KubeError, NotFound
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi

log = structlog.get_logger("own-image")

FALLBACK: Final = f"etcd-operator:{__version__}"
_PAUSE: Final = 2.0


async def find_own_image(api: KubeApi, namespace: str, pod: str) -> str:
    """Return the image of this process's Pod; the release's name where it runs in no Pod."""
    while True:
        try:
            found = await api.get(kube.PODS, namespace, pod)
            return str(found["spec"]["containers"][0]["image"])
        except (NotFound, Forbidden) as error:
            log.warning("no Pod of our own: set OPERATOR_IMAGE", error=str(error)[:200])
            return FALLBACK
        except KubeError as error:
            log.warning("cannot read our own Pod", error=str(error)[:200])
            await asyncio.sleep(_PAUSE)
