"""Compute resources of a container: those of all Pods that have the same are in memory once."""

from __future__ import annotations

from etcd_operator.core.model.compute import read_compute


def test_equal_ones_are_in_memory_once() -> None:
    """Each Pod says them in its spec and in its status."""
    written = [{"limits": {"memory": memory}} for memory in ("1Gi", "1024Mi", "2Gi")]
    one, same, other = map(read_compute, written)
    assert one is same
    assert one != other
