"""The documentation site: `python -m docs.site` writes what MkDocs builds it from.

Pages keep their places in the repository, so that links between them hold in both. Links to other
files lead to `REPOSITORY_URL`, such as https://example.com/project/blob/main; without one only
their text is left.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

PROJECT: Final = Path(__file__).resolve().parent.parent
TARGET: Final = PROJECT / "build" / "docs"
PAGES: Final = (
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "THREAT_MODEL.md",
)
# Names of fields stay whole in the first column of a table.
STYLE: Final = ".md-typeset td:first-child > code:only-child { white-space: nowrap; }\n"
ASSETS: Final = ("docs/pictures/*.svg", "docs/results/*.svg")
_LINK: Final = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")
_FENCE: Final = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)

# Sections of the navigation; a folder stands for its pages in the order of their titles.
NAVIGATION: Final[dict[str, tuple[str, ...]]] = {
    "Start": ("README.md", "docs/tutorial.md", "docs/how-to/install.md", "docs/support-matrix.md"),
    "Concepts": ("docs/concepts.md", "ARCHITECTURE.md", "SECURITY.md", "THREAT_MODEL.md"),
    "How-to": ("docs/how-to/",),
    "Reference": ("docs/reference/", "CHANGELOG.md"),
    "Plugin": ("docs/reference/plugin.md", "docs/reference/plugin/"),
    "Monitoring": ("docs/monitoring.md", "docs/runbooks/"),
    "Evidence": ("docs/comparison.md", "docs/reliability.md", "docs/performance.md"),
    "FAQ": ("docs/faq.md",),
    "Contribute": ("CONTRIBUTING.md", "docs/adr/"),
}


def find_pages() -> list[Path]:
    """Return every page, by its path in the repository."""
    found = (path.relative_to(PROJECT) for path in (PROJECT / "docs").rglob("*.md"))
    return [*map(Path, PAGES), *sorted(found)]


def find_assets() -> list[Path]:
    """Return the pictures that pages show."""
    return [path.relative_to(PROJECT) for name in ASSETS for path in PROJECT.glob(name)]


def rewrite_links(text: str, page: Path, staged: set[Path], repository: str) -> str:
    """Return a page whose links to files outside the site lead to the repository, or nowhere."""

    def rewrite(match: re.Match[str]) -> str:
        path = match[2].partition("#")[0]
        if not path or "://" in path:
            return match[0]
        target = Path(os.path.normpath(page.parent / path))
        if target in staged:
            return match[0]
        return f"[{match[1]}]({repository}/{target})" if repository else match[1]

    # What stands between fences is code.
    parts = _FENCE.split(text)
    return "".join(part if part.startswith("```") else _LINK.sub(rewrite, part) for part in parts)


def read_title(page: Path) -> str:
    """Return the first heading of a page."""
    found = re.search(r"^# (.+)$", (PROJECT / page).read_text(), re.MULTILINE)
    return found[1].replace("`", "") if found else page.stem


def build_navigation() -> list[dict[str, Any]]:
    """Return the navigation as MkDocs reads it; a section of one page is that page."""
    sections = {name: list(_list_pages(places)) for name, places in NAVIGATION.items()}
    return [
        {name: pages[0] if len(pages) == 1 else [{read_title(Path(p)): p} for p in pages]}
        for name, pages in sections.items()
    ]


def _list_pages(places: tuple[str, ...]) -> Iterator[str]:
    named = {page for pages in NAVIGATION.values() for page in pages}
    for place in places:
        if not place.endswith("/"):
            yield place
            continue
        pages = (path.relative_to(PROJECT) for path in (PROJECT / place).glob("*.md"))
        yield from (str(page) for page in sorted(pages, key=_read_order) if str(page) not in named)


def _read_order(page: Path) -> str:
    """Decisions by their number, other pages by their title."""
    return page.name if page.parent.name == "adr" else read_title(page).lower()


def build_settings() -> dict[str, Any]:
    """Return mkdocs.yml. Nothing is loaded from other hosts but Mermaid, for diagrams."""
    mermaid = {
        "name": "mermaid",
        "class": "mermaid",
        "format": "pymdownx.superfences.fence_code_format",
    }
    return {
        "site_name": "etcd-operator",
        "site_description": "Runs etcd clusters on Kubernetes.",
        "docs_dir": "pages",
        "site_dir": "site",
        "use_directory_urls": False,
        "theme": {
            "name": "material",
            "font": False,
            "features": [
                "navigation.tabs",
                "navigation.top",
                "search.suggest",
                "content.code.copy",
                "toc.follow",
            ],
            "palette": [
                {"scheme": "default", "toggle": {"icon": "material/weather-night", "name": "Dark"}},
                {"scheme": "slate", "toggle": {"icon": "material/weather-sunny", "name": "Light"}},
            ],
        },
        "extra": {"version": {"provider": "mike"}},
        "extra_css": ["style.css"],
        "plugins": ["search"],
        "markdown_extensions": [
            "admonition",
            "attr_list",
            "tables",
            "pymdownx.highlight",
            "pymdownx.inlinehilite",
            {"pymdownx.superfences": {"custom_fences": [mermaid]}},
            {"toc": {"permalink": True, "slugify": "pymdownx.slugs.slugify"}},
        ],
        "validation": {
            "omitted_files": "warn",
            "absolute_links": "warn",
            "unrecognized_links": "warn",
            "anchors": "warn",
        },
        "nav": build_navigation(),
    }


def render_settings() -> str:
    """Return the text of mkdocs.yml; functions are named by MkDocs' own tags."""
    text = yaml.safe_dump(build_settings(), sort_keys=False)
    for name, tag in (
        ("pymdownx.slugs.slugify", "!!python/object/apply:{} {{kwds: {{case: lower}}}}"),
        ("pymdownx.superfences.fence_code_format", "!!python/name:{}"),
    ):
        text = re.sub(rf"{re.escape(name)}$", tag.format(name), text, flags=re.MULTILINE)
    return text


def main() -> int:
    """Write build/docs, from which MkDocs makes build/docs/site."""
    shutil.rmtree(TARGET, ignore_errors=True)
    pages, assets = find_pages(), find_assets()
    staged = {*pages, *assets}
    repository = os.environ.get("REPOSITORY_URL", "").rstrip("/")
    for path in pages:
        target = TARGET / "pages" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        text = (PROJECT / path).read_text()
        target.write_text(rewrite_links(text, path, staged, repository))
    for path in assets:
        target = TARGET / "pages" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / path, target)
    (TARGET / "pages" / "style.css").write_text(STYLE)
    (TARGET / "mkdocs.yml").write_text(render_settings())
    print(f"wrote {len(pages)} pages to {TARGET.relative_to(PROJECT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
