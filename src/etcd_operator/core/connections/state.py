"""A connection Secret as it is, and as it is to be, as frozen values without any content."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConnectionSecret:
    """A live connection Secret.

    `sources` is the fingerprint of what it was made of, and `intact` is false where somebody has
    changed what the operator wrote.
    """

    name: str
    uid: str
    owner_uid: str
    resource_version: str
    sources: str = ""
    intact: bool = True
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A Secret that a connection Secret takes its certificate or its password from."""

    name: str
    uid: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class Connection:
    """What a connection Secret is to say. `user` is empty for that of the cluster.

    `endpoints` are the client URLs of the members, `host` is the Service of clients.
    """

    secret: str
    user: str
    host: str
    uri: str
    endpoints: tuple[str, ...]
    certificate: Source | None = None
    password: Source | None = None

    @property
    def fingerprint(self) -> str:
        """A hash of all that it is made of: equal for equal content."""
        sources = [
            [one.name, one.uid, one.resource_version] if one else None
            for one in (self.certificate, self.password)
        ]
        facts = [self.user, self.host, self.uri, self.endpoints, sources]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
