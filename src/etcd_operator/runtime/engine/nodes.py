"""Find out what became of the nodes of members that do not come up.

Nodes are not watched: they are asked for only when a Pod cannot end or its disk keeps it from being
scheduled. Whoever may not read them (an operator with rights in one namespace only) does not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from etcd_operator.core.model.live_objects import Claim, NodeState, Pod
from etcd_operator.errors import KubeError, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.process.clock import Clock

# How long an answer is believed: a pass that waits for a Pod comes every second.
BELIEVED_SECONDS: Final = 5.0
HOSTNAME: Final = "kubernetes.io/hostname"


class NodeLookup:
    """Answers by ordinal what became of a node, and nothing where that is unknown."""

    def __init__(self, api: KubeApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, NodeState | None]] = {}

    async def find(self, pods: Iterable[Pod], claims: Iterable[Claim]) -> Mapping[int, NodeState]:
        """Look at the nodes of the Pods that do not come up, and no others."""
        pods = tuple(pods)
        volumes: dict[int, list[str]] = {}
        for claim in claims:
            volumes.setdefault(claim.ordinal, []).extend(filter(None, (claim.volume,)))
        found: dict[int, NodeState] = {}
        for pod in pods:
            state = None
            if pod.deleting and pod.node and pod.ends_by and pod.ends_by <= self._clock.now():
                state = await self._recall("node", pod.node)
            elif not (pod.node or pod.deleting) and pod.problem:
                state = await self._find_worst(volumes.get(pod.ordinal, ()))
            if state is NodeState.GONE and not await self._sees_nodes(pods):
                state = None
            if state is not None:
                found[pod.ordinal] = state
        return found

    async def _find_worst(self, volumes: Iterable[str]) -> NodeState | None:
        """State of the node of these volumes that is worst off: a member needs each of them."""
        states = [await self._recall("volume", volume) for volume in volumes]
        worst = (NodeState.GONE, NodeState.DOWN, NodeState.UP)
        return next((state for state in worst if state in states), None)

    async def _sees_nodes(self, pods: Iterable[Pod]) -> bool:
        """Whether the node of any Pod can be found: else that one is missing proves nothing.

        In a virtual cluster there may be no Nodes, or others than Pods name.
        """
        for name in sorted({pod.node for pod in pods if pod.node}):
            if await self._recall("node", name) in (NodeState.UP, NodeState.DOWN):
                return True
        return False

    async def _recall(self, what: str, name: str) -> NodeState | None:
        now = self._clock.monotonic()
        self._known = {k: v for k, v in self._known.items() if now - v[0] < BELIEVED_SECONDS}
        if (what, name) not in self._known:
            try:
                state = await (self._ask_node(name) if what == "node" else self._ask_volume(name))
            except KubeError:
                state = None
            self._known[what, name] = now, state
        return self._known[what, name][1]

    async def _ask_node(self, name: str) -> NodeState:
        try:
            return judge_node(await self._api.get(kube.NODES, "", name))
        except NotFound:
            return NodeState.GONE

    async def _ask_volume(self, name: str) -> NodeState | None:
        """A disk is as good as the best of the nodes that it can be used on."""
        names = bound_to(await self._api.get(kube.VOLUMES, "", name))
        if not names:
            return None
        states = [state for each in sorted(names) for state in await self._find_nodes(each)]
        if not states:
            return NodeState.GONE
        return NodeState.UP if NodeState.UP in states else NodeState.DOWN

    async def _find_nodes(self, hostname: str) -> list[NodeState]:
        selector = f"{HOSTNAME}={hostname}"
        return [
            judge_node(node)
            async for page in self._api.list_pages(kube.NODES, None, selector)
            for node in page.get("items") or ()
        ]


def judge_node(node: Json) -> NodeState:
    """Tell from its own condition whether a node answers; a cordoned one does."""
    for condition in (node.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Ready":
            return NodeState.UP if condition.get("status") == "True" else NodeState.DOWN
    return NodeState.DOWN


def bound_to(volume: Json) -> frozenset[str]:
    """Return the host names that a volume is bound to; none if it can follow a Pod elsewhere."""
    affinity = (volume.get("spec") or {}).get("nodeAffinity") or {}
    terms = (affinity.get("required") or {}).get("nodeSelectorTerms") or ()
    names: set[str] = set()
    for term in terms:
        here = [
            value
            for rule in term.get("matchExpressions") or ()
            if rule.get("key") == HOSTNAME and rule.get("operator") == "In"
            for value in rule.get("values") or ()
        ]
        if not here:
            return frozenset()  # one of the choices is not about a single node
        names.update(here)
    return frozenset(names)
