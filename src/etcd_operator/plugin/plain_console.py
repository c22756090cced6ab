"""Console of rich for text of others."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from etcd_operator.plugin.plain_text import plain


class PlainConsole(Console):
    """A console whose colours are its own: what is printed on it controls no terminal."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render, with what a terminal would obey escaped in the text."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=plain(segment.text))
