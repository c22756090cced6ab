"""The results as bars, floor beside ours, readable in print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.perf.samples import Spread
from tests.perf.verdicts import Verdict

WIDTH: Final = 0.38
# Apart in lightness and by hatching, so that they differ on paper and for every eye.
FLOOR_LOOK: Final[dict[str, Any]] = {"color": "#d9d9d9", "edgecolor": "#595959", "hatch": "///"}
OURS_LOOK: Final[dict[str, Any]] = {"color": "#2f6db3", "edgecolor": "#1d4470"}
TARGET_COLOR: Final = "#c0392b"


def draw(verdicts: Sequence[Verdict], caption: str, path: Path) -> None:
    """Write one panel per version of etcd; the format follows from the name of the file."""
    versions = sorted({verdict.row.version for verdict in verdicts})
    # The same file for the same numbers.
    with mpl.rc_context({"svg.hashsalt": "bench", "font.size": 10}):
        figure = Figure(figsize=(9, 1.0 + 3.3 * len(versions)), layout="constrained")
        panels = figure.subplots(len(versions), 1, squeeze=False)[:, 0]
        for panel, version in zip(panels, versions, strict=True):
            _draw_panel(panel, version, [v for v in verdicts if v.row.version == version])
        figure.suptitle("Seconds from the request until all members are ready and write")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            title=caption,
            title_fontsize=8,
            frameon=False,
            loc="outside lower center",
            ncols=3,
        )
        figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")


def _draw_panel(panel: Axes, version: str, verdicts: Sequence[Verdict]) -> None:
    for place, verdict in enumerate(verdicts):
        row = verdict.row
        alone = row.floor is None
        _draw_bar(panel, place - WIDTH / 2, row.floor, FLOOR_LOOK)
        _draw_bar(panel, place if alone else place + WIDTH / 2, row.ours, OURS_LOOK)
        if verdict.limit is not None:
            begin = place - WIDTH / 2 if alone else place
            panel.hlines(
                verdict.limit, begin - 0.03, begin + WIDTH + 0.03, color=TARGET_COLOR, linewidth=2
            )
    panel.bar(0, 0, label="hand-written StatefulSet", **FLOOR_LOOK)
    panel.bar(0, 0, label="operator", **OURS_LOOK)
    panel.hlines([], 0, 0, color=TARGET_COLOR, linewidth=2, label="target")
    panel.set_title(f"etcd {version}", loc="left", fontweight="bold")
    panel.set_xticks(range(len(verdicts)), [v.row.step.replace(" at", "\nat") for v in verdicts])
    panel.set_ylabel("seconds")
    panel.spines[["top", "right"]].set_visible(False)
    panel.margins(y=0.12)
    panel.set_ylim(bottom=0)


def _draw_bar(panel: Axes, place: float, spread: Spread | None, look: dict[str, Any]) -> None:
    """A bar to the median, a whisker from the least to the most, the median in figures."""
    if spread is None:
        return
    if spread.median == float("inf"):
        panel.text(place, 0, "failed", ha="center", va="bottom", rotation=90, color=TARGET_COLOR)
        return
    whisker = [[spread.median - spread.low], [spread.high - spread.median]]
    panel.bar(place, spread.median, WIDTH, linewidth=0.8, **look)
    panel.errorbar(place, spread.median, yerr=whisker, color="black", capsize=3, linewidth=1)
    panel.annotate(
        f"{spread.median:.1f}",
        (place, spread.high),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        fontsize=8,
    )
