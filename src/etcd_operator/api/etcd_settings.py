"""Which of etcd's own settings `extraArgs` may name, and what their values mean.

etcd ignores what it does not know in its file, without a word, so only names that the version knows
are accepted. The table is that of the tags in etcd's `server/embed/config.go` of 3.5, 3.6 and 3.7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from etcd_operator.api.duration import DURATION_FORM, parse_nanoseconds

Value = str | int | bool | list[str]

# How much history is kept, as etcd reads it: revisions; or hours, or a length of time.
RETAINED_REVISIONS: Final = "^[0-9]{1,18}$"
RETAINED_TIME: Final = f"^(?:[0-9]{{1,9}}|{DURATION_FORM})$"
# As etcd reads a number from its file: JSON's, and never below zero.
_NUMBER: Final = re.compile("[0-9]{1,18}")


class Kind(Enum):
    """How a value is written into the file."""

    FLAG = "true or false"
    NUMBER = "a whole number such as 512"
    DURATION = "a length of time such as 500ms, 30s or 5m"
    TEXT = "a text"
    LIST = "a list, separated by commas"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting, the minor versions 3.x that know it, and between what its numbers must be.

    Outside of these bounds etcd does not start. A duration counts nanoseconds.
    """

    kind: Kind
    first: int = 5
    last: int | None = None
    least: int = 0
    most: int = 2**63 - 1

    def is_known_to(self, minor: int) -> bool:
        """Whether this minor version of etcd knows it."""
        return self.first <= minor and (self.last is None or minor <= self.last)

    def describe(self) -> str:
        """Form of its value, in words."""
        if self.most < 2**62:
            return f"{self.kind.value}, at most {self.most}"
        return f"{self.kind.value}, longer than none" if self.least else self.kind.value


_ALWAYS: Final = {
    Kind.FLAG: "enable-pprof initial-election-tick-advance pre-vote",
    Kind.NUMBER: (
        "auth-token-ttl backend-batch-limit bcrypt-cost max-concurrent-streams max-snapshots "
        "max-txn-ops max-wals"
    ),
    Kind.DURATION: (
        "backend-batch-interval grpc-keepalive-interval grpc-keepalive-min-time "
        "grpc-keepalive-timeout"
    ),
    Kind.TEXT: (
        "auth-token backend-bbolt-freelist-type cors metrics tls-max-version tls-min-version"
    ),
    Kind.LIST: "cipher-suites",
}
# Experimental until 3.6.
_RENAMED: Final = {
    Kind.FLAG: "enable-distributed-tracing memory-mlock",
    Kind.NUMBER: (
        "bootstrap-defrag-threshold-megabytes compaction-batch-limit "
        "distributed-tracing-sampling-rate"
    ),
    Kind.DURATION: (
        "compact-hash-check-time compaction-sleep-interval corrupt-check-time "
        "downgrade-check-time warning-apply-duration watch-progress-notify-interval"
    ),
    Kind.TEXT: (
        "distributed-tracing-address distributed-tracing-instance-id "
        "distributed-tracing-service-name"
    ),
}
# These became features in 3.6, or another name.
_EXPERIMENTAL_FLAGS: Final = (
    "compact-hash-check-enabled",
    "enable-lease-checkpoint",
    "enable-lease-checkpoint-persist",
    "initial-corrupt-check",
    "stop-grpc-service-on-defrag",
    "txn-mode-write-with-shared-buffer",
)


def _settings() -> Iterator[tuple[str, Setting]]:
    for kind, names in _ALWAYS.items():
        yield from ((name, Setting(kind)) for name in names.split())
    for kind, names in _RENAMED.items():
        for name in names.split():
            yield name, Setting(kind, first=6)
            yield f"experimental-{name}", Setting(kind, last=6)
    for name in _EXPERIMENTAL_FLAGS:
        yield f"experimental-{name}", Setting(Kind.FLAG, last=6)
    yield "experimental-snapshot-catch-up-entries", Setting(Kind.NUMBER, last=6)
    yield "snapshot-catchup-entries", Setting(Kind.NUMBER, first=6)
    yield "warning-unary-request-duration", Setting(Kind.DURATION, first=6)
    yield "experimental-warning-unary-request-duration", Setting(Kind.DURATION, first=6, last=6)
    yield "feature-gates", Setting(Kind.TEXT, first=6)
    yield "log-format", Setting(Kind.TEXT, first=6)


