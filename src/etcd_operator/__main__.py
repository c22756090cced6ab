"""`python -m etcd_operator` runs the operator; `… task STEP` one step of a backup or restore.

`… explain NAMESPACE/NAME` prints what each rule of the planner says about an EtcdCluster.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the operator process, a step of a Job, or an explanation, and load only its code."""
    if sys.argv[1:2] == ["task"]:
        from etcd_operator.jobs.steps import run_step

        sys.exit(run_step(sys.argv[2:]))
    if sys.argv[1:2] == ["explain"]:
        from etcd_operator.explain import main as explain

        sys.exit(explain(sys.argv[2:]))
    from etcd_operator.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
