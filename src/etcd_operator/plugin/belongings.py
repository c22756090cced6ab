"""What in a namespace is about one EtcdCluster: Jobs, restores, and Events of its objects."""

from __future__ import annotations

from collections.abc import Iterable

from etcd_operator.core.model.naming import ordinal_of_claim, ordinal_of_pod
from etcd_operator.json_types import Json


def is_job_of(job: Json, owners: Iterable[Json]) -> bool:
    """Whether a Job works for one of these objects."""
    uids = {each["metadata"]["uid"] for each in owners}
    references = job["metadata"].get("ownerReferences") or ()
    return any(each.get("uid") in uids for each in references)


def is_restore_of(restore: Json, cluster: Json, backups: Iterable[Json]) -> bool:
    """Whether an EtcdRestore fills this EtcdCluster, or is of one of its `backups`."""
    spec, metadata = restore["spec"], cluster["metadata"]
    here = restore["metadata"]["namespace"] == metadata["namespace"]
    if here and spec.get("clusterName") == metadata["name"]:
        return True
    place = spec.get("backupNamespace") or restore["metadata"]["namespace"]
    known = {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in backups}
    return (place, spec.get("backupName")) in known


class EventFilter:
    """Tells the Events of a cluster's objects from those of everything else in its namespace.

    `objects` are those that are there. Of those that have gone, members and Pods of Jobs are known
    by their names.
    """

    def __init__(self, cluster: Json, objects: Iterable[Json]) -> None:
        self._cluster = str(cluster["metadata"]["name"])
        found = [cluster, *objects]
        self._uids = {each["metadata"]["uid"] for each in found if each["metadata"].get("uid")}
        self._jobs = tuple(
            f"{each['metadata']['name']}-" for each in found if each.get("kind") == "Job"
        )

    def keeps(self, event: Json) -> bool:
        """Whether an Event is about an object of the cluster."""
        about = event.get("involvedObject") or {}
        kind, name = str(about.get("kind", "")), str(about.get("name", ""))
        if about.get("uid") in self._uids or (kind, name) == ("EtcdCluster", self._cluster):
            return True
        if kind == "Pod":
            member = ordinal_of_pod(name, self._cluster) is not None
            return member or name.startswith(self._jobs)
        if kind == "PersistentVolumeClaim":
            return ordinal_of_claim(name, self._cluster) is not None
        return False
