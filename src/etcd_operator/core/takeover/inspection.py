"""What speaks against joining a running etcd cluster: a list of checks, each with its sentence.

Nothing is done before all of them are content, and the first thing that is done is the record. What
a member says of itself, and what etcd's list says of members, anybody may have written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from etcd_operator.api.bootstrap import ANNOTATION_CONSENT, JOIN, KEY_CONSENT, MOST_SOURCES
from etcd_operator.api.etcd_config import DEFAULT_QUOTA
from etcd_operator.api.release import Release, Version
from etcd_operator.core.auth.tokens import TokenKind, find_token_setting, read_setting_kind
from etcd_operator.core.model.members import Member, MemberStatus, format_id, read_host
from etcd_operator.core.model.naming import cluster_of_host
from etcd_operator.core.model.ownership import NAMED, show_urls
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.source import Source, SourcePod
from etcd_operator.core.takeover.record import Stage

# Before it the promotion of a learner is not in the older of two stores, and spreads by snapshots
# (etcd's CHANGELOG-3.5).
SAFE_TO_JOIN: Final[Release] = (3, 5, 24)
_LOGIN_FIELD: Final = "spec.security.auth.rootPasswordSecret"
# What is written into a joiner's list of members.
_PEER_URL: Final = re.compile(r"(https?)://[A-Za-z0-9._-]{1,253}:[0-9]{1,5}")


def must_see_source(snapshot: Snapshot) -> bool:
    """Whether a take-over is to begin or under way, or its record may be lost."""
    if snapshot.take_over is not None or snapshot.recorded_cluster_id is None:
        return True
    return bool(snapshot.ownership.foreign)


def is_formed_anew(members: tuple[Member, ...], snapshot: Snapshot) -> bool:
    """Whether old members that list these have formed a cluster anew: on empty disks, by the IDs.

    etcd derives the IDs of the cluster and of its first members from what it is started with. In
    the cluster that is taken over there are new members before old ones go.
    """
    record = snapshot.take_over
    if record is None or record.stage is Stage.JOIN or snapshot.cluster.deleting:
        return False
    return not any(snapshot.naming.ordinal_of_member(each) is not None for each in members)


def find_refusal(snapshot: Snapshot) -> str:
    """Return what speaks against joining, by the first check that has an objection; or nothing."""
    source = snapshot.source
    if source is None:
        return f"{JOIN} was not looked at yet"
    checks = _CHECKS_OF_ENDPOINTS if source.listed else _CHECKS_OF_STATEFULSET
    return next((why for check in checks for why in check(snapshot, source)), "")


def _must_be_new(snapshot: Snapshot, _: Source) -> Iterator[str]:
    """Members of its own may have formed a cluster already, which no record tells of yet."""
    begun = snapshot.pods or snapshot.claims or snapshot.statefulset
    if begun and snapshot.recorded_cluster_id is None:
        yield (
            "the EtcdCluster has begun to form a cluster of its own: delete it, and create it with "
            "joinExisting from the beginning"
        )


def _must_exist(_: Snapshot, source: Source) -> Iterator[str]:
    if not source.exists:
        yield f"StatefulSet {source.name}, which {JOIN} names, does not exist: create it or correct"


def refuse_owned(name: str, owner: str) -> str:
    """Return the sentence about a StatefulSet that belongs to an EtcdCluster."""
    return (
        f"StatefulSet {name} belongs to EtcdCluster {owner}, whose Pods would come back: name a "
        "StatefulSet of no EtcdCluster, or copy the data with an EtcdBackup and an EtcdRestore"
    )


def _must_be_of_no_cluster(_: Snapshot, source: Source) -> Iterator[str]:
    """The operator itself would scale it out again."""
    if owner := source.owner:
        yield refuse_owned(source.name, owner)


def _must_be_of_no_known_cluster(snapshot: Snapshot, source: Source) -> Iterator[str]:
    """The operator itself would heal the cluster whose members go.

    Its members are known by their DNS names. A client of etcd can change a peer URL in the list,
    but not what a member tells of where it serves clients.
    """
    for pod in source.pods:
        hosts = [pod.address.rpartition(":")[0].lower()]
        for member in snapshot.members:
            if pod.status and member.id == pod.status.member_id:
                hosts += [*member.peer_hosts, *map(read_host, member.client_urls)]
        owner = next(filter(None, map(cluster_of_host, hosts)), "")
        if owner:
            yield (
                f"{source.label(pod)} is of EtcdCluster {owner}, which would replace the members "
                "that go: list members of no EtcdCluster, or copy the data with an EtcdBackup and "
                "an EtcdRestore"
            )


def _must_consent(snapshot: Snapshot, source: Source) -> Iterator[str]:
    if source.consent != snapshot.cluster.name:
        yield (
            f"StatefulSet {source.name} does not allow it: `kubectl annotate statefulset "
            f"{source.name} {ANNOTATION_CONSENT}={snapshot.cluster.name}`"
        )


def find_missing_consent(snapshot: Snapshot, source: Source) -> str:
    """Return the sentence about an endpoint whose member answers and has no consent; or ''.

    Every member is asked for itself: one that only pretends to be of that cluster allows nothing
    for the others.
    """
    named = f"{snapshot.naming.namespace}/{snapshot.cluster.name}"
    unasked = [pod.name for pod in source.pods if pod.status and not pod.allows]
    put = f"`etcdctl put {KEY_CONSENT} {named}`"
    return f"etcd at {unasked[0]} does not allow it: {put}" if unasked else ""


def _must_consent_by_key(snapshot: Snapshot, source: Source) -> Iterator[str]:
    """Who may write the EtcdCluster may also write what it takes over."""
    if why := find_missing_consent(snapshot, source):
        yield why


def _must_be_small(_: Snapshot, source: Source) -> Iterator[str]:
    if not 0 < source.replicas <= MOST_SOURCES:
        yield (
            f"StatefulSet {source.name} has {source.replicas} replicas: only clusters of 1 to "
            f"{MOST_SOURCES} members can be joined"
        )


def _must_run(snapshot: Snapshot, source: Source) -> Iterator[str]:
    for ordinal in range(source.start, source.start + source.replicas):
        pod = source.pod(ordinal)
        if pod is None or pod.deleting:
            yield f"Pod {source.name}-{ordinal} does not run: bring it back"
        elif pod.status is None:
            yield from _say_silence(snapshot, source, pod)


def _say_silence(snapshot: Snapshot, source: Source, pod: SourcePod) -> Iterator[str]:
    said = pod.probe.error if pod.probe else "it has no address"
    if pod.probe and pod.probe.asks_for_user:
        yield _wants_user(snapshot, source.label(pod), pod.probe.error)
    how = "with TLS" if snapshot.cluster.spec.client_tls else "in plain text"
    where = "" if source.listed else f" at port {source.port}"
    yield f"{source.label(pod)} does not answer {how}{where}: {said[:300]}"


def find_refused_login(snapshot: Snapshot) -> str:
    """Return the sentence about the user that members ask for; or ''."""
    naming, source = snapshot.naming, snapshot.source
    probes = {naming.member(ordinal): probe for ordinal, probe in snapshot.probes.items()}
    probes |= {source.label(p): p.probe for p in source.pods if p.probe} if source else {}
    for label, probe in probes.items():
        if probe.asks_for_user:
            return _wants_user(snapshot, label, probe.error)
    return ""


def _wants_user(snapshot: Snapshot, label: str, said: str) -> str:
    secret = snapshot.cluster.spec.source_password_secret
    found = snapshot.passwords.get(secret)
    if not secret:
        return (
            f"{label} asks for a user: put the password of etcd's user root into a "
            "Secret of the type kubernetes.io/basic-auth, name it in spec.security.auth."
            "rootPasswordSecret, and set spec.security.auth.mode to Unmanaged"
        )
    if found is None or found.problem:
        why = found.problem if found else "it does not exist"
        return f"Secret {secret} of {_LOGIN_FIELD} cannot be used: {why}. Correct it"
    return (
        f"{label} does not accept the password of root in Secret {secret} of "
        f"{_LOGIN_FIELD}: {said[:300]}. Correct it, and look whether root has the role root"
    )


def _must_give_the_same_tokens(snapshot: Snapshot, source: Source) -> Iterator[str]:
    """A client that reconnects shows the token that another member gave."""
    ours = read_setting_kind(find_token_setting(snapshot.cluster.spec))
    theirs = {pod.tokens for pod in source.pods} - {None}
    if len(theirs) > 1:
        yield f"members of {source.title} give tokens of two kinds: make them alike"
    elif theirs - {ours}:
        yield f"members of {source.title} give {_REMEDIES[ours]}"


_REMEDIES: Final[dict[TokenKind, str]] = {
    "simple": (
        "signed tokens, which new members would refuse: name a Secret with the same key in "
        "spec.security.auth.jwt"
    ),
    "jwt": (
        "tokens without a signature, which new members would refuse: remove auth.jwt from "
        "spec.security, or auth-token from spec.etcdConfig.extraArgs, until the take-over is over"
    ),
}


def _must_be_one_cluster(snapshot: Snapshot, source: Source) -> Iterator[str]:
    told = [pod.status for pod in source.pods if pod.status]
    clusters = {status.cluster_id for status in told}
    recorded = snapshot.recorded_cluster_id
    if len(clusters) != 1:
        names = ", ".join(sorted(map(format_id, clusters)))
        yield f"the members of {source.title} belong to several clusters: {names}"
    elif recorded not in (None, *clusters):
        yield (
            f"the cluster ID of {source.title} is {format_id(min(clusters))}, and this "
            f"cluster's is {format_id(recorded or 0)}"
        )
    if any(status.leader == 0 for status in told):
        yield f"a member of {source.title} has no leader: bring its quorum back"


def _must_be_listed(snapshot: Snapshot, source: Source) -> Iterator[str]:
    """Every member is one of the Pods, and has its vote: nobody else's is touched."""
    if not snapshot.quorum_confirmed:
        yield find_refused_login(snapshot) or "no quorum has confirmed its member list"
        return
    if any(pod.status and pod.status.cluster_id != snapshot.live_cluster_id for pod in source.pods):
        yield f"the member list is of another cluster, {format_id(snapshot.live_cluster_id)}"
    answering = {pod.status.member_id for pod in source.pods if pod.status}
    others = [m for m in snapshot.members if m.id not in answering]
    others = [m for m in others if m not in snapshot.ownership.own.values()]
    if others:
        names = ", ".join(f"{format_id(m.id)} at {show_urls(m)}" for m in others[:NAMED])
        remedy = "List their endpoints too, or remove" if source.listed else "Remove"
        yield (
            f"etcd has members beside {source.title}: {names}. {remedy} them with `etcdctl member "
            "remove`"
        )
    if len(answering) != source.replicas:
        yield f"{source.title} are not one member each"
    for member in snapshot.members:
        yield from _check_member(snapshot, member) if member.id in answering else ()


