"""The run as a timeline: acknowledged writes per second, and what struck when."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from tests.chaos.run import Result

BIN_SECONDS: Final = 0.5
WRITES: Final = "#2f6db3"
STRUCK: Final = "#f3d7a0"
FAILED: Final = "#c0392b"


def draw(result: Result, caption: str, path: Path) -> None:
    """Write the picture; its format follows from the name of the file."""
    # A second to load, for whoever draws.
    import matplotlib as mpl
    from matplotlib.figure import Figure

    counts = Counter(int(moment / BIN_SECONDS) for moment in result.writes)
    last = max(counts, default=0)
    times = [place * BIN_SECONDS for place in range(last + 1)]
    rates = [counts[place] / BIN_SECONDS for place in range(last + 1)]
    # The same file for the same numbers.
    with mpl.rc_context({"svg.hashsalt": "chaos", "font.size": 9}):
        figure = Figure(figsize=(12, 4.2), layout="constrained")
        panel = figure.subplots()
        panel.fill_between(times, rates, step="post", color=WRITES, linewidth=0)
        top = max(rates, default=1.0) * 1.9
        for strike in result.strikes:
            end = strike.at + strike.to_redundancy
            color = FAILED if strike.failure else STRUCK
            panel.axvspan(strike.at, max(end, strike.at + 0.5), color=color, zorder=0, linewidth=0)
            panel.text(strike.at, top * 0.985, strike.fault, rotation=90, va="top", fontsize=7)
        panel.set_ylim(0, top)
        panel.set_xlim(0, max(times[-1], 1.0) if times else 1.0)
        panel.set_ylabel("acknowledged writes per second")
        panel.set_xlabel("seconds; shaded from each fault until every member serves again")
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_title(caption, loc="left", fontsize=9)
        figure.savefig(path, metadata={"Date": None})
