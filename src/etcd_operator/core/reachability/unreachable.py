"""Members that serve without the operator's hearing of it: Ready Pods that do not answer.

A Pod is Ready after a linearizable read that the kubelet asked for, and only a majority can answer
that. So where such Pods do not answer the operator, a service mesh, a NetworkPolicy or a
certificate keeps it away, or etcd asks for a user: nothing is known, and nothing is lost.
"""

from __future__ import annotations

from dataclasses import dataclass

from etcd_operator.core.auth.login import find_accounts
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.errors import NO_PASSWORD


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Why nothing is heard of members that serve: a sentence with the remedy.

    `asks_for_user`: they do answer, if only to say that they want to know which user asks.
    """

    message: str
    pods: tuple[Pod, ...]
    asks_for_user: bool


def find_unreachable(snapshot: Snapshot) -> Unreachable | None:
    """Return why a majority that seems to serve is not heard of; None if it is, or there is none.

    One Ready Pod is enough: without a majority it would not be. But Pods of a node that died stay
    Ready for most of a minute: where a member answers that it sees no leader, that counts.
    """
    if snapshot.quorum_confirmed or _is_without_leader(snapshot):
        return None
    ready = tuple(pod for pod in snapshot.pods if pod.ready and not pod.deleting)
    said = {pod.name: probe for pod in ready if (probe := snapshot.probes.get(pod.ordinal))}
    asking = next((probe for probe in said.values() if probe.asks_for_user), None)
    if asking:
        return Unreachable(_explain_login(snapshot, asking.error), ready, asks_for_user=True)
    silent = [pod for pod in ready if not (said.get(pod.name) and said[pod.name].status)]
    if not silent:
        return None
    words = next((probe.error for probe in said.values() if probe.error), "no answer")
    return Unreachable(_explain_silence(snapshot, silent, words), ready, asks_for_user=False)


def _is_without_leader(snapshot: Snapshot) -> bool:
    return any(probe.status and not probe.status.leader for probe in snapshot.probes.values())


def _explain_silence(snapshot: Snapshot, silent: list[Pod], words: str) -> str:
    names = ", ".join(pod.name for pod in silent)
    unformed = (
        ""
        if snapshot.recorded_cluster_id is not None
        else " A member that has not started yet waits as well."
    )
    return (
        f"{names} is Ready but does not answer the operator: {words[:300]}. A majority may serve "
        "clients. Let the operator's Pods reach port 2379: look at NetworkPolicies, at a service "
        f"mesh that wants mutual TLS, and at certificates. Nothing is changed until then.{unformed}"
    )


def _explain_login(snapshot: Snapshot, words: str) -> str:
    """The sentence for members that do not know the operator, whoever was to see to that."""
    accounts = find_accounts(snapshot.spec, snapshot.naming, snapshot.pods)
    if not any(account.made for account in accounts):
        return explain_user(words)
    if NO_PASSWORD in words:
        return (
            f"etcd does not let the operator in: the user {accounts[-1].user} has no password, as "
            "in a backup of a cluster with TLS, where certificates let users in. etcd gives it "
            "none now. Members serve, but none is added, removed or upgraded. Restore the backup "
            "into a cluster with spec.security.tls: there TLS can be turned off."
        )
    secrets = " and ".join(f"Secret {account.secret}" for account in accounts)
    return (
        f"etcd does not let the operator in: {words[:300]}. It has other passwords than {secrets}. "
        "Members serve, and their Pods are healed, but none is added, removed or upgraded. Write "
        f"the password that {accounts[-1].user} has in etcd into Secret {accounts[-1].secret}, or "
        "disable authentication with `etcdctl auth disable`: the operator sets the rest right."
    )


def explain_user(words: str) -> str:
    """The sentence for etcd's refusal of whoever is not a user, or one without the right."""
    return (
        f"etcd wants a user of the operator: {words[:300]}. Authentication was enabled by hand, "
        "the user root lacks the role root, or etcd has another password for root than the Secret "
        "of spec.security.auth.rootPasswordSecret. Members serve, and their Pods are healed, but "
        "none is added, removed or upgraded. Name a Secret with root's password there, or disable "
        "authentication with `etcdctl auth disable`; to have users, set spec.security.auth."
    )
