"""Completion: names of EtcdClusters for every shell, and all candidates as kubectl asks for them.

For `kubectl etcd …` and Tab, kubectl runs `kubectl_complete-etcd` with the words that follow, the
last of which is being typed. It reads candidates, one a line with what each means after a tab, and
at the end what the shell is to do. Source of the form: site/content/completions/_index.md of
spf13/cobra, which kubectl is made with.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import typer

from etcd_operator.errors import OperatorError

if TYPE_CHECKING:
    from etcd_operator.plugin.session import Place, Session

PROGRAM: Final = "kubectl_complete-etcd"
# Numbers of cobra's directives: let the shell complete files, or nothing but the candidates.
_FILES: Final = ":0"
_NO_FILES: Final = ":4"
# A shell stands still meanwhile.
LONGEST: Final = 2.0

# What a candidate means: after these words, this candidate.
Describe = Callable[[Sequence[str], str], str]


def complete_for_kubectl(
    app: Callable[..., object], describe: Describe, words: Sequence[str]
) -> None:
    """Print the candidates for the last word, and what the shell is to do."""
    found = find_candidates(app, words)
    for each in found:
        sys.stdout.write(f"{each}\t{describe(words[:-1], each)}".rstrip() + "\n")
    sys.stdout.write(f"{_NO_FILES if found else _FILES}\n")


def find_candidates(app: Callable[..., object], words: Sequence[str]) -> list[str]:
    """Return what the last word may become.

    As for bash, to which typer gives them without loading what formats help.
    """
    os.environ |= {
        "_KUBECTL_ETCD_COMPLETE": "complete_bash",
        "COMP_WORDS": shlex.join(["kubectl-etcd", *words]),
        "COMP_CWORD": str(len(words)),
    }
    found = io.StringIO()
    with contextlib.redirect_stdout(found), contextlib.suppress(SystemExit):
        app(prog_name="kubectl-etcd")
    return found.getvalue().split()


def complete_cluster(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of EtcdClusters that begin so; none where they cannot be listed."""
    import asyncio

    from etcd_operator.plugin.session import Place

    place = Place(ctx.params.get("context") or "", ctx.params.get("namespace") or "")
    try:
        found = asyncio.run(asyncio.wait_for(_list_clusters(place), LONGEST))
    except (OperatorError, TimeoutError):
        return []
    return sorted(name for name in found if name.startswith(incomplete))


async def _list_clusters(place: Place) -> list[str]:
    from etcd_operator.plugin import session
    from etcd_operator.plugin.clusters import list_all
    from etcd_operator.runtime.kubernetes.api import CLUSTERS

    own: Session = session.connect(place)
    try:
        return [each["metadata"]["name"] for each in await list_all(own, CLUSTERS, own.home)]
    finally:
        await own.api.close()
