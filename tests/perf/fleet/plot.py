"""Processor time and memory of the operator by the number of clusters, readable in print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from docs.fleet_results import find
from etcd_operator.json_types import Json

# Where a run has it, its title, and the target for a thousand clusters.
PANELS: Final = (
    ("rest.processor_percent.operator", "Operator at rest, % of a core", 25.0),
    ("rest.memory_mb.rss", "Resident memory, MB", 250.0),
    ("rest.processor_ms_per_pass", "Processor time of a pass, ms", 1.5),
)
OURS_COLOR: Final = "#2f6db3"
TARGET_COLOR: Final = "#c0392b"


def draw(runs: Sequence[Json], path: Path) -> None:
    """Write the picture; the format follows from the name of the file."""
    # A second to load, for whoever draws.
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "fleet", "font.size": 10}):
        figure = Figure(figsize=(10, 3.4), layout="constrained")
        for panel, (name, title, target) in zip(figure.subplots(1, 3), PANELS, strict=True):
            known = [(run["clusters"], find(run, name)) for run in runs]
            points = [(count, value) for count, value in known if value is not None]
            counts, values = [count for count, _ in points], [value for _, value in points]
            panel.plot(counts, values, marker="o", color=OURS_COLOR)
            panel.axhline(
                target, color=TARGET_COLOR, linestyle="--", linewidth=1, label="target for 1000"
            )
            for count, value in points:
                panel.annotate(
                    f"{value:g}", (count, value), textcoords="offset points", xytext=(0, 6)
                )
            panel.set_title(title, loc="left", fontsize=10)
            panel.set_xlabel("clusters of three")
            panel.margins(x=0.12)
            panel.set_ylim(0, 1.25 * max([target, *values]))
            panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False, fontsize=8, loc="lower right")
        figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")
