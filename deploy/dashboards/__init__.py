"""The dashboards for Grafana: what their panels ask, and the files made of that."""

from deploy.dashboards.fleet import FLEET
from deploy.dashboards.one_cluster import ONE_CLUSTER

DASHBOARDS = (FLEET, ONE_CLUSTER)
__all__ = ["DASHBOARDS", "FLEET", "ONE_CLUSTER"]
