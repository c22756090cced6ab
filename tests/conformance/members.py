"""What controllers and the kubelet do with a StatefulSet's Pods and disks, modelled and real.

A script is a list of requests, each answered by both; in the end both are quiet and look the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import Any, Final, NamedTuple

from etcd_operator.core.actions import Action, DeleteObject, LabelPod
from etcd_operator.core.model.naming import LABEL_ROLE, Naming
from etcd_operator.errors import Conflict, KubeError, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import CLAIMS, PODS, STATEFUL_SETS
from etcd_operator.runtime.kubernetes.client import LightkubeApi
from etcd_operator.simulation import kubernetes
from etcd_operator.simulation.manifest import Manifest
from etcd_operator.simulation.world import (
    CONTROLLED,
    NAME,
    NO_STATUS,
    STATEFUL_SET,
    Cluster,
    State,
    empty_world,
    put,
)
from tests.builders.snapshots import formed
from tests.conformance.objects import build_performer

LIFE: Final = 1
ELSE: Final = 77  # a uid that nothing has

SCRIPTS: Final = {
    "a Pod comes back on its disk": ("delete pod",),
    "another Pod is not deleted": ("delete other pod",),
    "a disk stays while its Pod does": ("delete claim",),
    "a disk goes with its Pod, and both come back": ("delete claim", "delete pod"),
    "a changed disk is not deleted": ("delete old claim", "delete other claim"),
    "orphans stay": ("orphan",),
    "orphans are adopted": ("orphan", "create"),
    "Pods go with their StatefulSet, disks stay": ("delete set",),
    "another Pod is not labelled": ("label other pod", "label pod"),
    "a disk is deleted without a StatefulSet": ("delete set", "delete claim"),
}


class Look(NamedTuple):
    """The end of a script: what is there, whether it is what was there at first, and the role."""

    pod: str
    claim: str
    owned: bool
    role: str


class ModelledMember:
    """A StatefulSet of one, at rest, in the model's world."""

    def __init__(self) -> None:
        manifest = Manifest(_build_set("team", {"requests": {}}), index=1)
        self._manifest = manifest
        owner = Cluster(LIFE, 0, deleting=False, finalizer=True, status=NO_STATUS)
        world = empty_world(1, faults=0)._replace(cluster=owner)
        state, error = kubernetes.apply(world, STATEFUL_SET, None, "", manifest, LIFE)
        assert error is None
        state = _quiet(state)
        claim = state.claims[0]
        assert claim is not None
        self._state = state._replace(
            claims=put(state.claims, 0, claim._replace(bound=True, has=claim.asked)),
            paused=_REMEMBERS,
        )

    def run(self, script: tuple[str, ...]) -> tuple[list[str], Look]:
        """Play a script; Kubernetes does all that it can after each request."""
        answers = []
        for request in script:
            self._state, error = self._request(request)
            answers.append(error or "done")
            self._state = _quiet(self._state)
        pod, claim = self._state.pods[0], self._state.claims[0]
        return answers, Look(
            _tell(pod is not None, pod is not None and not pod.uid),
            _tell(claim is not None, claim is not None and not claim.uid)
            + (" going" if claim and claim.deleting else ""),
            pod is not None and pod.owner == CONTROLLED and self._state.statefulset is not None,
            pod.role if pod else "",
        )

    def _request(self, request: str) -> tuple[State, str | None]:
        """Every object that was there at first has the uid 0."""
        state, uid = self._state, ELSE if "other" in request else 0
        match request.split()[0], request.split()[-1]:
            case "delete", "pod":
                return kubernetes.delete_pod(state, 0, uid)
            case "delete", "claim":
                return kubernetes.delete_claim(state, 0, uid, "00" if "old" in request else "")
            case "delete", "set":
                return kubernetes.delete_child(state, STATEFUL_SET, uid)
            case "orphan", _:
                return kubernetes.delete_child(state, STATEFUL_SET, uid, orphan=True)
            case "create", _:
                return kubernetes.apply(state, STATEFUL_SET, None, "", self._manifest, LIFE)
            case "label", _:
                return kubernetes.label_pod(state, 0, uid, "learner")
        raise AssertionError(request)


class _Remembers:
    remembered_ids: frozenset[int] = frozenset()


_REMEMBERS: Final = _Remembers()


