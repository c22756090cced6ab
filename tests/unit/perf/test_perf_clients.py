"""What a client felt, from the answers that it had, and how a page says it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from docs import client_gaps
from tests.perf.clients.answers import Answer, Felt, add, judge, judge_watch
from tests.perf.clients.go_client import Told
from tests.perf.clients.mount import Mount

ANSWERS = [
    Answer(0.9, 1.0),
    Answer(1.1, 1.2),
    Answer(1.3, 1.4, "refused"),
    Answer(1.7, 1.8),
    Answer(1.9, 2.1),
    Answer(2.2, 2.3, "later"),
]


def test_a_failed_write_ends_no_gap_and_is_kept() -> None:
    felt = judge(ANSWERS, began=1.05, ended=2.0)
    assert felt.gap == pytest.approx(0.6)
    assert felt.writes == 4
    assert felt.errors == ("refused",)


def test_a_client_of_several_writers_feels_the_longest_of_their_gaps() -> None:
    both = add([Felt(0.1, 5, ("a",)), Felt(0.4, 7, ("b",), ("watch ended: lost",))])
    assert both == Felt(0.4, 12, ("a", "b"), ("watch ended: lost",))


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ([1, 2, 4], ()),
        ([1, 2, 3, 4], ()),  # nobody knows of the one that failed,
        ([1, 2, 4, 3], ()),  # nor when it was written
        ([1, 4], ("1 of 3 events missed",)),
        ([1, 4, 2], ("1 of 3 events repeated or out of order",)),
        ([1, 2, 2, 4], ("1 of 3 events repeated or out of order",)),
        ([], ("3 of 3 events missed",)),
    ],
)
def test_a_watch_reports_each_acknowledged_write_once_and_in_order(
    seen: list[int], said: tuple[str, ...]
) -> None:
    answers = [Answer(n, n + 0.1, "lost" if n == 3 else "", n) for n in (1, 2, 3, 4)]
    assert judge_watch(answers, seen, 0.5, 9) == said


def test_a_watch_is_judged_by_what_was_written_in_the_change_alone() -> None:
    answers = [Answer(1, 1.1, "", 1), Answer(8, 8.1, "", 2)]
    assert judge_watch(answers, [1], 0, 5) == ()


def test_the_lines_of_the_go_program_are_answers_events_and_ends_of_a_watch() -> None:
    told = Told()
    for line in (
        '{"put": 1, "sent": 1.0, "answered": 1.1}',
        '{"seen": 1, "answered": 1.2}',
        '{"put": 2, "sent": 1.3, "answered": 1.5, "error": "refused"}',
        '{"put": 3, "sent": 1.6, "answered": 1.9}',
        '{"watch": "no leader", "answered": 2.0}',
    ):
        told.hear(line)
    felt = told.judge(0.9, 2.5)
    assert felt.gap == pytest.approx(0.8)
    assert (felt.writes, felt.errors) == (3, ("refused",))
    assert felt.watch == ("watch ended: no leader", "1 of 2 events missed")


def test_the_files_of_a_mount_change_at_once(tmp_path: Path) -> None:
    mount = Mount(tmp_path / "secret")
    assert mount.read() == {}
    for text in ("old", "new"):
        mount.write({"ca.crt": text, "tls.crt": text})
        assert mount.read() == {"ca.crt": text, "tls.crt": text}
        assert mount.file("ca.crt").read_text() == text


def _run(
    gap: float, errors: list[str], watch: list[str], seconds: float = 40.2
) -> dict[str, object]:
    return {"seconds": seconds, "gap_seconds": gap, "writes": 900, "errors": errors, "watch": watch}


def test_the_page_says_the_words_of_etcd_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = "rpc error: code = Unavailable desc = read tcp 10.0.0.1:1->10.0.0.2:2379: read: reset"
    run = {
        "began": "2026-01-02T03:04:05+00:00",
        "machine": {"cores": 2, "load_average": 3.2},
        "writers": 5,
        "changes": {
            "roll": {
                "kube-apiserver": [_run(0.25, [], []), _run(0.5, [error, error], [])],
                "Go, Service": [
                    _run(0.1, [], []),
                    _run(0.2, [], ["watch ended: lost"], 41.4),
                ],
            },
            "5 → 3": {"kube-apiserver": [_run(0.3, [], [])]},
        },
    }
    results = tmp_path / "clients.json"
    results.write_text(json.dumps(run))
    monkeypatch.setattr(client_gaps, "RESULTS", results)
    rows = [line for line in client_gaps.write_client_gaps() if line.startswith("| ")]
    assert rows == [
        "| Change | Takes | kube-apiserver | Go, Service |",
        "| roll | 40, 41 s | 0.25 / 0.50 s | 0.10 / 0.20 s |",
        "| 5 → 3 | 40 s | 0.30 s | - |",
        "| Change | Client | Failed | Errors |",
        "| roll | kube-apiserver | 2 of 1800 | 2 x read: reset |",
        "| roll | Go, Service | 0 of 1800 | 1 x watch ended: lost |",
    ]


def test_without_a_recorded_run_the_page_has_no_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_gaps, "RESULTS", tmp_path / "none.json")
    assert client_gaps.write_client_gaps() == []
