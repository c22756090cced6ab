"""The few questions asked of the API server here; the rest is kubectl's business."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_TIMEOUT = 3.0


class Api:
    """Reads with the administrator's key, one short connection per question."""

    def __init__(self, server: str, keys: Path) -> None:
        parts = urlsplit(server)
        self._host, self._port = parts.hostname or "", parts.port or 443
        self._keys = keys

    def is_ready(self) -> bool:
        """Tell whether the server has finished starting."""
        return self._get("/readyz") is not None

    def ready_nodes(self) -> set[str]:
        """Name the nodes that are Ready."""
        answer = self._get("/api/v1/nodes")
        nodes = json.loads(answer)["items"] if answer else []
        return {node["metadata"]["name"] for node in nodes if _is_ready(node)}

    def is_available(self, namespace: str, deployment: str) -> bool:
        """Tell whether a Deployment has a ready Pod."""
        answer = self._get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{deployment}")
        return bool(answer and json.loads(answer)["status"].get("readyReplicas"))

    def _get(self, path: str) -> bytes | None:
        try:
            return self._ask(path)
        except (OSError, http.client.HTTPException):
            return None

    def _ask(self, path: str) -> bytes | None:
        context = ssl.create_default_context(cafile=str(self._keys / "ca.crt"))
        context.load_cert_chain(self._keys / "admin.crt", self._keys / "admin.key")
        connection = http.client.HTTPSConnection(
            self._host, self._port, timeout=_TIMEOUT, context=context
        )
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        return body if response.status == http.client.OK else None


def _is_ready(node: dict[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
