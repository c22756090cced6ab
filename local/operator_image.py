"""The operator's image, from the project's own Dockerfile, on a base that needs no registry."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from local import pip_settings
from local.archive import canonical
from local.base_image import BASE, base_archive
from local.commands import run, succeeds
from local.digests import digest_paths, digest_texts
from local.errors import LocalError
from local.places import PROJECT, Places
from local.progress import Progress

_POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}'
# Each change of the operator leaves an archive, and layers in the builder's storage.
_ARCHIVES_KEPT = 4
_IMAGES_KEPT = 40


def build_image(tag: str, places: Places, progress: Progress, source: Path = PROJECT) -> Path:
    """Return the archive of the image of the operator in `source`, built if its content is new."""
    if not (source / "Dockerfile").exists():
        raise LocalError(f"{source / 'Dockerfile'} is missing: it says how to build the operator")
    base = base_archive(places, progress)
    name = canonical(tag)
    target = places.images / f"operator-{_digest(name, base, source)}.tar"
    if not target.exists():
        progress.say("building the operator's image, about 30 s the first time, then 8 s")
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as work:
            result = Path(work) / target.name
            _build(name, base, places.cache / "buildah", result, source)
            result.rename(target)
        _forget_old(target)
        progress.say("built the operator's image")
    return target


def _digest(name: str, base: Path, source: Path) -> str:
    inputs = ("Dockerfile", "requirements/operator.txt", "src", "pyproject.toml")
    content = digest_paths([source / path for path in inputs], source)
    return digest_texts([name, base.name, content])


def _forget_old(newest: Path) -> None:
    found = newest.parent.glob("operator-*.tar")
    for archive in sorted(found, key=lambda path: path.stat().st_mtime)[:-_ARCHIVES_KEPT]:
        archive.unlink()


def _build(name: str, base: Path, work: Path, result: Path, source: Path) -> None:
    """Build with the layers of earlier builds; a failure makes the next one start without."""
    # The mount namespace takes every mount of the storage along when a step ends.
    buildah = ["unshare", "--mount", "buildah", "--root", str(work / base.stem)]
    buildah += ["--runroot", str(work / "run")]
    work.mkdir(parents=True, exist_ok=True)
    try:
        if _must_start_anew(buildah):
            shutil.rmtree(work, ignore_errors=True)
        _run_steps(buildah, name, base, work, result, source)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def _must_start_anew(buildah: list[str]) -> bool:
    known = run(*buildah, "images", "--all", "--quiet").split()
    return len(known) > _IMAGES_KEPT


def _run_steps(
    buildah: list[str], name: str, base: Path, work: Path, result: Path, source: Path
) -> None:
    """Pull, build, push.

    `chroot` isolation needs neither a runtime nor a network namespace: its steps install from
    package registries through this machine's network.
    """
    work.mkdir(parents=True, exist_ok=True)
    (work / "policy.json").write_text(_POLICY)
    policy = ["--signature-policy", str(work / "policy.json")]
    if not succeeds(*buildah, "inspect", "--type=image", BASE):
        run(*buildah, "pull", "--quiet", *policy, f"docker-archive:{base}")
    options = ["--quiet", "--isolation=chroot", "--pull-never", "--timestamp=0", "--format=docker"]
    options += ["--layers", f"--build-arg=BASE={BASE}", f"--tag={name}", *policy]
    options += _pip_volumes(work)
    run(*buildah, "build", *options, "--file", source / "Dockerfile", source)
    run(*buildah, "push", "--quiet", *policy, name, f"docker-archive:{result}:{name}")


def _pip_volumes(work: Path) -> list[str]:
    """Let pip install from where it does on this machine."""
    settings = pip_settings.read_settings()
    config = work / "pip.conf"
    config.write_text(pip_settings.render_settings(settings))
    volumes = [f"--volume={config}:{pip_settings.PIP_CONFIG}:ro"]
    return volumes + [f"--volume={path}:{path}:ro" for path in pip_settings.named_paths(settings)]
