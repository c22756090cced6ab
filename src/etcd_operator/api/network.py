"""The part of an EtcdCluster about who may reach its ports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Final, Literal

from pydantic import Field

from etcd_operator.api.model import Model

# The operators of a requirement that need values; the others take none.
WITH_VALUES: Final = ("In", "NotIn")


class LabelRequirement(Model):
    """A requirement on a label."""

    key: str = Field(min_length=1, max_length=317, description="Key of the label.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(
        description="Operator of the comparison."
    )
    values: tuple[str, ...] = Field((), max_length=64, description="For In and NotIn: the values.")


class LabelSelector(Model):
    """Which objects are meant, by their labels; an empty one means all."""

    match_labels: Mapping[str, str] | None = Field(
        None, description="Required labels with their values."
    )
    match_expressions: tuple[LabelRequirement, ...] | None = Field(
        None, max_length=16, description="Further requirements on labels."
    )


class AddressBlock(Model):
    """IP addresses."""

    cidr: str = Field(max_length=64, description="The addresses, e.g. 10.0.0.0/8.")
    exceptions: tuple[str, ...] = Field(
        (), alias="except", max_length=64, description="Excluded addresses within `cidr`."
    )


class NetworkPeer(Model):
    """A peer: Pods by their labels, or IP addresses."""

    pod_selector: LabelSelector | None = Field(
        None,
        description="Selects Pods, in the cluster's namespace or in those of namespaceSelector.",
    )
    namespace_selector: LabelSelector | None = Field(
        None, description="Selects namespaces, whose Pods are selected."
    )
    ip_block: AddressBlock | None = Field(None, description="IP addresses; excludes the selectors.")


class NetworkRules(Model):
    """A NetworkPolicy over the members. It needs a network that enforces such policies."""

    enabled: bool = Field(True, description="Whether there is a NetworkPolicy.")
    client_from: tuple[NetworkPeer, ...] = Field(
        (NetworkPeer(pod_selector=LabelSelector()),),
        max_length=32,
        description=(
            "Peers that may connect to the client port, in addition to members, the operator and "
            "backups. All Pods of the namespace if unset, no others if empty."
        ),
        json_schema_extra={"default": [{"podSelector": {}}]},
    )
    metrics_from: tuple[NetworkPeer, ...] | None = Field(
        None,
        max_length=32,
        description=(
            "Peers that may connect to the ports for metrics, in addition to the operator and the "
            "kubelet: your Prometheus. Everybody if unset, no others if empty."
        ),
    )


def check_network(rules: NetworkRules) -> Iterator[tuple[str, str]]:
    """Yield field and sentence of everything that is wrong with who may connect."""
    path = "spec.security.networkPolicy"
    yield from _check_peers(f"{path}.clientFrom", rules.client_from)
    yield from _check_peers(f"{path}.metricsFrom", rules.metrics_from or ())


def _check_peers(path: str, peers: tuple[NetworkPeer, ...]) -> Iterator[tuple[str, str]]:
    for index, peer in enumerate(peers):
        here = f"{path}[{index}]"
        selects = peer.pod_selector is not None or peer.namespace_selector is not None
        if selects == (peer.ip_block is not None):
            said = f"{here} must have podSelector, namespaceSelector or both, or ipBlock alone"
            yield here, f"{said}: correct it."
        for selector in (peer.pod_selector, peer.namespace_selector):
            yield from _check_selector(here, selector)
        if peer.ip_block is not None:
            yield from _check_block(f"{here}.ipBlock", peer.ip_block)


def _check_selector(path: str, selector: LabelSelector | None) -> Iterator[tuple[str, str]]:
    for wish in (selector.match_expressions or ()) if selector else ():
        if (wish.operator in WITH_VALUES) != bool(wish.values):
            rule = "needs values" if wish.operator in WITH_VALUES else "takes no values"
            yield path, f"{path} compares {wish.key} by {wish.operator}, which {rule}: correct it."


def _check_block(path: str, block: AddressBlock) -> Iterator[tuple[str, str]]:
    for text in (block.cidr, *block.exceptions):
        try:
            ip_network(text, strict=False)
        except ValueError:
            yield path, f"{path} {text} is no block of addresses: use one such as 10.0.0.0/8."
            return
    whole = ip_network(block.cidr, strict=False)
    for text in block.exceptions:
        part = ip_network(text, strict=False)
        inside = part.version == whole.version and part.prefixlen > whole.prefixlen
        if not inside or part.network_address not in whole:
            yield path, f"{path}.except {text} is no part of {block.cidr}: correct or remove it."
