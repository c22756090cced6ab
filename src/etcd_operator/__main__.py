"""`python -m etcd_operator` runs the operator; `… task STEP` one step of a backup or restore.

`… explain NAMESPACE/NAME` prints what each rule of the planner says about an EtcdCluster.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import MutableMapping


def main() -> None:
    """Run the operator process, a step of a Job, or an explanation, and load only its code."""
    silence_grpc(os.environ)
    if sys.argv[1:2] == ["task"]:
        from etcd_operator.jobs.steps import run_step

        sys.exit(run_step(sys.argv[2:]))
    if sys.argv[1:2] == ["explain"]:
        from etcd_operator.explain import main as explain

        sys.exit(explain(sys.argv[2:]))
    gc.disable()  # until all is loaded, of which nothing is garbage: a tenth of the time it takes
    from etcd_operator.cli import run

    sys.exit(run(sys.argv[1:]))


def silence_grpc(environment: MutableMapping[str, str]) -> None:
    """Let the C core of gRPC write nothing; it reads the environment when `grpc` is imported.

    It would write lines of its own about each certificate that it refuses. Whoever made the request
    gets an error that says the same. Source: grpc, doc/environment_variables.md.
    """
    environment.setdefault("GRPC_VERBOSITY", "NONE")


if __name__ == "__main__":
    main()
