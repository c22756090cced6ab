"""Pods whose logs are about a cluster: its members', and the operator's that serves it."""

from __future__ import annotations

from typing import Final

from etcd_operator.json_types import Json
from etcd_operator.plugin.clusters import selector_of
from etcd_operator.plugin.log_lines import Source
from etcd_operator.plugin.rights import Gaps
from etcd_operator.plugin.serving import find_home
from etcd_operator.plugin.session import Session
from etcd_operator.plugin.whose_word import vouch
from etcd_operator.runtime.kubernetes.api import PODS

OPERATOR_SELECTOR: Final = "app.kubernetes.io/name=etcd-operator"


async def find_sources(session: Session, gaps: Gaps, cluster: Json) -> list[Source]:
    """Return the containers to read; what may not be listed is left out, and said."""
    metadata = cluster["metadata"]
    pods = await gaps.list_or_none(session, PODS, metadata["namespace"], selector_of(cluster))
    found = [_source(pod) for pod in pods if _has_etcd(pod)]
    if home := find_home(cluster):
        operators = await gaps.list_or_none(session, PODS, home, OPERATOR_SELECTOR)
        about = (metadata["namespace"], metadata["name"])
        found += [
            _source(pod, about) for pod in operators if await _is_known(session, gaps, cluster, pod)
        ]
    return found


async def _is_known(session: Session, gaps: Gaps, cluster: Json, pod: Json) -> bool:
    """Whether nobody says that a Pod is not the operator's."""
    name, place = pod["metadata"]["name"], pod["metadata"]["namespace"]
    right = f"read the log of Pod {name} in namespace {place}"
    return await gaps.attempt(right, vouch(session, cluster, place, name), None) is not None


def _has_etcd(pod: Json) -> bool:
    return any(each["name"] == "etcd" for each in pod["spec"].get("containers") or ())


def _source(pod: Json, about: tuple[str, str] | None = None) -> Source:
    metadata, containers = pod["metadata"], pod["spec"].get("containers") or [{"name": ""}]
    container = "etcd" if about is None else containers[0]["name"]
    return Source(metadata["namespace"], metadata["name"], container, about)
