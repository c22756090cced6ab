"""The handler of each kind of action, by the type of the action."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from etcd_operator.core.model.snapshot import Snapshot

# Each takes only the actions of its key, which no type can say of a mapping.
Handler = Callable[[Any, Snapshot], Awaitable[None]]
Table = Mapping[type[Any], Handler]
