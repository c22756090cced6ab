"""One step of a Job: reads its task from the environment, and says with its last words how it was.

The last words are the Pod's termination message, which needs no right to anything: the result as
JSON, or an error in one sentence, with its reason where code depends on which it is.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from etcd_operator.core.reasons import backups
from etcd_operator.core.reasons.reason import Reason
from etcd_operator.core.tasks.jobs.paths import TASK_VARIABLE
from etcd_operator.errors import BackupDiffers, OperatorError, TaskError
from etcd_operator.json_types import Json

LAST_WORDS: Final = Path("/dev/termination-log")
# Kubernetes keeps so many bytes of them.
_KEPT: Final = 4000


def run_step(words: list[str]) -> int:
    """Run one step; returns the exit code."""
    name = words[0] if words else ""
    # As the first process of a container it would not be ended by this signal at all.
    signal.signal(signal.SIGTERM, _end)
    try:
        result = _run(name, json.loads(os.environ[TASK_VARIABLE]))
    except BackupDiffers as error:
        return _fail(name, str(error), backups.DIFFERS)
    except OperatorError as error:
        return _fail(name, str(error))
    except Exception as error:  # noqa: BLE001 (whatever it is, the last words say it)
        import traceback

        _log("error", "step crashed", step=name, exception=traceback.format_exc())
        return _fail(name, f"The step {name} failed: {error!r}"[:500])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _log("info", "done", step=name, peak_kib=peak, **(result or {}))
    if result is not None:
        _say({**result, "peakKib": peak})
    return 0


def _end(*_: object) -> None:
    """End the step in an orderly way: an upload that is under way is taken back."""
    raise TaskError(
        "The step was ended from outside: its time was up, or its Pod was deleted or evicted."
    )


def _run(name: str, task: Json) -> Json | None:
    """Run the step; each loads only what it needs, for starting is most of a small backup."""
    match name:
        case "snapshot":
            import asyncio

            from etcd_operator.jobs.snapshot import take_snapshot

            asyncio.run(take_snapshot(task))
        case "store":
            from etcd_operator.jobs.upload import store_backup

            return store_backup(task)
        case "fetch":
            from etcd_operator.jobs.download import fetch_backup

            fetch_backup(task)
        case "finish":
            from etcd_operator.jobs.finish import finish_disk

            return finish_disk(task)
        case "checked":
            from etcd_operator.jobs.io.files import read_notes

            return read_notes()
        case "mirror":
            import asyncio

            from etcd_operator.jobs.mirror.mirror import mirror_keys

            return asyncio.run(mirror_keys(task))
        case _:
            steps = "snapshot, store, fetch, finish, checked, mirror"
            raise TaskError(f"{name} is none of the steps {steps}")
    return None


def _fail(name: str, sentence: str, reason: Reason | None = None) -> int:
    _log("error", sentence, step=name)
    _say({"error": sentence[:1500], **({"reason": reason.name} if reason else {})})
    return 1


def _log(level: str, event: str, **values: object) -> None:
    """Log as the operator does, without what takes as long to load as a small backup to make."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    line = {**values, "event": event, "level": level, "timestamp": now}
    sys.stdout.write(f"{json.dumps(line, default=str)}\n")
    sys.stdout.flush()


def _say(words: Json) -> None:
    try:
        LAST_WORDS.write_text(json.dumps(words)[:_KEPT])
    except OSError as error:
        sys.stderr.write(f"{error}\n")
