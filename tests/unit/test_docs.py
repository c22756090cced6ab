"""What the documents say must be true of the code, and their links must lead somewhere."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from deploy.manifests import LEASE_RULES, RULES
from docs.generate import UNFOLDED, WIDTH, find_leftovers
from etcd_operator.api.crd import build_crd
from etcd_operator.api.parse import parse_cluster
from etcd_operator.api.unknown_fields import find_unknown
from etcd_operator.api.validation import find_problems
from etcd_operator.core.bootstrap.gate import Gate
from etcd_operator.core.plan import planner as planner
from etcd_operator.json_types import Json
from etcd_operator.plugin.app import VERBS, load_verb

PROJECT = Path(__file__).resolve().parents[2]
FOLDERS = ("deploy", "docs", "local", "src", "tests")
PAGES = sorted(
    [*PROJECT.glob("*.md"), *(page for name in FOLDERS for page in (PROJECT / name).rglob("*.md"))]
)

LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`]+)`")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
MAKE = re.compile(r"(?:`|^)make ([a-z][a-z0-9-]*)", re.MULTILINE)
TARGET = re.compile(r"^([a-z][a-z0-9-]*):", re.MULTILINE)


def name_page(page: Path) -> str:
    """The page's path."""
    return str(page.relative_to(PROJECT))