def _bounded() -> Iterator[tuple[str, Setting]]:
    """Bounds of etcd's own validation: `Config.Validate`, and types of fewer bits."""
    for name, setting in _settings():
        match name.removeprefix("experimental-"):
            case "max-concurrent-streams":
                yield name, replace(setting, most=2**32 - 1)
            case "distributed-tracing-sampling-rate":
                yield name, replace(setting, most=1_000_000)
            case "compact-hash-check-time":
                yield name, replace(setting, least=1)
            case _:
                yield name, setting


SETTINGS: Final[Mapping[str, Setting]] = dict(_bounded())

_BY_FIELD: Final = {
    "auto-compaction-mode": "autoCompactionMode",
    "auto-compaction-retention": "autoCompactionRetention",
    "election-timeout": "electionTimeout",
    "enable-grpc-gateway": "enableGRPCGateway",
    "heartbeat-interval": "heartbeatInterval",
    "log-level": "logLevel",
    "max-request-bytes": "maxRequestBytes",
    "quota-backend-bytes": "quotaBackendBytes",
    "snapshot-count": "snapshotCount",
}
# The operator decides these, or they would break what it relies on: with a host-whitelist the
# kubelet, which asks by address, would be refused, and no member be Ready.
_DENIED: Final = """
    advertise-client-urls auto-tls cert-file client-cert-auth client-transport-security config-file
    data-dir discovery discovery-config discovery-fallback discovery-proxy discovery-srv
    discovery-srv-name enable-log-rotation enable-v2 experimental-enable-v2v3
    force-new-cluster host-whitelist initial-advertise-peer-urls initial-cluster
    initial-cluster-state initial-cluster-token key-file listen-client-http-urls listen-client-urls
    listen-metrics-urls listen-peer-urls log-outputs log-rotation-config-json logger max-learners
    name peer-auto-tls peer-cert-file peer-client-cert-auth peer-key-file peer-transport-security
    peer-trusted-ca-file proxy self-signed-cert-validity strict-reconfig-check trusted-ca-file
    unsafe-no-fsync v2-deprecation wal-dir
"""
DENIED: Final = frozenset(_DENIED.split())


def check_retention(mode: str | None, retention: str) -> Iterator[tuple[str, str]]:
    """Yield field and sentence if etcd would end because of how much history is to be kept."""
    form = RETAINED_REVISIONS if mode == "revision" else RETAINED_TIME
    if not re.fullmatch(form, retention):
        field = "spec.etcdConfig.autoCompactionRetention"
        sentence = (
            f"{field} {retention} is not possible: use a length of time such as 1h, or with "
            "autoCompactionMode revision a number of revisions such as 1000."
        )
        yield field, sentence


def check_settings(given: Mapping[str, str], minor: int) -> Iterator[tuple[str, str]]:
    """Yield field and sentence of everything that is wrong with extra settings for etcd 3.minor."""
    for name, text in given.items():
        field = f"spec.etcdConfig.extraArgs.{name}"
        problem = _find_problem(name, text, minor)
        if problem:
            yield field, f"{field} {problem}"


def _find_problem(name: str, text: str, minor: int) -> str:
    if name in _BY_FIELD:
        return f"has a field of its own: use spec.etcdConfig.{_BY_FIELD[name]}."
    if name in DENIED:
        return "is decided by the operator, or would break what it relies on: remove it."
    setting = SETTINGS.get(name)
    if setting is None or not setting.is_known_to(minor):
        other = name.removeprefix("experimental-")
        known = SETTINGS.get(other)
        better = other != name and known is not None and known.is_known_to(minor)
        hint = f"use {other}" if better else "write it as etcd's documentation does, without dashes"
        return f"is no setting of etcd 3.{minor}: {hint}, or remove it."
    try:
        convert(name, text)
    except ValueError:
        return f"{text} is not possible: it has to be {setting.describe()}."
    return ""


def convert(name: str, text: str) -> Value:
    """Return the value as etcd's file wants it; raises ValueError for a text that is none."""
    setting = SETTINGS[name]
    match setting.kind:
        case Kind.FLAG:
            if text not in ("true", "false"):
                raise ValueError(text)
            return text == "true"
        case Kind.NUMBER:
            if not _NUMBER.fullmatch(text):
                raise ValueError(text)
            return _bound(setting, int(text))
        case Kind.DURATION:
            # Go reads a length of time from a file as a number of nanoseconds only.
            return _bound(setting, parse_nanoseconds(text))
        case Kind.LIST:
            return [part.strip() for part in text.split(",")]
        case Kind.TEXT:
            return text


def _bound(setting: Setting, number: int) -> int:
    if not setting.least <= number <= setting.most:
        raise ValueError(number)
    return number
