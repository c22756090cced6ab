"""The files of a release: `python -m deploy.release --image REPOSITORY@DIGEST DIRECTORY`.

Manifests, charts and the bundle name the released image; all else is as in the repository.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path
from typing import Final

import yaml

from deploy.charts import cluster_chart, operator_chart
from deploy.manifests import IMAGE
from deploy.olm import build_bundle
from etcd_operator import __version__

HERE: Final = Path(__file__).parent
MANIFESTS: Final = ("install.yaml", "install-namespaced.yaml")
_IMAGE: Final = re.compile(r"([^@\s]+)@(sha256:[0-9a-f]{64})")


def write_release(image: str, directory: Path) -> None:
    """Write the files; raises ValueError unless the image is named by its digest."""
    found = _IMAGE.fullmatch(image)
    if not found:
        raise ValueError(f"image {image} has no digest: name it as REPOSITORY@sha256:…")
    directory.mkdir(parents=True, exist_ok=True)
    for name in MANIFESTS:
        text = (HERE / name).read_text()
        (directory / name).write_text(text.replace(f"image: {IMAGE}\n", f"image: {image}\n"))
    for chart in (operator_chart.CHART, cluster_chart.CHART):
        shutil.copytree(HERE / "helm" / chart, directory / "charts" / chart, dirs_exist_ok=True)
    _set_default_image(directory / "charts" / operator_chart.CHART, *found.groups())
    for path, document in build_bundle(image).items():
        target = directory / "bundle" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(yaml.safe_dump(document, sort_keys=False, width=100))


def _set_default_image(chart: Path, repository: str, digest: str) -> None:
    values, name = chart / "values.yaml", IMAGE.partition(":")[0]
    text = values.read_text()
    for old, new in (
        (f"  repository: {name}\n", f"  repository: {repository}\n"),
        ("  digest: ''\n", f"  digest: {digest}\n"),
    ):
        if text.count(old) != 1:
            raise ValueError(f"{values} has {old.strip()} not once: run `make generate`")
        text = text.replace(old, new)
    values.write_text(text)
    metadata = chart / "Chart.yaml"
    metadata.write_text(metadata.read_text().replace(IMAGE, f"{repository}@{digest}"))


def check_tag(tag: str) -> None:
    """Raise ValueError unless the tag is that of the version of this tree."""
    if tag != f"v{__version__}":
        raise ValueError(
            f"tag {tag} is not v{__version__}: set __version__ in etcd_operator/__init__.py first"
        )


def main(words: list[str]) -> int:
    """Write the files of a release, or check its tag."""
    parser = argparse.ArgumentParser(prog="python -m deploy.release", description=main.__doc__)
    parser.add_argument("--tag", default=f"v{__version__}", help="the tag of the release")
    parser.add_argument("--image", default="", help="REPOSITORY@sha256:… of the pushed image")
    parser.add_argument("directory", type=Path, nargs="?", default=Path("build/release"))
    options = parser.parse_args(words)
    try:
        check_tag(options.tag)
        if options.image:
            write_release(options.image, options.directory)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