def _quiet(state: State) -> State:
    """Let controllers and kubelet do all that they do by themselves."""
    while True:
        following = next((after for _, after in kubernetes.kubernetes_steps(state)), None)
        if following is None or following == state:
            return state
        state = following


def _tell(there: bool, same: bool) -> str:
    return "absent" if not there else "the same" if same else "another"


class RealMember:
    """The same in a namespace of a real cluster."""

    def __init__(self, api: LightkubeApi, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._performer = build_performer(api)
        self._snapshot = replace(formed(3), naming=Naming(namespace, NAME, "uid"))
        self._first: dict[str, Json] = {}

    async def begin(self) -> None:
        """Create the StatefulSet."""
        await self._api.create(STATEFUL_SETS, self._namespace, _build_set(self._namespace, {}))

    async def is_ready(self) -> bool:
        """Whether its Pod runs; from then on it is remembered."""
        pod, claim = await self._get(PODS, f"{NAME}-0"), await self._get(CLAIMS, f"data-{NAME}-0")
        found = await self._get(STATEFUL_SETS, NAME)
        if not pod or not claim or not found or pod["status"].get("phase") != "Running":
            return False
        self._first = {"pod": pod, "claim": claim, "set": found}
        return True

    async def request(self, request: str) -> str:
        """Send one request as the operator does."""
        if request == "create":
            await self._create_again()
            return "done"
        try:
            await self._performer.perform(self._build(request), self._snapshot)
        except Conflict:
            return kubernetes.CONFLICT
        except NotFound:
            return kubernetes.NOT_FOUND
        return "done"

    async def _create_again(self) -> None:
        """An orphaning deletion takes a moment more than in the model."""
        for _ in range(100):
            with contextlib.suppress(Conflict):
                return await self.begin()
            await asyncio.sleep(0.1)
        raise AssertionError("the StatefulSet is not gone")

    def _build(self, request: str) -> Action:
        verb, what = request.split()[0], request.split()[-1].replace("orphan", "set")
        first = self._first[what]["metadata"]
        uid = first["uid"].replace(first["uid"][:4], "0000", 1) if "other" in request else ""
        uid = uid or first["uid"]
        if verb == "label":
            return LabelPod(first["name"], uid, "learner")
        kind = {"pod": "Pod", "claim": "PersistentVolumeClaim", "set": "StatefulSet"}[what]
        version = "1" if "old" in request else ""
        return DeleteObject(kind, first["name"], uid, "", version, orphan=request == "orphan")

    async def look(self) -> Look:
        """What there is now."""
        pod, claim = await self._get(PODS, f"{NAME}-0"), await self._get(CLAIMS, f"data-{NAME}-0")
        found = await self._get(STATEFUL_SETS, NAME)
        owners = [o["uid"] for o in (pod or {}).get("metadata", {}).get("ownerReferences") or ()]
        going = bool(claim) and "deletionTimestamp" in claim["metadata"]
        return Look(
            _tell(bool(pod), self._is_first("pod", pod)),
            _tell(bool(claim), self._is_first("claim", claim)) + (" going" if going else ""),
            bool(found) and found["metadata"]["uid"] in owners,
            pod["metadata"]["labels"].get(LABEL_ROLE, "") if pod else "",
        )

    def _is_first(self, what: str, live: Json) -> bool:
        return bool(live) and bool(live["metadata"]["uid"] == self._first[what]["metadata"]["uid"])

    async def _get(self, kind: Any, name: str) -> Json:
        with contextlib.suppress(KubeError):
            return await self._api.get(kind, self._namespace, name)
        return {}


def _build_container(extra: Json) -> Json:
    return {
        "name": "etcd",
        "image": "quay.io/coreos/etcd:v3.6.16",
        "command": ["etcd", "--data-dir=/data/member"],
        "resources": extra,
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _build_set(namespace: str, extra: Json) -> Json:
    """A StatefulSet of one member of etcd, in a configuration of its own."""
    labels = {"app": NAME, LABEL_ROLE: "voter"}
    security = {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": NAME, "namespace": namespace, "annotations": {}},
        "spec": {
            "replicas": 1,
            "serviceName": NAME,
            "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "OnDelete"},
            "selector": {"matchLabels": {"app": NAME}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [_build_container(extra)],
                    "securityContext": security,
                    "terminationGracePeriodSeconds": 5,
                },
            },
            "volumeClaimTemplates": [claim],
        },
    }
