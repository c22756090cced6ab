"""The mutants of what clients feel: Pods leave the client Service before they end."""

from __future__ import annotations

from typing import Final

from tests.model.mutation import Mutant

CLIENTS: Final = (
    Mutant("ends Pods that clients are led to", "core/plan/leave_service.py",
           "leave_service_first",
           "all((pod.uid in snapshot.out_of_service for pod in ending))", "True", ("roll",)),
    Mutant("waits for clients while a voter is missed", "core/plan/leave_service.py",
           "leave_service_first",
           "voters_not_serving(snapshot) or not _leaves_others(snapshot, ending)",
           "not _leaves_others(snapshot, ending)"),
    Mutant("leaves the client Service to nobody", "core/plan/leave_service.py",
           "leave_service_first",
           "voters_not_serving(snapshot) or not _leaves_others(snapshot, ending)",
           "voters_not_serving(snapshot)"),
    Mutant("waits for the first of several alone", "core/plan/leave_service.py",
           "leave_service_first",
           "all((pod.uid in snapshot.out_of_service for pod in ending))",
           "any((pod.uid in snapshot.out_of_service for pod in ending)) or not ending"),
    Mutant("removes members that clients are led to", "core/plan/leave_service.py", "find_ending",
           "seat.pod.uid in evicted or seat.member.id in removed", "seat.pod.uid in evicted"),
    Mutant("labels a Pod that leaves as one that stays", "core/plan/planner.py", "_spare_stopped",
           "{pod.uid for pod in ending if pod.role == ROLE_LEAVING}", "set()", ("roll",)),
    Mutant("evicts beside its budget", "core/objects/cluster_objects.py",
           "render_disruption_budget",
           "[ROLE_LEAVING, ROLE_VOTER]", "[ROLE_VOTER]"),
)  # fmt: skip
