from dataclasses import replace
from pathlib import Path

import pytest

from demo.__main__ import SPEC
from local.errors import LocalError
from local.programs import (
    COMPONENTS,
    ESSENTIAL_ETCD,
    all_programs,
    cert_manager,
    coredns,
    essential_programs,
    etcd_versions,
    kubernetes,
    network_policies,
    required_version,
    version_flags,
)


def test_every_program_has_a_module_and_a_name_of_its_own() -> None:
    programs = all_programs()
    assert all((program.module / "go.mod").exists() for program in programs)
    assert len({program.name for program in programs}) == len(programs)


def test_etcd_releases_count_as_numbers() -> None:
    versions = etcd_versions()
    assert "v3.5.35" in versions
    assert versions.index("v3.5.21") < versions.index("v3.5.35") < versions.index("v3.6.16")


def test_versions_come_from_the_module_files(tmp_path: Path) -> None:
    assert required_version(kubernetes().module, "k8s.io/kubernetes").startswith("v1.")
    assert required_version(coredns().module, "github.com/coredns/coredns").startswith("v1.")
    (tmp_path / "go.mod").write_text("module x\n\nrequire k8s.io/kubernetes/other v1.2.3\n")
    with pytest.raises(LocalError, match="requires no k8s"):
        required_version(tmp_path, "k8s.io/kubernetes")


def test_what_enforces_policies_shares_what_kubernetes_compiles() -> None:
    built = [program.name for program in all_programs()]
    assert built.index("network-policies") > built.index("kubernetes")
    for path in ("k8s.io/client-go", "k8s.io/klog/v2"):
        ours = required_version(network_policies().module, path)
        assert ours == required_version(kubernetes().module, path)


def test_cert_manager_shares_what_the_name_server_compiles() -> None:
    built = [program.name for program in all_programs()]
    assert built.index("cert-manager") > built.index("coredns")
    ours, theirs = (
        required_version(program.module, "k8s.io/client-go")
        for program in (cert_manager(), coredns())
    )
    assert ours == theirs


def test_a_demonstration_needs_one_etcd_and_nothing_of_the_tests() -> None:
    essential = [program.name for program in essential_programs()]
    assert essential == ["pause", f"etcd-{ESSENTIAL_ETCD}", "kubernetes", "coredns"]
    assert SPEC["version"] == ESSENTIAL_ETCD
    assert ESSENTIAL_ETCD in etcd_versions()


def test_what_only_tests_need_is_built_last() -> None:
    built = [program.name for program in all_programs()]
    essential = [program.name for program in essential_programs()]
    assert built[: len(essential)] == essential
    assert {f"etcd-{version}" for version in etcd_versions()} < set(built)


def test_linker_is_told_the_version_for_servers_and_clients() -> None:
    words = version_flags("v1.34.4").split()
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        assert f"{package}.gitVersion=v1.34.4" in words
        assert f"{package}.gitMajor=1" in words
        assert f"{package}.gitMinor=34" in words


def test_one_executable_goes_by_the_name_of_every_component() -> None:
    program = kubernetes()
    assert program.links == COMPONENTS
    command = program.command("kubernetes", Path("out"))
    assert command[:3] == ["go", "build", "-trimpath"]
    assert "-s -w -X" in command[command.index("-ldflags") + 1]


def test_whatever_decides_the_outcome_changes_the_digest(tmp_path: Path) -> None:
    (tmp_path / "main.go").write_text("package main")
    program = replace(coredns(), module=tmp_path)
    digests = {
        program.digest("go1"),
        program.digest("go2"),
        replace(program, linker_flags="-w").digest("go1"),
        replace(program, settings={"CGO_ENABLED": "1"}).digest("go1"),
        replace(program, targets={"coredns": "./other"}).digest("go1"),
        replace(program, links=("dns",)).digest("go1"),
    }
    (tmp_path / "main.go").write_text("package other")
    digests.add(program.digest("go1"))
    assert len(digests) == 7
    assert replace(program, seconds=1).digest("go1") in digests
