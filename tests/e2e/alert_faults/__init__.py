"""Faults on a real EtcdCluster: which alerts each causes, and how their runbooks end it.

Each breaks something and returns what a runbook says in words; its commands are carried out as they
stand.
"""

from typing import Final

from tests.e2e.alert_faults.fault import Fault
from tests.e2e.alert_faults.of_clusters import CLUSTER_FAULTS
from tests.e2e.alert_faults.of_data import DATA_FAULTS
from tests.e2e.alert_faults.of_members import MEMBER_FAULTS
from tests.e2e.alert_faults.of_operator import OPERATOR_FAULTS
from tests.e2e.alert_faults.of_safety import SAFETY_FAULTS

FAULTS: Final[tuple[Fault, ...]] = (
    *CLUSTER_FAULTS,
    *DATA_FAULTS,
    *MEMBER_FAULTS,
    *SAFETY_FAULTS,
    *OPERATOR_FAULTS,
)
