"""The kubeconfig of the user, found and merged as kubectl does it.

https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/: KUBECONFIG
may name several files, of which the first that sets a value wins. Without any file the service
account of the Pod is used.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import yaml
from lightkube.config.kubeconfig import DEFAULT_KUBECONFIG, KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError

from etcd_operator.plugin.exits import Exit, PluginError

# What a file raises that is none, or has other types than a kubeconfig has.
_UNUSABLE: Final = (
    yaml.YAMLError, OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError,
)  # fmt: skip


def load_config(context: str) -> SingleConfig:
    """Return server, user and namespace of a context, the current one if it is empty.

    Raises PluginError with a sentence if there is none.
    """
    try:
        files = [KubeConfig.from_file(path) for path in _find_files()]
        if not files:
            return _with_user(_find_service_account())
        return _with_user(_merge(files, context))
    except ConfigError as error:
        raise PluginError(f"No connection to Kubernetes: {error}.", Exit.UNREACHABLE) from error
    except _UNUSABLE as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise PluginError(
            f"No connection to Kubernetes: your kubeconfig is not usable: {why}.", Exit.UNREACHABLE
        ) from error


def _find_service_account() -> SingleConfig | None:
    try:
        return KubeConfig.from_service_account().get()
    except ConfigError:
        return None


def _find_files() -> list[Path]:
    named = os.environ.get("KUBECONFIG", "") or DEFAULT_KUBECONFIG
    paths = [Path(part).expanduser() for part in named.split(os.pathsep) if part]
    return [path for path in paths if path.is_file()]


def _merge(files: list[KubeConfig], context: str) -> SingleConfig:
    name = context or next((f.current_context for f in files if f.current_context), None)
    if not name:
        raise ConfigError("your kubeconfig has no current context: name one with --context")
    holder = next((file for file in files if name in file.contexts), None)
    if holder is None:
        known = ", ".join(sorted({each for file in files for each in file.contexts})) or "none"
        raise ConfigError(f"your kubeconfig has no context {name}; it has {known}")
    chosen = holder.contexts[name]
    server = next((file for file in files if chosen.cluster in file.clusters), None)
    if server is None:
        raise ConfigError(f"your kubeconfig has no cluster {chosen.cluster}, of context {name}")
    user = next((file.users[chosen.user] for file in files if chosen.user in file.users), None)
    return SingleConfig(name, chosen, server.clusters[chosen.cluster], user, server.fname)


def _with_user(config: SingleConfig | None) -> SingleConfig:
    if config is None:
        raise ConfigError("no kubeconfig and no service account: set KUBECONFIG")
    return config if config.user else config._replace(user=User())
