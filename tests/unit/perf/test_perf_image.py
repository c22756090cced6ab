"""What is in an image, by its archive; and what the page says of it."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from docs import footprint
from tests.perf.image import BASE, LEAST_BYTES, OWN, REST, measure

PACKAGES = "opt/operator/lib/python3.11/site-packages"


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def pack(files: dict[str, bytes]) -> bytes:
    """An archive of files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            add(archive, name, content)
    return packed.getvalue()


def test_each_part_is_counted_once(tmp_path: Path) -> None:
    large = b"x" * LEAST_BYTES
    base = {"usr/lib/libc.so": large + b"x"}
    own = {
        f"{PACKAGES}/grpc/cygrpc.so": large,
        f"{PACKAGES}/grpc/aio/call.py": b"x" * 9,
        f"{PACKAGES}/small/a.py": b"x" * 5,
        f"{PACKAGES}/alone.py": b"x" * 2,
        "opt/operator/src/etcd_operator/cli.py": large,
    }
    layers = {"1/layer.tar": pack(base), "2/layer.tar": pack(own)}
    manifest = json.dumps([{"Layers": list(layers)}]).encode()
    image = tmp_path / "image.tar"
    image.write_bytes(pack({**layers, "manifest.json": manifest}))
    assert measure(image) == {
        "grpc": LEAST_BYTES + 9,
        BASE: LEAST_BYTES + 1,
        OWN: LEAST_BYTES,
        REST: 7,
    }


def test_the_page_lists_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = tmp_path / "image.json"
    monkeypatch.setattr(footprint, "RESULTS", results)
    assert footprint.write_footprint() == []
    sizes = {"base": 150_000_000, "grpc": 19_000_000, "others": 1_000_000}
    results.write_text(json.dumps({"began": "2026-12-01T01:02:03+00:00", "bytes": sizes}))
    text = "\n".join(footprint.write_footprint())
    assert "170 MB" in text
    assert "20 MB" in text
    assert "| grpc | 19.0 MB |" in text
