"""What a measurement of backups leaves: a row for each way, whether it keeps the promise, a file.

The shortest of the rounds counts: whatever else the machine does only ever adds to it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from etcd_operator.json_types import Json

# How fast a backup of ours has to be, in times of etcd's own tools: 0.8 is 1.25 times as long.
# Of restores only the speed is shown: ours read the manifest and outlive a power failure as well.
LEAST_SPEED: Final = 0.8

Operation = Literal["backup", "restore"]
HEAD: Final = (
    "| Database | Operation | Way | Time | Throughput | Speed | Processor | Largest process |\n"
    "|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True)
class Run:
    """Processes one after the other: seconds, seconds of processor, the largest one's memory."""

    seconds: float
    processor_seconds: float
    memory_mebibytes: int

    def __add__(self, later: Run) -> Run:
        """This, and then that."""
        return Run(
            self.seconds + later.seconds,
            self.processor_seconds + later.processor_seconds,
            max(self.memory_mebibytes, later.memory_mebibytes),
        )


@dataclass(frozen=True, slots=True)
class Row:
    """All rounds of one way. `floor`: it is what the others are compared with."""

    mebibytes: int
    operation: Operation
    way: str
    floor: bool
    runs: tuple[Run, ...]

    @property
    def seconds(self) -> float:
        """The shortest round."""
        return min(run.seconds for run in self.runs)

    @property
    def processor_seconds(self) -> float:
        """The least of all rounds."""
        return min(run.processor_seconds for run in self.runs)

    @property
    def memory_mebibytes(self) -> int:
        """The largest process of all rounds."""
        return max(run.memory_mebibytes for run in self.runs)


def find_speed(row: Row, rows: Sequence[Row]) -> float | None:
    """How fast a way is, in times of etcd's own tools; None for these themselves."""
    if row.floor:
        return None
    about = (row.mebibytes, row.operation)
    floor = next(r for r in rows if r.floor and (r.mebibytes, r.operation) == about)
    return floor.seconds / row.seconds


def find_missed(rows: Sequence[Row]) -> list[str]:
    """The ways to back up that are slower than promised."""
    return [
        f"{row.operation} of {row.mebibytes} MiB, {row.way}: {find_speed(row, rows):.2f} x"
        for row in rows
        if judge(row, rows) is False
    ]


def judge(row: Row, rows: Sequence[Row]) -> bool | None:
    """Whether a way is as fast as promised; None where nothing is."""
    speed = find_speed(row, rows)
    return None if speed is None or row.operation == "restore" else speed >= LEAST_SPEED


def render_row(row: Row, rows: Sequence[Row]) -> str:
    """A line of the table below HEAD."""
    speed = find_speed(row, rows)
    cells = (
        f"{row.mebibytes} MiB",
        row.operation,
        row.way,
        f"{row.seconds:.2f} s",
        f"{row.mebibytes / row.seconds:.0f} MiB/s",
        "-" if speed is None else f"{speed:.2f} x",
        f"{row.processor_seconds:.2f} s",
        f"{row.memory_mebibytes} MiB",
    )
    return f"| {' | '.join(cells)} |"


def write_results(rows: Sequence[Row], began: datetime, facts: Json, path: Path) -> None:
    """Write every number, and what follows from them."""
    found: Json = {
        "began": began.isoformat(timespec="seconds"),
        **facts,
        "least_speed": LEAST_SPEED,
        "missed": find_missed(rows),
        "results": [_to_json(row, rows) for row in rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def _to_json(row: Row, rows: Sequence[Row]) -> Json:
    return {
        "database_mebibytes": row.mebibytes,
        "operation": row.operation,
        "way": row.way,
        "floor": row.floor,
        "seconds": row.seconds,
        "mebibytes_per_second": row.mebibytes / row.seconds,
        "speed": find_speed(row, rows),
        "met": judge(row, rows),
        "processor_seconds": row.processor_seconds,
        "memory_mebibytes": row.memory_mebibytes,
        "rounds": [run.seconds for run in row.runs],
    }
