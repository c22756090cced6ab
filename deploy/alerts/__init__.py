"""The alerts about clusters, their members and the operator: one table, and what is made of it."""

from deploy.alerts.about_clusters import CLUSTER_ALERTS
from deploy.alerts.about_members import MEMBER_ALERTS
from deploy.alerts.about_operator import OPERATOR_ALERTS
from deploy.alerts.about_safety import SAFETY_ALERTS

# By group of rules, in the order of the files.
GROUPS = {
    "etcd-operator": OPERATOR_ALERTS,
    "etcd-clusters": CLUSTER_ALERTS,
    "etcd-backups-and-certificates": SAFETY_ALERTS,
    "etcd-members": MEMBER_ALERTS,
}
ALERTS = tuple(alert for group in GROUPS.values() for alert in group)
