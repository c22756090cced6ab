"""The JSON schema of the operator's log, from the model that its tests check every line with."""

from __future__ import annotations

import json

from etcd_operator.runtime.process.log_line import LogLine


def write_log_schema() -> str:
    """Return the schema."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(schema | LogLine.model_json_schema(), indent=2) + "\n"
