"""Requests to etcd: membership, maintenance, users and roles."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from etcd_operator.core.actions import (
    AddLearner,
    ChangeAuth,
    Compact,
    Defragment,
    DisarmAlarm,
    EtcdAction,
    MembershipAction,
    MoveLeader,
    PassLeadership,
    PromoteMember,
    RemoveMember,
    RemoveSourceMember,
    SetDowngrade,
    UpdateMember,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.errors import EtcdRefused, EtcdUnreachable, Refusal
from etcd_operator.runtime.engine.handlers.table import Table
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.defragmentation import Defragmenter
from etcd_operator.runtime.etcd.pool import EtcdPool, address_of
from etcd_operator.runtime.pki.passwords import PasswordSecrets

Removal = RemoveMember | RemoveSourceMember
MemberRequest = MembershipAction | PassLeadership | RemoveSourceMember
Request = Callable[[EtcdMemberClient], Awaitable[object]]


class EtcdHandlers:
    """Sends each request to the member that can answer it best. Raises EtcdError and KubeError."""

    def __init__(self, etcd: EtcdPool, access: AuthCache, passwords: PasswordSecrets) -> None:
        self._etcd = etcd
        self._access = access
        self._passwords = passwords
        self._defragmenter = Defragmenter()

    @property
    def table(self) -> Table:
        """The handler of each action."""
        return {
            AddLearner: self._add_learner,
            PromoteMember: self._promote_member,
            RemoveMember: self._remove_member,
            MoveLeader: self._move_leader,
            UpdateMember: self._update_member,
            Compact: self._compact,
            Defragment: self._defragment,
            DisarmAlarm: self._disarm_alarm,
            SetDowngrade: self._set_downgrade,
            ChangeAuth: self._change_auth,
            RemoveSourceMember: self._remove_member,
            PassLeadership: self._move_leader,
        }

    # Membership

    async def _add_learner(self, action: AddLearner, snapshot: Snapshot) -> None:
        await self._ask_in_turn(action, snapshot, lambda c: c.add_learner(action.peer_url))

    async def _promote_member(self, action: PromoteMember, snapshot: Snapshot) -> None:
        await self._ask_in_turn(action, snapshot, lambda c: c.promote_member(action.member_id))

    async def _remove_member(self, action: Removal, snapshot: Snapshot) -> None:
        await self._ask_in_turn(action, snapshot, lambda c: c.remove_member(action.member_id))

    async def _update_member(self, action: UpdateMember, snapshot: Snapshot) -> None:
        member_id, urls = action.member_id, action.peer_urls
        await self._ask_in_turn(action, snapshot, lambda c: c.update_member(member_id, urls))

    async def _move_leader(self, action: MoveLeader | PassLeadership, snapshot: Snapshot) -> None:
        await self._ask_in_turn(action, snapshot, lambda c: c.move_leader(action.to_id))

    async def _ask_in_turn(
        self, action: MemberRequest, snapshot: Snapshot, request: Request
    ) -> None:
        """Ask one after the other while they say that the cluster is not healthy.

        Each says so by what it has seen itself. A message to a Pod that is gone may fail late, when
        its successor was reached already: then it takes that one for away until it starts anew.
        """
        refused: EtcdRefused | None = None
        for address, of in _find_serving(action, snapshot):
            try:
                await request(await self._etcd.client(address, of=of))
            except EtcdRefused as error:
                if error.refusal is not Refusal.UNHEALTHY_CLUSTER:
                    raise
                refused = refused or error
            else:
                return
        if refused:
            raise refused

    # Maintenance

    async def _compact(self, action: Compact, snapshot: Snapshot) -> None:
        await (await self._choose_member(action, snapshot)).compact(action.revision)

    async def _defragment(self, action: Defragment, snapshot: Snapshot) -> None:
        pod = snapshot.seat(action.ordinal).pod
        if pod is None:
            raise EtcdUnreachable("the member has no Pod")
        client = await self._etcd.client(address_of(pod))
        await self._defragmenter.defragment(snapshot.naming.uid, pod.name, client)

    async def _disarm_alarm(self, action: DisarmAlarm, snapshot: Snapshot) -> None:
        client = await self._choose_member(action, snapshot)
        await client.disarm(action.alarm, action.member_id)

    async def _set_downgrade(self, action: SetDowngrade, snapshot: Snapshot) -> None:
        client = await self._choose_member(action, snapshot)
        if action.target:
            await client.enable_downgrade(action.target)
            return
        try:
            await client.cancel_downgrade()
        except EtcdRefused as error:
            if error.refusal is not Refusal.NO_DOWNGRADE:
                raise  # it had ended by itself: a member of 3.5 says so

    async def _change_auth(self, action: ChangeAuth, snapshot: Snapshot) -> None:
        client, secret = await self._choose_member(action, snapshot), action.change.secret
        password = await self._passwords.reveal(snapshot.naming, secret) if secret else ""
        await self._access.change(snapshot.naming.uid, client, action.change, password)

    async def _choose_member(
        self, action: EtcdAction | ChangeAuth, snapshot: Snapshot
    ) -> EtcdMemberClient:
        (address, of), *_ = _find_serving(action, snapshot)
        return await self._etcd.client(address, of=of)


_Serving = tuple[bool, int, tuple[str, str]]  # for their order, then the address and of whom it is


def _find_serving(
    action: EtcdAction | ChangeAuth | MemberRequest, snapshot: Snapshot
) -> list[tuple[str, str]]:
    """The leader, then the other voters that serve, and never the member that is to go.

    Each with its address and the uid of whom that is, as the pool knows it. The leader knows best
    who is connected; any other would have to forward the request. Raises EtcdUnreachable if nobody
    serves.
    """
    leaving = action.member_id if isinstance(action, Removal) else None
    cluster_id, leader = action.cluster_id, snapshot.leader_id
    serving: list[_Serving] = []
    for seat in snapshot.seats():
        if seat.member is None or seat.pod is None or seat.member.is_learner:
            continue
        if seat.serves(cluster_id) and seat.member.id != leaving:
            serving.append((seat.member.id != leader, seat.ordinal, (address_of(seat.pod), "")))
    serving += [each for each in _find_source(snapshot) if each[1] != leaving]
    if not serving:
        raise EtcdUnreachable("no voter that could be asked answers")
    return [place for *_, place in sorted(serving, key=lambda each: each[:2])]


def _find_source(snapshot: Snapshot) -> Iterator[_Serving]:
    """Voters that are to be taken over, by member ID: after those of our own, if none leads."""
    source, listed = snapshot.source, {m.id: m for m in snapshot.ownership.taken_over}
    for pod in source.pods if source else ():
        status = pod.status
        if status is None or not pod.allows or not status.leader or status.is_learner:
            continue
        if status.member_id in listed and status.cluster_id == snapshot.live_cluster_id:
            place = pod.address, snapshot.naming.uid
            yield status.member_id != snapshot.leader_id, status.member_id, place
