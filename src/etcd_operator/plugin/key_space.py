"""The keys of a cluster by prefix: counted, and their values' size estimated from a sample."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from etcd_operator.json_types import Json
from etcd_operator.plugin.console import size, table
from etcd_operator.wording import counted

MOST_PREFIXES: Final = 30
# Reads that one member answers from what it has: nobody waits for them.
_CHEAP: Final = ("--consistency=s", "--write-out=json")

Read = Callable[..., Awaitable[str]]


async def measure(read: Read, depth: int, *, sample: int, most: int) -> Json:
    """Return the prefixes with the most keys; `read` is etcdctl, `most` bounds what is listed."""
    listing = await _get(read, "", f"--limit={most}", "--keys-only")
    keys = [base64.b64decode(pair["key"]) for pair in listing.get("kvs") or ()]
    counts = Counter(split_prefix(key, depth) for key in keys)
    rows = []
    for prefix, count in counts.most_common(MOST_PREFIXES):
        text = prefix.decode(errors="backslashreplace")
        mean, taken = await _sample(read, prefix, sample)
        rows.append(
            {"prefix": text, "keys": count, "sampled": taken, "aboutBytes": round(mean * count)}
        )
    return {"keys": listing.get("count", len(keys)), "listed": len(keys), "prefixes": rows}


async def _sample(read: Read, prefix: bytes, sample: int) -> tuple[float, int]:
    """Return the mean size of key and value of some pairs of a prefix, and of how many."""
    try:
        text = prefix.decode()
    except UnicodeDecodeError:
        return 0.0, 0  # no word of a command line can be that key
    pairs = (await _get(read, text, f"--limit={sample}")).get("kvs") or ()
    sizes = [
        len(base64.b64decode(p["key"])) + len(base64.b64decode(p.get("value", ""))) for p in pairs
    ]
    return (sum(sizes) / len(sizes) if sizes else 0.0), len(sizes)


async def _get(read: Read, prefix: str, *options: str) -> Any:
    # Without a prefix, etcdctl asks for --from-key with the lowest key there is.
    where = (prefix, "--prefix") if prefix else ("", "--from-key")
    return json.loads(await read("get", *where, *_CHEAP, *options) or "{}")


def split_prefix(key: bytes, depth: int) -> bytes:
    """Return the first parts of a key, which slashes end: /registry/pods/ for two."""
    lead = b"/" if key.startswith(b"/") else b""
    parts = key.removeprefix(b"/").split(b"/")
    if len(parts) <= depth:
        return lead + b"/".join(parts[:-1]) + (b"/" if len(parts) > 1 else b"")
    return lead + b"/".join(parts[:depth]) + b"/"


def render(view: Json) -> RenderableType:
    """Render the prefixes, the largest number of keys first."""
    head = counted(view["keys"], "key")
    if view["listed"] < view["keys"]:
        head += f", the first {view['listed']} of them are counted here"
    rows = (
        (row["prefix"] or "(none)", row["keys"], f"~{size(row['aboutBytes'])}", row["sampled"])
        for row in view["prefixes"]
    )
    return Group(Text(head), table(("prefix", "keys", "size", "sampled"), rows))
