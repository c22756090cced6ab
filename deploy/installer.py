"""Install the operator from the same file that a user applies."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from deploy.manifests import IMAGE, NAME, NAMESPACE
from deploy.target import Target, TargetError, find_target, name_image, provide_image
from etcd_operator.api.cluster import GROUP
from etcd_operator.api.crd import DEFINITIONS
from local.digests import digest_texts

INSTALL_FILE = Path(__file__).parent / "install.yaml"
# On the Deployment: the digest of what was installed, and the generation that this made.
ANNOTATION_INSTALLED = f"{GROUP}/installed"


def ensure_installed(target: Target, image: str = "") -> None:
    """Install this tree's operator, or the `image` given, unless it is there, untouched and ready.

    Nothing is built then. What others have changed of the Deployment is another generation of it.
    """
    if not is_installed(target, image or name_image()):
        install(target, provide_image(target, image))


def is_installed(target: Target, image: str) -> bool:
    """Tell whether this install.yaml, with this image, is installed and every replica ready."""
    words = ("deployment", NAME, f"--namespace={NAMESPACE}", "--ignore-not-found")
    found = target.read("get", *words, empty={})
    if not found:
        return False
    metadata, status = found["metadata"], found.get("status") or {}
    marked = (metadata.get("annotations") or {}).get(ANNOTATION_INSTALLED)
    ready = {status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")}
    return (
        marked == f"{digest_texts([render(INSTALL_FILE, image)])}-{metadata['generation']}"
        and status.get("observedGeneration") == metadata["generation"]
        and ready == {found["spec"]["replicas"]}
    )


def install(target: Target, image: str) -> None:
    """Apply install.yaml with this image and wait until both replicas are ready."""
    text = render(INSTALL_FILE, image)
    target.run("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=text)
    names = [f"crd/{kind.plural}.{GROUP}" for kind in DEFINITIONS]
    target.run("wait", "--for=condition=Established", *names)
    wait_for_operator(target)
    place = f"--namespace={NAMESPACE}"
    generation = target.read("get", "deployment", NAME, place)["metadata"]["generation"]
    mark = f"{ANNOTATION_INSTALLED}={digest_texts([text])}-{generation}"
    target.run("annotate", "deployment", NAME, place, "--overwrite", mark)


def render(manifests: Path, image: str) -> str:
    """Return manifests of an installation with this image of the operator."""
    text = manifests.read_text()
    if f"image: {IMAGE}\n" not in text:
        raise TargetError(f"{manifests.name} does not name {IMAGE}: run `make generate`")
    return text.replace(f"image: {IMAGE}\n", f"image: {image}\n")


def wait_for_operator(target: Target) -> None:
    """Wait until every replica of the present version is ready."""
    place = f"--namespace={NAMESPACE}"
    try:
        target.run("rollout", "status", f"deployment/{NAME}", place, "--timeout=90s")
    except TargetError as error:
        said = target.run("logs", f"deployment/{NAME}", place, "--tail=5", "--all-containers")
        raise TargetError(f"{error}\nThe operator said last:\n{said}") from error


def main(words: list[str]) -> int:
    """Install on the local cluster, or on the one that --context names."""
    parser = argparse.ArgumentParser(prog="python -m deploy.installer", description=main.__doc__)
    parser.add_argument("--context", default="", help="a context of your kubeconfig")
    parser.add_argument("--image", default="", help="the operator's image")
    options = parser.parse_args(words)
    try:
        target = find_target(options.context)
        install(target, provide_image(target, options.image))
    except TargetError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"the operator is installed on {target.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
