from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.kubeconfig import load_config


def write(path: Path, name: str, **more: Any) -> Path:
    body = {
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}"}}],
        "users": [{"name": name, "user": {"token": name}}],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": name, "namespace": f"ns-{name}"}}
        ],
        **more,
    }
    path.write_text(yaml.safe_dump(body))
    return path


def test_the_current_context_is_used_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(tmp_path / "a", "a", **{"current-context": "a"})
    second = write(tmp_path / "b", "b", **{"current-context": "b"})
    monkeypatch.setenv("KUBECONFIG", f"{first}{os.pathsep}{tmp_path / 'none'}{os.pathsep}{second}")
    assert load_config("").cluster.server == "https://a"
    named = load_config("b")
    assert named.user is not None
    assert (named.cluster.server, named.namespace, named.user.token) == ("https://b", "ns-b", "b")


def test_an_unknown_context_is_answered_with_those_that_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(write(tmp_path / "a", "a")))
    with pytest.raises(PluginError, match="has no context b; it has a") as caught:
        load_config("b")
    assert caught.value.code is Exit.UNREACHABLE
    with pytest.raises(PluginError, match="no current context"):
        load_config("")


def test_a_user_may_be_missing_as_behind_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = [{"name": "a", "context": {"cluster": "a"}}]
    path = write(tmp_path / "a", "a", contexts=alone)
    monkeypatch.setenv("KUBECONFIG", str(path))
    config = load_config("a")
    assert config.user is not None
    assert config.user.token is None


def test_a_file_that_is_no_kubeconfig_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_text("just: words\n")
    monkeypatch.setenv("KUBECONFIG", str(path))
    with pytest.raises(PluginError, match="No connection to Kubernetes"):
        load_config("")


@pytest.mark.parametrize(
    "content",
    ["{", "- a", "7", "[" * 500, "current-context: [a]", "contexts: {a: b}",
     "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]"],
)  # fmt: skip
def test_what_is_no_kubeconfig_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    monkeypatch.setenv("KUBECONFIG", str(path))
    with pytest.raises(PluginError) as error:
        load_config("")
    assert error.value.code == 6
    assert "\n" not in str(error.value)
