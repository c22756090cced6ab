"""Tests that forks run are reported as if one process had run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

PROJECT = Path(__file__).parent.parent.parent
FILES = {
    "test_good.py": """
        import pytest

        @pytest.mark.parametrize("number", range(3))
        def test_good(number, tmp_path):
            assert not list(tmp_path.iterdir())

        def test_skipped():
            pytest.skip("not here")
    """,
    "test_bad.py": """
        def test_bad():
            print("what it said")
            assert 1 + 1 == 3

        def test_good_after_all():
            assert True
    """,
}
ENDS = """
    import os

    def test_before():
        assert True

    def test_ends_its_process():
        os._exit(7)

    def test_never_reached():
        assert True
"""


def run(folder: Path, *options: str) -> tuple[int, str]:
    """Run pytest there by two forks; returns its exit code and what it said."""
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-c", "/dev/null", "--rootdir", "."]
    result = subprocess.run(
        [*command, "-p", "tests.forks", "--forks=2", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stdout + result.stderr


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(dedent(text))


def outcomes(said: str) -> dict[str, str]:
    return {test: how for how, test in re.findall(r"^(PASSED|FAILED) (\S+)", said, re.MULTILINE)}


@pytest.mark.exhaustive
def test_outcomes_are_those_of_one_process_and_what_failed_is_tried_again(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    code, said = run(tmp_path)
    assert code == pytest.ExitCode.TESTS_FAILED
    assert outcomes(said) == {
        "test_bad.py::test_bad": "FAILED",
        "test_bad.py::test_good_after_all": "PASSED",
        **{f"test_good.py::test_good[{number}]": "PASSED" for number in range(3)},
    }
    assert "1 failed, 4 passed, 1 skipped" in said
    assert "what it said" in said
    assert "assert (1 + 1) == 3" in said
    code, again = run(tmp_path, "--last-failed")
    assert outcomes(again) == {"test_bad.py::test_bad": "FAILED"}


def test_a_process_that_ends_loses_no_test(tmp_path: Path) -> None:
    write(tmp_path, {**FILES, "test_ends.py": ENDS})
    code, said = run(tmp_path)
    assert code == pytest.ExitCode.TESTS_FAILED
    found = outcomes(said)
    assert found["test_ends.py::test_before"] == "PASSED"
    assert found["test_ends.py::test_ends_its_process"] == "FAILED"
    assert found["test_ends.py::test_never_reached"] == "FAILED"
    assert found["test_good.py::test_good[2]"] == "PASSED"
    assert "a process that ran tests ended with [7]" in said
