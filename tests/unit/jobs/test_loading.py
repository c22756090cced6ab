"""What the steps of a Job load: starting is most of what a small backup takes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel

from etcd_operator.api import storage
from etcd_operator.jobs.store_access import read_access

SLOW = {"pydantic", "structlog", "lightkube", "cryptography", "zstandard", "grpc", "obstore"}
PROGRAM = """
import sys
from etcd_operator.jobs import steps
import etcd_operator.jobs.{module}
print(*sys.modules)
"""


@pytest.mark.parametrize(
    ("module", "needed"),
    [
        ("snapshot", {"grpc"}),
        ("upload", {"obstore"}),
        pytest.param("download", {"obstore"}, marks=pytest.mark.exhaustive),
        pytest.param("finish", set[str](), marks=pytest.mark.exhaustive),
        pytest.param("mirror.mirror", {"grpc"}, marks=pytest.mark.exhaustive),
    ],
)
def test_a_step_loads_what_it_needs(module: str, needed: set[str]) -> None:
    words = [sys.executable, "-c", PROGRAM.format(module=module)]
    said = subprocess.run(words, capture_output=True, text=True, check=True)
    assert SLOW & set(said.stdout.split()) == needed


@pytest.mark.parametrize(
    ("scheme", "model", "least"),
    [
        ("s3", storage.S3Destination, {"bucket": "b", "checksum": "SHA256"}),
        ("s3", storage.S3Access, {"checksum": "SHA256"}),
        ("gs", storage.GcsDestination, {"bucket": "b"}),
        ("gs", storage.GcsAccess, {}),
        ("az", storage.AzureDestination, {"account": "a", "container": "c"}),
        ("az", storage.AzureAccess, {"account": "a"}),
        ("file", storage.LocalDestination, {"claimName": "c"}),
        ("file", storage.LocalAccess, {"claimName": "c"}),
    ],
)
def test_a_step_reads_every_field_that_a_user_can_set(
    scheme: str, model: type[BaseModel], least: dict[str, Any]
) -> None:
    others = {
        field.alias or name: not field.default if field.default in (True, False) else f"a {name}"
        for name, field in model.model_fields.items()
        if field.alias not in least and name not in ("endpoint",)
    }
    for written in (least, {**least, **others}):
        validated = model.model_validate(written)
        read = read_access(scheme, validated.model_dump(mode="json", by_alias=True))
        for name in model.model_fields:
            assert getattr(read, name) == getattr(validated, name), name
