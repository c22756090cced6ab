"""Show a recorded terminal as an SVG. The record is plain text; commands begin with `$ `."""

from __future__ import annotations

import io
from typing import Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

COLUMNS: Final = 100
# Dark in light mode too, as terminals are; the fonts are whatever the reader has.
THEME: Final = TerminalTheme(
    (24, 29, 36),
    (214, 221, 228),
    [
        (24, 29, 36),
        (232, 116, 106),
        (126, 200, 140),
        (226, 192, 110),
        (120, 170, 235),
        (200, 150, 220),
        (110, 200, 205),
        (214, 221, 228),
    ],
)
FORMAT: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
  <style>
    .{unique_id}-matrix, .{unique_id}-title {{
      font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
    }}
    .{unique_id}-matrix {{
      font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
    }}
    .{unique_id}-title {{ font-size: 18px; }}
    {styles}
  </style>
  <defs>
    <clipPath id="{unique_id}-clip-terminal">
      <rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
    </clipPath>
    {lines}
  </defs>
  {chrome}
  <g transform="translate({terminal_x}, {terminal_y})"
     clip-path="url(#{unique_id}-clip-terminal)">
    {backgrounds}
    <g class="{unique_id}-matrix">
    {matrix}
    </g>
  </g>
</svg>
"""


def draw_terminal(record: str, title: str) -> str:
    """Return the terminal after everything in the record was printed."""
    console = Console(
        record=True,
        width=COLUMNS,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    for line in record.rstrip().splitlines():
        text = Text.from_ansi(line)
        if text.plain.startswith("$ "):
            text.stylize("bold bright_white")
        console.print(text, soft_wrap=False)
    drawn = console.export_svg(title=title, theme=THEME, code_format=FORMAT, unique_id="terminal")
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"
