"""The section on the image, made from the results of a run: `python -m tests.perf.image`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

RESULTS: Final = Path(__file__).parent / "results" / "image.json"


def write_footprint() -> list[str]:
    """Return the lines of the section; none without a recorded run."""
    if not RESULTS.exists():
        return []
    found = json.loads(RESULTS.read_text())
    sizes: dict[str, int] = found["bytes"]
    whole = sum(sizes.values())
    return [
        "## Image\n",
        (
            f"`make bench-image` of {found['began'][:10]}: the image takes {whole / 1e6:.0f} MB on "
            "a node, on a base of Debian with its Python; what comes on top of the base is "
            f"{(whole - sizes['base']) / 1e6:.0f} MB. The operator, its Jobs and the recordings "
            "use the same image.\n"
        ),
        "| Part | On disk |",
        "|---|---|",
        *(f"| {name} | {size / 1e6:.1f} MB |" for name, size in sizes.items()),
        "",
    ]
