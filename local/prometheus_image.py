"""An image with Prometheus and its Alertmanager, made of Debian's packages."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Final

from local.archive import ARCHIVE_FORMAT, Image, write_image
from local.commands import run
from local.debian import provide_package
from local.digests import digest_texts
from local.places import Places
from local.progress import Progress

PROMETHEUS_IMAGE: Final = "localhost/prometheus:debian"
PROGRAMS: Final = ("prometheus", "prometheus-alertmanager")
# Without these Alertmanager does not start.
TEMPLATES: Final = "usr/share/prometheus/alertmanager"
_LIBRARY: Final = re.compile(r"(/\S+) \(0x")


def prometheus_archive(places: Places, progress: Progress) -> Path:
    """Return the image's archive, made if there is none yet.

    The programs are linked against the C library of this machine's Debian, which comes along.
    """
    files = {}
    for name in PROGRAMS:
        program = provide_package(name, places, progress) / "usr/bin" / name
        files[f"/usr/local/bin/{name}"] = program
        for template in (program.parents[2] / TEMPLATES).glob("*.tmpl"):
            files[f"/{TEMPLATES}/{template.name}"] = template
        for library in _LIBRARY.findall(run("ldd", program)):
            files[library] = Path(library)
    sizes = [f"{path}:{source.stat().st_size}" for path, source in sorted(files.items())]
    target = places.images / f"prometheus-{digest_texts([ARCHIVE_FORMAT, *sizes])}.tar"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as draft:
            result = Path(draft) / target.name
            write_image(Image(PROMETHEUS_IMAGE, (f"/usr/local/bin/{PROGRAMS[0]}",), files), result)
            result.rename(target)
    return target
