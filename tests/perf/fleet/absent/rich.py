"""A library of developers' tools, which structlog loads where there is one: the image has none."""

raise ImportError
