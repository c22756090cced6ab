"""Carry out actions: one handler for each kind of action, no judgement.

Every handler sends the action's preconditions along, so that acting on an old view is refused by
the server. What the API server answers goes into the caches at once.
"""

from __future__ import annotations

from typing import get_args

from etcd_operator.core.actions import (
    Action,
    CertificateAction,
    CreatePasswordSecret,
    WriteConnection,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.handlers.etcd import EtcdHandlers
from etcd_operator.runtime.engine.handlers.kubernetes import ObjectHandlers
from etcd_operator.runtime.engine.handlers.mirror import FindImage, MirrorHandlers
from etcd_operator.runtime.engine.handlers.resize import ResizeHandlers
from etcd_operator.runtime.engine.handlers.table import Table
from etcd_operator.runtime.engine.handlers.volumes import VolumeHandlers
from etcd_operator.runtime.engine.task_caches import TaskCaches
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.etcd.pool import EtcdPool
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.pki.connections import ConnectionSecrets
from etcd_operator.runtime.pki.passwords import PasswordSecrets
from etcd_operator.runtime.pki.secrets import CertificateSecrets

__all__ = ["ActionHandlers"]


class ActionHandlers:
    """Carries out actions on one Kubernetes cluster and the etcd members in it."""

    def __init__(
        self,
        api: KubeApi,
        caches: Caches,
        etcd: EtcdPool,
        credentials: CertificateSecrets,
        access: AuthCache,
        passwords: PasswordSecrets,
        connections: ConnectionSecrets,
        tasks: TaskCaches,
        find_image: FindImage,
    ) -> None:
        async def write_secret(action: CertificateAction, snapshot: Snapshot) -> None:
            await credentials.write(action, snapshot.naming)

        async def create_password(action: CreatePasswordSecret, snapshot: Snapshot) -> None:
            await passwords.create(action, snapshot.naming)

        async def write_connection(action: WriteConnection, snapshot: Snapshot) -> None:
            await connections.write(action, snapshot.naming)

        self.table: Table = {
            **ObjectHandlers(api, caches).table,
            **ResizeHandlers(api, caches).table,
            **VolumeHandlers(api, caches).table,
            **MirrorHandlers(api, tasks, etcd, find_image).table,
            **EtcdHandlers(etcd, access, passwords).table,
            **dict.fromkeys(get_args(CertificateAction), write_secret),
            CreatePasswordSecret: create_password,
            WriteConnection: write_connection,
        }

    async def perform(self, action: Action, snapshot: Snapshot) -> None:
        """Carry out one action, looked at in this snapshot.

        Raises KubeError or EtcdError; after EtcdUnreachable it is unknown whether it took effect.
        """
        await self.table[type(action)](action, snapshot)
