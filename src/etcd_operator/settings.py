"""All settings of the process, read once from the environment and then frozen."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from etcd_operator.core.sharding.shards import MOST_SHARDS
from etcd_operator.errors import OperatorError

RESOLV_CONF = Path("/etc/resolv.conf")
DEFAULT_DOMAIN = "cluster.local"
LAST_PORT = 65535
# Members advertise names in it, so a wrong one would reach the configuration of every cluster.
_DOMAIN = "[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the operator's process that a user may choose.

    `namespaces` is empty for all of them; `identity` names this replica in Leases; replicas share
    the clusters by `shards`, which is the same for all of them.
    `image` is that of the operator, for Jobs; empty to use that of its own Pod. Without
    `assign_user_ids` Pods ask for no user and group, as OpenShift wants it.
    """

    identity: str
    own_namespace: str
    namespaces: tuple[str, ...]
    domain: str
    log_level: str
    port: int
    workers: int
    image: str = ""
    upgrade_rolls: int = 2
    assign_user_ids: bool = True
    recording_port: int = 8082
    shards: int = 1


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings; raises OperatorError with a sentence for a value that cannot be."""
    watched = environment.get("WATCH_NAMESPACES", "")
    level = environment.get("LOG_LEVEL", "info").lower()
    if level not in ("debug", "info", "warning", "error"):
        raise OperatorError(f"LOG_LEVEL {level} is none of debug, info, warning, error")
    port = _read_number(environment, "PORT", 8081, most=LAST_PORT)
    recording_port = _read_number(environment, "RECORDING_PORT", 8082, most=LAST_PORT)
    if port == recording_port:
        raise OperatorError(f"RECORDING_PORT {port} is PORT as well: set another port")
    return Settings(
        identity=environment.get("POD_NAME") or socket.gethostname(),
        own_namespace=environment.get("POD_NAMESPACE", "etcd-operator-system"),
        namespaces=tuple(name.strip() for name in watched.split(",") if name.strip()),
        domain=_read_domain(environment) or detect_domain(_read_resolv_conf()),
        log_level=level,
        port=port,
        workers=_read_number(environment, "WORKERS", 64),
        image=environment.get("OPERATOR_IMAGE", ""),
        upgrade_rolls=_read_number(environment, "UPGRADE_ROLLS", 2),
        assign_user_ids=_read_switch(environment, "ASSIGN_USER_IDS", default=True),
        recording_port=recording_port,
        shards=_read_number(environment, "SHARDS", 1, most=MOST_SHARDS),
    )


def _read_domain(environment: Mapping[str, str]) -> str:
    domain = environment.get("CLUSTER_DOMAIN", "")
    if domain and not re.fullmatch(_DOMAIN, domain):
        raise OperatorError(f"CLUSTER_DOMAIN {domain} is no DNS domain such as {DEFAULT_DOMAIN}")
    return domain


def _read_switch(environment: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = environment.get(name, "").lower()
    if text not in ("", "true", "false"):
        raise OperatorError(f"{name} {text} is neither true nor false")
    return text == "true" if text else default


def _read_number(
    environment: Mapping[str, str], name: str, default: int, most: int | None = None
) -> int:
    text = environment.get(name, str(default))
    if not text.isdecimal() or int(text) == 0:
        raise OperatorError(f"{name} {text} is not a positive number")
    if most is not None and int(text) > most:
        raise OperatorError(f"{name} {text} is more than {most}")
    return int(text)


def _read_resolv_conf() -> str:
    try:
        return RESOLV_CONF.read_text()
    except OSError:
        return ""


def detect_domain(resolv_conf: str) -> str:
    """Return the cluster's DNS domain from a Pod's resolv.conf: what follows `svc.`."""
    for line in resolv_conf.splitlines():
        words = line.split()
        for word in words[1:] if words[:1] == ["search"] else ():
            if word.startswith("svc."):
                return word.removeprefix("svc.")
    return DEFAULT_DOMAIN
