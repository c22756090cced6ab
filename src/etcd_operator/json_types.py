"""Objects as JSON holds them, before anything has parsed them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
