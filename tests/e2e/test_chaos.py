"""A minute of faults under a recorded load, and a seeded violation that has to be found."""

from __future__ import annotations

import pytest

from deploy.target import Target
from tests.chaos import report
from tests.chaos.faults import FAULTS
from tests.chaos.linearizability import provide_checker
from tests.chaos.run import choose_faults, run

pytestmark = [pytest.mark.e2e, pytest.mark.apart, pytest.mark.timeout(400)]


@pytest.fixture(scope="module", autouse=True)
def checker(target: Target) -> None:
    """Processes and networks of members are broken from this machine."""
    if not target.is_local:
        pytest.skip("only the local cluster's members can be reached from here")
    provide_checker()


def test_a_minute_of_chaos(target: Target, namespace: str) -> None:
    result = run(target, namespace, 1.0, seed=1, faults=choose_faults(1, quick=True))
    print("\n".join(report.render(result)))
    assert not [f"{s.fault}: {s.failure}" for s in result.strikes if s.failure]
    assert not result.violations
    assert result.counts["lost"] == 0
    assert len({strike.fault for strike in result.strikes}) >= 4
    assert result.counts["writes acknowledged"] > 500
    assert result.counts["changes watched"] > 1000


def test_stale_reads_are_found(target: Target, namespace: str) -> None:
    """Reads that any member may answer from what it has are no linearizable reads."""
    faults = [fault for fault in FAULTS if fault.name == "cut-follower"]
    # Which member a client meets is chance: the fault strikes more than once.
    result = run(target, namespace, 0.3, seed=2, faults=faults, serializable=True)
    assert any("no order explains" in sentence for sentence in result.violations)
    assert result.counts["lost"] == 0
