"""What a run leaves: words on the terminal, every number in a file, and a picture."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from etcd_operator.json_types import Json
from tests.perf.plot import draw
from tests.perf.samples import largest_resident, summarise, summarise_costs
from tests.perf.session import Measured
from tests.perf.table import render_costs, render_memory, render_results, render_timelines
from tests.perf.verdicts import Verdict, find_missed, judge


@dataclass(frozen=True, slots=True)
class Report:
    """A run and on what it was made."""

    measured: Measured
    facts: Json

    @property
    def verdicts(self) -> list[Verdict]:
        """Every row with its verdict."""
        return [judge(row) for row in summarise(self.measured.samples)]

    @property
    def resident(self) -> float | None:
        """The operator's memory at its largest."""
        return largest_resident(self.measured.samples)

    def missed(self) -> list[str]:
        """The targets that were not met."""
        return find_missed(self.verdicts, self.resident)

    def print(self, *, timelines: bool) -> None:
        """Print the tables."""
        looks = self.measured.granularity
        print("\nSeconds until N Pods are Ready, etcd has N started voters, and a write commits;")
        print("medians, and for ours the least and the most.\n")
        print(render_results(self.verdicts))
        print("\nWhat a step costs the operator: milliseconds, requests to Kubernetes; medians.\n")
        print(render_costs(summarise_costs(self.measured.samples)))
        print(f"\n{render_memory(self.resident)}")
        print(
            f"looked at the cluster every {looks['median'] * 1e3:.0f} ms "
            f"(99 %: {looks['p99'] * 1e3:.0f} ms, at most {looks['max'] * 1e3:.0f} ms)"
        )
        print(self.caption())
        if others := self.facts["other_clusters"]:
            print(f"NOT ALONE: {others} other EtcdClusters shared the operator when this began")
        if self.measured.note:
            print(f"INCOMPLETE: {self.measured.note}")
        if timelines:
            print(f"\nMilliseconds after the request:\n{render_timelines(self.measured.samples)}")

    def caption(self) -> str:
        """One line about where the numbers come from."""
        machine, software = self.facts["machine"], self.facts["software"]
        return (
            f"{software['git']}, {machine['cores']} cores, "
            f"{machine['memory_bytes'] / 2**30:.0f} GiB, Linux {machine['kernel']}, "
            f"Kubernetes {software['kubernetes']}, load at the start {machine['load_average']:.1f}"
        )

    def write(self, directory: Path) -> list[Path]:
        """Write bench.json and bench.svg; returns their paths."""
        directory.mkdir(parents=True, exist_ok=True)
        numbers, picture = directory / "bench.json", directory / "bench.svg"
        numbers.write_text(json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n")
        draw(self.verdicts, self.caption(), picture)
        return [numbers, picture]

    def to_json(self) -> Json:
        """Everything that was measured, and what follows from it."""
        results = [_result(verdict) for verdict in self.verdicts]
        samples = [{**asdict(s), "side": s.side.value} for s in self.measured.samples]
        return {
            **self.facts,
            "note": self.measured.note,
            "seconds_between_looks": self.measured.granularity,
            "results": results,
            "costs": [asdict(cost) for cost in summarise_costs(self.measured.samples)],
            "operator_resident_bytes": self.resident,
            "missed": self.missed(),
            "samples": samples,
        }


def _result(verdict: Verdict) -> Json:
    row = verdict.row
    sides = {
        side: asdict(s) if s else None for side, s in (("floor", row.floor), ("ours", row.ours))
    }
    for numbers in sides.values():
        # JSON has no infinity.
        for key, value in (numbers or {}).items():
            if numbers and math.isinf(value):
                numbers[key] = None
    return {
        "step": row.step,
        "version": row.version,
        **sides,
        "target": str(verdict.target) if verdict.target else None,
        "limit": verdict.limit,
        "met": verdict.met,
    }
