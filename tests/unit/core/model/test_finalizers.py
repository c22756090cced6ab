"""Finalizers of others, as sentences name them."""

from __future__ import annotations

from etcd_operator.core.model.finalizers import explain_finalizers


def test_one_is_named() -> None:
    said = explain_finalizers("Pod db-1", ("example.com/a",))
    assert said.startswith("Pod db-1 is kept by finalizer example.com/a, which is not")


def test_many_and_long_ones_make_no_long_sentence() -> None:
    said = explain_finalizers("Pod db-1", [f"example.com/{'a' * 1000}{n}" for n in range(1000)])
    assert " and 997 more, which is not the operator's" in said
    assert len(said) < 500
