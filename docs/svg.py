"""Draw boxes, arrows and words as an SVG that reads well in light and in dark mode."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Final

STYLE: Final = """\
    text { font-family: system-ui, "Segoe UI", Helvetica, Arial, sans-serif; font-size: 14px; }
    .paper { fill: #ffffff; }
    .ink { fill: #1f2933; }
    .faint { fill: #52606d; font-size: 12px; }
    .note { fill: #52606d; font-size: 12px; stroke: #ffffff; stroke-width: 4; paint-order: stroke; }
    .strong { font-weight: 600; }
    .line { stroke: #52606d; stroke-width: 1.5; fill: none; }
    .dashed { stroke-dasharray: 5 4; }
    .tip { fill: #52606d; }
    .shell { fill: #eef2f6; stroke: #9aa5b1; }
    .core { fill: #e3f2e8; stroke: #4b9b68; }
    .world { fill: #e6effb; stroke: #5b8bd0; }
    .warn { fill: #fbeceb; stroke: #cf6a62; }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #14191f; }
      .ink { fill: #e4e9ee; }
      .faint { fill: #a9b4bf; }
      .note { fill: #a9b4bf; stroke: #14191f; }
      .line { stroke: #a9b4bf; }
      .tip { fill: #a9b4bf; }
      .shell { fill: #232b34; stroke: #6b7783; }
      .core { fill: #17331f; stroke: #4b9b68; }
      .world { fill: #172a44; stroke: #5b8bd0; }
      .warn { fill: #3a1d1b; stroke: #cf6a62; }
    }
"""
LINE_HEIGHT: Final = 18


@dataclass(frozen=True, slots=True)
class Box:
    """A box, by its upper left corner; the arrows ask it for the middles of its sides."""

    x: int
    y: int
    width: int
    height: int

    @property
    def left(self) -> tuple[int, int]:
        """The middle of the left side."""
        return self.x, self.y + self.height // 2

    @property
    def right(self) -> tuple[int, int]:
        """The middle of the right side."""
        return self.x + self.width, self.y + self.height // 2

    @property
    def top(self) -> tuple[int, int]:
        """The middle of the upper side."""
        return self.x + self.width // 2, self.y

    @property
    def bottom(self) -> tuple[int, int]:
        """The middle of the lower side."""
        return self.x + self.width // 2, self.y + self.height


@dataclass(slots=True)
class Picture:
    """A drawing that grows from back to front. `title` is what a screen reader says."""

    width: int
    height: int
    title: str
    _parts: list[str] = field(default_factory=list)

    def box(
        self, x: int, y: int, width: int, height: int, kind: str, *words: str, bold: bool = True
    ) -> Box:
        """Draw a box with lines of words; the first line is the bold one."""
        self._parts.append(
            f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="8"/>'
        )
        first = y + height // 2 - (len(words) - 1) * LINE_HEIGHT // 2 + 5
        for number, line in enumerate(words):
            name = "ink strong" if bold and number == 0 else "faint"
            self.words(x + width // 2, first + number * LINE_HEIGHT, line, name)
        return Box(x, y, width, height)

    def words(self, x: int, y: int, text: str, name: str = "note", anchor: str = "middle") -> None:
        """Write one line; `anchor` is start, middle or end."""
        self._parts.append(
            f'<text class="{name}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def arrow(self, *points: tuple[int, int], dashed: bool = False) -> None:
        """Draw a line through the points, with a tip at the last."""
        path = " L".join(f"{x},{y}" for x, y in points)
        name = "line dashed" if dashed else "line"
        self._parts.append(f'<path class="{name}" d="M{path}" marker-end="url(#tip)"/>')

    def line(self, *points: tuple[int, int], dashed: bool = False) -> None:
        """Draw a line without a tip."""
        path = " L".join(f"{x},{y}" for x, y in points)
        name = "line dashed" if dashed else "line"
        self._parts.append(f'<path class="{name}" d="M{path}"/>')

    def render(self) -> str:
        """Return the SVG."""
        title = escape(self.title)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" role="img" aria-label="{title}">'
        )
        tip = (
            '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
            'markerHeight="8" orient="auto"><path class="tip" d="M0,0 L8,4 L0,8 z"/></marker>'
        )
        paper = f'<rect class="paper" width="{self.width}" height="{self.height}" rx="10"/>'
        lines = [
            head,
            f"  <title>{title}</title>",
            f"  <style>\n{STYLE}  </style>",
            f"  <defs>{tip}</defs>",
            *(f"  {part}" for part in (paper, *self._parts)),
            "</svg>",
        ]
        return "\n".join(lines) + "\n"