def _check_member(snapshot: Snapshot, member: Member) -> Iterator[str]:
    name, scheme = format_id(member.id), "https" if snapshot.cluster.spec.peer_tls else "http"
    if member.is_learner:
        yield f"member {name} is a learner: promote it, or remove it"
    known = [_PEER_URL.fullmatch(url) for url in member.peer_urls]
    if not known or not all(url and url[1] == scheme for url in known):
        yield (
            f"member {name} has the peer URL {show_urls(member)}, and with spec.security.tls."
            f"peerTLSEnabled {str(scheme == 'https').lower()} only {scheme}://HOST:PORT can be "
            "joined"
        )


def _must_be_well(snapshot: Snapshot, source: Source) -> Iterator[str]:
    for pod in source.pods:
        if pod.status:
            yield from _check_version(snapshot, source.label(pod), pod.status)
    for alarm, member in sorted(snapshot.alarms):
        yield f"etcd raised the alarm {alarm} about member {format_id(member)}: clear it first"


def _must_fit(snapshot: Snapshot, source: Source) -> Iterator[str]:
    """The member with the smallest quota refuses writes for all: new ones are told the same."""
    config = snapshot.spec.etcd_config
    quota = (config and config.quota_backend_bytes) or DEFAULT_QUOTA
    field = "storage.size" if config and config.quota else "etcdConfig.quotaBackendBytes"
    for pod in source.pods:
        status, label = pod.status, source.label(pod)
        if status and status.db_size >= quota:
            yield (
                f"the database of {label} has {status.db_size} bytes, and new members refuse "
                f"writes from {quota} on: raise spec.{field}, or compact and defragment the old "
                "members"
            )
        elif status and status.db_size_quota > quota:
            yield (
                f"{label} has a quota of {status.db_size_quota} bytes, and new members one of "
                f"{quota}: raise spec.{field}, or lower the quota of the old members"
            )