@functools.cache
def anchors_of(page: Path) -> set[str]:
    """The anchors that hosts of Markdown make of headings."""
    headings = HEADING.findall(FENCE.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def find_broken_links(page: Path) -> Iterator[str]:
    """Relative links that name no file that is there, or no heading that is in it."""
    for link in LINK.findall(FENCE.sub("", page.read_text())):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = page if not path else (page.parent / path).resolve()
        there = target.is_relative_to(PROJECT) and target.exists()
        if not there or (anchor and anchor not in anchors_of(target)):
            yield link


def test_links_lead_somewhere() -> None:
    broken = {name_page(page): list(find_broken_links(page)) for page in PAGES}
    assert {page: links for page, links in broken.items() if links} == {}


def test_prose_has_one_width() -> None:
    """What a person can fold is folded; code and a word that is too long are as they are."""
    lines = [
        (name_page(page), line)
        for page in PAGES
        for line in FENCE.sub("", page.read_text()).splitlines()
    ]
    wide = [(p, line) for p, line in lines if len(line) > WIDTH and not line.startswith(UNFOLDED)]
    assert [(page, line) for page, line in wide if " " in line.strip()] == []


def test_what_is_generated_no_more_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("docs.generate.HERE", tmp_path)
    pages = [tmp_path / "reference" / name for name in ("api.md", "old.md")]
    pages[0].parent.mkdir()
    for page in pages:
        page.touch()
    assert find_leftovers(pages[:1]) == pages[1:]


def test_architecture_lists_the_rules_in_order() -> None:
    """The table of rules is the table that is asked."""
    text = (PROJECT / "ARCHITECTURE.md").read_text()
    section = text.partition("## The rules")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [
        r.__name__ for r in planner.RULES
    ]


def test_architecture_names_every_guard_at_an_invariant() -> None:
    """A guard is called as in the metric of vetoes and in `explain`."""
    section = (PROJECT / "ARCHITECTURE.md").read_text().partition("\n## Safety\n")[2]
    cells = re.findall(r"^\| [^|]+ \| [^|]+ \| ([^|]*) \|", section, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`([a-z-]+)`", cell)}
    source = (PROJECT / "src/etcd_operator/core/guards/__init__.py").read_text()
    assert named == set(re.findall(r'^ +yield "([a-z-]+)"', source, re.MULTILINE))


def test_architecture_lists_the_decisions_in_order() -> None:
    """Every page of `docs/adr` is in the list, under its number."""
    section = (PROJECT / "ARCHITECTURE.md").read_text().partition("\n## Decisions\n")[2]
    listed = re.findall(r"^(\d+)\. \[[^\]]+\]\(docs/adr/([\w-]+\.md)\)$", section, re.MULTILINE)
    pages = sorted(page.name for page in (PROJECT / "docs" / "adr").glob("*.md"))
    assert listed == [(str(int(page[:4])), page) for page in pages]


def test_security_lists_all_rights() -> None:
    """The table of rights is the one that is installed."""
    text = (PROJECT / "SECURITY.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z/]+)`[^|]*\| ([^|]+) \|", text, re.MULTILINE))
    wanted = {rule["resources"][0]: ", ".join(rule["verbs"]) for rule in RULES}
    assert {name: verbs for name, verbs in rows.items() if name != "leases"} == wanted
    lease_verbs = {verb for rule in LEASE_RULES for verb in rule["verbs"]}
    assert set(re.findall(r"create|get|patch|list|watch|update|delete", rows["leases"])) == (
        lease_verbs
    )


def find_diagrams() -> Iterator[Any]:
    """Every Mermaid diagram of a page."""
    for page in PAGES:
        for number, (language, text) in enumerate(FENCE.findall(page.read_text())):
            if language == "mermaid":
                yield pytest.param(text, id=f"{name_page(page)}-{number}")


@pytest.mark.parametrize("diagram", list(find_diagrams()))
def test_diagrams_have_a_title(diagram: str) -> None:
    """A screen reader says what a diagram shows."""
    assert re.findall(r"^    acc(Title|Descr): \S", diagram, re.MULTILINE) == ["Title", "Descr"]


def test_diagram_of_the_gate_has_its_states() -> None:
    """The states are those of the code, and `Exits`: the process that CLOSED keeps from serving."""
    text = (PROJECT / "docs" / "concepts.md").read_text()
    drawn = re.findall(r"^    (\w+|\[\*\]) --> (\w+|\[\*\]):", text, re.MULTILINE)
    states = {state for transition in drawn for state in transition} - {"[*]"}
    assert states == {gate.name for gate in Gate} | {"Exits"}


def test_make_targets_exist() -> None:
    """Whoever follows a page finds what it tells them to make."""
    targets = set(TARGET.findall((PROJECT / "Makefile").read_text()))
    named = {(name_page(page), name) for page in PAGES for name in MAKE.findall(page.read_text())}
    assert [(page, name) for page, name in named if name not in targets] == []


def find_typed() -> Iterator[tuple[str, list[str]]]:
    """The words after `kubectl etcd` wherever a page has a command in code, without comments."""
    for page in PAGES:
        text = page.read_text()
        lines = [line for _, code in FENCE.findall(text) for line in code.splitlines()]
        lines += [" ".join(each.split()) for each in CODE.findall(FENCE.sub("", text))]
        for line in lines:
            for command in line.partition(" #")[0].partition("kubectl etcd ")[2:]:
                if command and (words := command.split()):
                    yield name_page(page), words


def test_guides_type_verbs_and_options_that_there_are() -> None:
    wrong = []
    for page, (verb, *words) in find_typed():
        known = {"--help", "-h"}
        if verb in VERBS:
            known |= {name for each in load_verb(verb, VERBS[verb]).params for name in each.opts}
        own = words[: words.index("--")] if "--" in words else words
        options = {word.partition("=")[0] for word in own if word.startswith("-")}
        if verb not in {*VERBS, "--help", "VERB", "…"} or not options <= known:
            wrong.append((page, verb, options - known))
    assert wrong == []


def test_every_guide_shows_the_plugin_beside_kubectl() -> None:
    guides = {name_page(page) for page in (PROJECT / "docs" / "how-to").glob("*.md")}
    assert guides - {page for page, _ in find_typed()} == set()


def find_examples() -> Iterator[Any]:
    """Every EtcdCluster that a page shows."""
    for page in PAGES:
        for number, (language, text) in enumerate(FENCE.findall(page.read_text())):
            for document in yaml.safe_load_all(text) if language == "yaml" else ():
                if document.get("kind") == "EtcdCluster":
                    yield pytest.param(document, id=f"{name_page(page)}-{number}")


@pytest.mark.parametrize("example", list(find_examples()))
def test_examples_can_be_applied(example: Json) -> None:
    """An example is understood, allowed and uses no field that does not exist."""
    named = {"namespace": "default", "uid": "1", **example["metadata"]}
    cluster = parse_cluster({**example, "metadata": named})
    assert cluster.flaws == ()
    assert find_problems(cluster) == ()
    schema = build_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert list(find_unknown(example["spec"], schema["properties"]["spec"], "spec")) == []
