"""`python -m etcd_operator` runs the operator; `… task STEP` one step of a backup or restore."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the operator process, or a step of a Job. Each loads only what it needs."""
    if sys.argv[1:2] == ["task"]:
        from etcd_operator.backup.steps import run_step

        sys.exit(run_step(sys.argv[2:]))
    from etcd_operator.cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()
