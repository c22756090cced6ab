"""Where things are in the Pod of a mirror. Alone in a module, so that a step loads nothing else."""

from __future__ import annotations

from typing import Final

# Of the source: certificates and password, as far as the spec names them.
SOURCE_TLS: Final = "/mirror/tls"
SOURCE_LOGIN: Final = "/mirror/login"
