"""Install the operator from the same file that a user applies."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from deploy.manifests import IMAGE, NAME, NAMESPACE
from deploy.target import Target, TargetError, find_target, provide_image
from etcd_operator.api.cluster import GROUP
from etcd_operator.api.crd import DEFINITIONS

INSTALL_FILE = Path(__file__).parent / "install.yaml"


def install(target: Target, image: str) -> None:
    """Apply install.yaml with this image and wait until both replicas are ready."""
    text = INSTALL_FILE.read_text()
    if f"image: {IMAGE}\n" not in text:
        raise TargetError(f"{INSTALL_FILE.name} does not name {IMAGE}: run `make generate`")
    text = text.replace(f"image: {IMAGE}\n", f"image: {image}\n")
    target.run("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=text)
    names = [f"crd/{kind.plural}.{GROUP}" for kind in DEFINITIONS]
    target.run("wait", "--for=condition=Established", *names)
    wait_for_operator(target)


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
