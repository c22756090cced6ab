"""Every situation that a test brings about has a row; one that says too little is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.situations import find_situations, write_situations

GOOD = """
import pytest

@pytest.mark.situation("data", "a tenant copies a claim", "the copy is left alone")
async def test_copies() -> None: ...
"""
BAD = GOOD.replace('"data"', '"weather"')


def write_test(project: Path, text: str) -> Path:
    path = project / "tests" / "e2e" / "test_claims.py"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return project


def test_a_marked_test_is_a_row(tmp_path: Path) -> None:
    found = find_situations(write_test(tmp_path, GOOD))
    page = "\n".join(write_situations(found))
    assert (
        "| a tenant copies a claim | the copy is left alone | "
        "[e2e: claims](../tests/e2e/test_claims.py) |"
    ) in page
    assert "### Data and Secrets of others" in page
    assert "### Reported causes" not in page


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"test_copies: a situation has a kind \(data, spec"):
        find_situations(write_test(tmp_path, BAD))
