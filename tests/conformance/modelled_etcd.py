"""The model's etcd, driven by the same commands as real processes."""

from __future__ import annotations

from typing import Final

from etcd_operator.core.model.naming import ROLE_VOTER
from etcd_operator.simulation import etcd, membership
from etcd_operator.simulation.manifest import File
from etcd_operator.simulation.membership import Change
from etcd_operator.simulation.world import (
    CONTROLLED,
    RUNNING,
    WAITING,
    Claim,
    Disk,
    Etcd,
    Line,
    Pod,
    State,
    empty_world,
    put,
)

LIFE: Final = 1
WIDTH: Final = 5
NOBODY: Final = 0xDEAD


class ModelledEtcd:
    """A world with a formed cluster of so many voters; whoever runs is up to date."""

    def __init__(self, voters: int, learner_limit: int) -> None:
        self._limit = learner_limit
        listed = tuple(range(voters))
        identity = etcd.cluster_id(File(new=True, listed=listed, token=f"token-{LIFE}"))
        lines = tuple(Line(o, etcd.member_id(LIFE, o), learner=False, started=True) for o in listed)
        state = empty_world(WIDTH, faults=0)
        for line in lines:
            disk = Disk(identity, line.id, (), synced=True)
            state = state._replace(
                claims=put(state.claims, line.ordinal, _claim(disk)),
                pods=put(state.pods, line.ordinal, _pod(RUNNING)),
            )
        self.state: State = state._replace(etcd=Etcd(LIFE, identity, lines, leader=0))

    @property
    def etcd(self) -> Etcd:
        """The committed membership."""
        assert self.state.etcd is not None
        return self.state.etcd

    def has_majority(self) -> bool:
        """Whether a majority of the voters runs."""
        return etcd.has_majority(self.state, self.etcd)

    def all_up(self) -> bool:
        """Whether every member runs."""
        return all(etcd.is_up(self.state, line) for line in self.etcd.members)

    def runs(self, ordinal: int) -> bool:
        """Whether its process runs."""
        return etcd.runs(self.state, ordinal)

    def has_disk(self, ordinal: int) -> bool:
        """Whether it has data of the present member."""
        disk, line = etcd.disk_at(self.state, ordinal), self.etcd.line(ordinal)
        return disk is not None and line is not None and disk.member == line.id

    def follow_leader(self, ordinal: int) -> None:
        """Who leads is for etcd to choose; the model allows every voter that runs."""
        line = self.etcd.line(ordinal)
        assert line is not None
        assert not line.learner
        assert etcd.is_up(self.state, line), "the real leader does not run in the model"
        self.state = self.state._replace(etcd=self.etcd._replace(leader=ordinal))

    def settle(self) -> None:
        """Let etcd do all that it does by itself."""
        while True:
            following = next((state for _, state in etcd.process_steps(self.state)), None)
            if following is None or following == self.state:
                return
            self.state = following

    def add(self, ordinal: int) -> str | None:
        """Announce a learner."""
        return self._take(membership.add_learner(self.state, ordinal, self._limit))

    def promote(self, ordinal: int) -> str | None:
        """Promote whoever is at this ordinal."""
        return self._take(membership.promote(self.state, self._identity(ordinal)))

    def remove(self, ordinal: int) -> str | None:
        """Remove whoever is at this ordinal."""
        return self._take(membership.remove(self.state, self._identity(ordinal)))

    def move(self, ordinal: int) -> str | None:
        """Ask the leader to hand over."""
        leader = self.etcd.line(self.etcd.leader) if self.etcd.leader >= 0 else None
        source = leader.id if leader else NOBODY
        return self._take(membership.move_leader(self.state, source, self._identity(ordinal)))

    def join(self, ordinal: int) -> None:
        """Start an announced member on an empty disk."""
        listed = tuple(line.ordinal for line in self.etcd.members)
        file = File(new=False, listed=listed, token=f"token-{LIFE}")
        self.state = self.state._replace(
            claims=put(self.state.claims, ordinal, _claim(None)),
            pods=put(self.state.pods, ordinal, _pod(WAITING)._replace(mounts=(file,))),
        )
        self.state = etcd.start_process(self.state, ordinal, 0)
        assert self.runs(ordinal), "in the model it did not join"
        self.settle()

    def kill(self, ordinal: int) -> None:
        """Kill its process."""
        self.state = etcd.stop_process(self.state, ordinal)
        self.settle()

    def restart(self, ordinal: int) -> None:
        """Start it again on its disk."""
        file = File(new=False, listed=(ordinal,), token=f"token-{LIFE}")
        pod = self.state.pods[ordinal]
        assert pod is not None
        pods = put(self.state.pods, ordinal, pod._replace(mounts=(file,)))
        self.state = etcd.start_process(self.state._replace(pods=pods), ordinal, 0)
        self.settle()

    def members(self) -> dict[int, tuple[bool, bool]]:
        """Ordinal to (learner, started)."""
        return {line.ordinal: (line.learner, line.started) for line in self.etcd.members}

    def _identity(self, ordinal: int) -> int:
        line = self.etcd.line(ordinal)
        return line.id if line else NOBODY

    def _take(self, change: Change) -> str | None:
        self.state, error = change
        self.settle()
        return error


def _claim(disk: Disk | None) -> Claim:
    return Claim(0, LIFE, bound=True, deleting=False, disk=disk)


def _pod(process: int) -> Pod:
    return Pod(
        uid=0,
        life=LIFE,
        revision="",
        owner=CONTROLLED,
        deleting=False,
        role=ROLE_VOTER,
        process=process,
        restarts=0,
        ever_ran=process == RUNNING,
        termination_message="",
        mounts=(),
    )
