"""Problems of a place in a store, found before a Job with credentials is made for it.

The API server's rules refuse the same; these also see objects that are older than the rules.
"""

from __future__ import annotations

from etcd_operator.api.storage import AzureAccess, LocalAccess, S3Access
from etcd_operator.api.store_forms import (
    HOST_FIELDS,
    IDENTITY_REMEDY,
    find_endpoint_problem,
    find_field_problem,
    is_azure,
)
from etcd_operator.core.tasks.jobs.job import Access


def find_store_problem(access: Access, field: str) -> str:
    """Return the first thing that is wrong, in one sentence; empty for nothing."""
    if isinstance(access, LocalAccess):
        path = str(getattr(access, "path", ""))
        if ".." in path.split("/"):
            return f"{field}.path {path} leads out of the disk: remove the dots."
        return ""
    if isinstance(access, S3Access | AzureAccess) and access.endpoint:
        problem = find_endpoint_problem(access.endpoint)
        if problem:
            # Without what stands before an @: it may be a password.
            shown = access.endpoint.rpartition("@")[2][:100]
            return f"{field}.endpoint {shown} {problem}."
    if (
        isinstance(access, AzureAccess)
        and not access.credentials_secret
        and not is_azure(access.endpoint)
    ):
        return f"{field}.endpoint {access.endpoint[:100]} {IDENTITY_REMEDY}."
    for name in HOST_FIELDS:
        value = str(getattr(access, name, ""))
        if value and (problem := find_field_problem(name, value)):
            return f"{field}.{name} {value[:100]} {problem}."
    return ""
