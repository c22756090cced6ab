"""Changes of a user for previews."""

from __future__ import annotations

from typing import Any

from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.simulation.change import Change, change_spec, dump_spec, set_fields


def change(snapshot: Snapshot, **fields: Any) -> Change:
    """The change of a user who sets fields of the spec; dots are written as two underscores."""
    paths = {name.replace("__", "."): value for name, value in fields.items()}
    return Change(
        cluster=change_spec(snapshot.cluster, set_fields(dump_spec(snapshot.cluster), paths))
    )
