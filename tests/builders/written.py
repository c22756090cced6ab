"""Parts of the API as users write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from etcd_operator.api.model import Model
from etcd_operator.json_types import Json


def write(part: Model) -> Json:
    """A part with what somebody has set in it."""
    return part.model_dump(mode="json", by_alias=True, exclude_unset=True)


def write_json(fields: Mapping[str, Any]) -> Json:
    """Fields, some of which are parts of the API."""
    written: Json = json.loads(json.dumps(fields, default=write))
    return written
