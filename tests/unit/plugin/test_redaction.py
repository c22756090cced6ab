"""What looks like a secret, in every form in which logs, manifests and arguments have it."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_operator.plugin.redaction import REDACTED, Redaction
from etcd_operator.simulation.merge_patch import LAST_APPLIED

PEM = "-----BEGIN EC PRIVATE KEY-----"
LINES = ("MHcCAQEEIJ0ap8XoFbqz1", "SecondLineOfTheKey77")
REDACTION = Redaction([])


@pytest.mark.parametrize(
    "text",
    [
        "postgres://web:hunter2@db:5432/app",
        "postgres://web:hun@ter2@db:5432/app",
        "https://hunter2hunter2hunter2@git.example/app",
        "--password=hunter2 --name=db",
        "etcdctl --password hunter2 get",
        "--root-password=web:hunter2",
        "password: hunter2",
        'password="correct hunter2"',
        '{"password":"hunter2"}',
        r'{"said":"{\"client_secret\":\"hunter2\"}"}',
        "DB_PASS=hunter2",
        "db-pass: hunter2",
        "GCP_CREDENTIALS=hunter2",
        "MY_CREDENTIAL=hunter2",
        "clientSecret=hunter2",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=hunter2+/==;x=y",
        "Authorization: Basic hunter2==",
        "Authorization:[Basic hunter2==]",
        "Authorization: bearer hunter2hunter2hunter2",
    ],
)
def test_a_secret_is_taken_out_of_a_text(text: str) -> None:
    cleaned = REDACTION.clean_text(f"before {text}")
    assert "hunter2" not in cleaned
    assert REDACTED in cleaned
    assert cleaned.startswith("before ")


@pytest.mark.parametrize(
    "text",
    [
        "https://db-0.db.team.svc:2380/members",
        "https://10.0.0.1:2379,https://10.0.0.2:2379",
        "invalid auth token",
        "basic authentication failed",
        "passwordSecret: s3",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert REDACTION.clean_text(text) == text


@pytest.mark.parametrize(
    "value",
    [
        {"name": "DB_PASS", "value": "hunter2"},
        {"name": "GOOGLE_CREDENTIALS", "value": "hunter2"},
        {"dbPass": "hunter2"},
        {"clientSecret": "hunter2"},
        {"client_secret": "hunter2"},
        {"args": ["--password", "hunter2"]},
        {"metadata": {"annotations": {LAST_APPLIED: '{"spec":"hunter2"}'}}},
    ],
)
def test_a_secret_is_taken_out_of_a_document(value: dict[str, Any]) -> None:
    assert "hunter2" not in str(REDACTION.clean(value))


@pytest.mark.parametrize("prefix", ["", "2026-11-28T17:00:02.5Z "])
def test_a_private_key_without_its_end_is_taken_out(prefix: str) -> None:
    lines = [f"{prefix}{line}" for line in (PEM, *LINES, "and more of the log")]
    cleaned = REDACTION.clean_text("\n".join(["before", *lines]))
    assert [line for line in LINES if line in cleaned] == []
    assert cleaned.startswith("before\n")
    assert cleaned.endswith("and more of the log")
    (of_json,) = REDACTION.clean([f"{PEM}\\n" + "\\n".join(LINES)])
    assert of_json == REDACTED


def test_keys_with_and_without_an_end_are_told_apart() -> None:
    whole = f"{PEM}\n{LINES[0]}\n-----END EC PRIVATE KEY-----"
    assert REDACTION.clean_text(f"a {whole} b {PEM}{LINES[1]}\nc d {whole} e") == (
        f"a {REDACTED} b {REDACTED}\nc d {REDACTED} e"
    )


@pytest.mark.parametrize(
    "part",
    [
        f"{PEM}\n", "-----BEGIN ", "-----END ", "-eyJ", "eyJ0eXAiOiJKV1Q.", "://a:", "://", "a@b:",
        "password=", 'password="', "--password ", "--a-", "authorization: basic ", "bearer ",
    ],
)  # fmt: skip
def test_a_text_that_never_ends_what_it_begins_takes_no_time(part: str) -> None:
    # Minutes, if the time grew with the square of the length.
    assert REDACTION.clean_text(part * (60_000 // len(part)))