def _check_version(snapshot: Snapshot, label: str, status: MemberStatus) -> Iterator[str]:
    ran, spec = status.release, snapshot.cluster.spec
    if ran is None or ran[:2] != spec.minor:
        yield (
            f"{label} runs etcd {status.version[:32]}, and spec.version is {spec.version}: "
            "use a version of the same minor release, and upgrade afterwards"
        )
    elif ran < SAFE_TO_JOIN:
        yield (
            f"{label} runs etcd {status.version[:32]}, which does not keep the votes of "
            f"members that joined: upgrade it to {Version.of(SAFE_TO_JOIN)} or later first"
        )
    if status.downgrade_target:
        yield f"{label} is being downgraded: let that end first"


_Checks = tuple[Callable[[Snapshot, Source], Iterator[str]], ...]
_CHECKS_OF_ETCD: Final[_Checks] = (
    _must_be_one_cluster,
    _must_be_listed,
    _must_be_well,
    _must_fit,
    _must_give_the_same_tokens,
)
_CHECKS_OF_STATEFULSET: Final[_Checks] = (
    _must_be_new,
    _must_exist,
    _must_be_of_no_cluster,
    _must_consent,
    _must_be_small,
    _must_run,
    *_CHECKS_OF_ETCD,
)
_CHECKS_OF_ENDPOINTS: Final[_Checks] = (
    _must_be_new,
    _must_be_of_no_known_cluster,
    _must_run,
    _must_consent_by_key,
    *_CHECKS_OF_ETCD,
)
