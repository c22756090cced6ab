"""Breadth first through everything that can happen within a scenario's bounds, or a part of it.

From each state: every step of Kubernetes, etcd, the user and bad luck, and a pass of the operator,
cut off after each of its actions or refused by etcd at each of them. Every edge is judged; in the
end every state must be able to come to rest, and every place of rest must be a good one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple

from etcd_operator.simulation import etcd, kubernetes, replacing
from etcd_operator.simulation.passes import (
    JudgedAction,
    Operator,
    Paused,
    Planned,
    Plans,
    end_pass,
    perform,
)
from etcd_operator.simulation.world import NAME, State, empty_world, forget_uids
from tests.model import differing, disturbances
from tests.model.invariants import judge_calm, judge_effect, judge_refusal, judge_report
from tests.model.rest import judge_rest
from tests.model.scenario import Scenario

# Between a step, which a replay looks for, and what only the reader needs to know of it.
DETAIL: Final = "  -- "


# Of a partial exploration, a fair run starts from every so-many-th state.
SAMPLED: Final = 50
SEED: Final = 7


class Edge(NamedTuple):
    """One transition. `free`: it needs no fault and no user, so a fair run will take it."""

    label: str
    following: State
    free: bool
    violated: str | None = None


@dataclass(frozen=True, slots=True)
class Counterexample:
    """What was violated, and how to get there."""

    scenario: str
    violated: str
    steps: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"scenario: {self.scenario}"]
        lines += [f"{number:3} {step}" for number, step in enumerate(self.steps, 1)]
        return "\n".join([*lines, f"violated: {self.violated}"])


@dataclass(slots=True)
class Result:
    """What an exploration saw."""

    scenario: Scenario
    states: int = 0
    transitions: int = 0
    depth: int = 0
    complete: bool = True
    rests: dict[str, int] = field(default_factory=dict)
    counterexamples: list[Counterexample] = field(default_factory=list)


class World:
    """All transitions of one scenario; `plans` are those of others with the same specs."""

    def __init__(self, scenario: Scenario, plans: Plans | None = None) -> None:
        self.scenario = scenario
        gate_can_go = disturbances.GATE_DELETED in scenario.faults
        self.operator = Operator(scenario.specs, gate_can_go=gate_can_go, plans=plans)
        self._slow = disturbances.SLOW_PASS in scenario.faults
        self._compares = bool({differing.DIFFERS, differing.MISLED} & {*scenario.faults})

    def start(self) -> State:
        """The state that the scenario begins with: its prelude, come to rest."""
        state = empty_world(self.scenario.width, 0)
        for move in self.scenario.prelude:
            for _, following in disturbances.user_steps(state._replace(script=0), (move,)):
                state = following
            state = self.settle(state)
        return state._replace(faults=self.scenario.budget, script=0)

    def settle(self, state: State) -> State:
        """Follow one fair run without faults to its rest."""
        for _ in range(1000):
            for edge in self.edges(state._replace(script=len(self.scenario.script), faults=0)):
                moved = edge.following._replace(script=state.script, faults=state.faults)
                if edge.violated is not None:
                    raise AssertionError(f"{edge.label}: {edge.violated}")
                if edge.free and moved != state:
                    state = moved
                    break
            else:
                return state
        raise AssertionError("a fair run does not come to rest")

    def edges(self, state: State) -> Iterator[Edge]:
        """Everything that can happen next."""
        for edge in self._edges(state):
            if self.scenario.calm and edge.violated is None:
                yield edge._replace(violated=judge_calm(state, edge.following))
            else:
                yield edge

    def _edges(self, state: State) -> Iterator[Edge]:
        try:
            for label, following in self._environment(state):
                yield Edge(label, following, free=True)
        except etcd.Unsafe as unsafe:
            yield Edge("etcd: the unsafe step", state, free=True, violated=str(unsafe))
        yield from self._passes(state)
        if self._compares and differing.may_compare(state):
            yield from self._compare(state)
        for label, following in disturbances.user_steps(state, self.scenario.script):
            yield Edge(label, following, free=False)
        for label, following in disturbances.fault_steps(state, self.scenario.faults):
            yield Edge(label, following, free=False)

    def _environment(self, state: State) -> Iterator[tuple[str, State]]:
        if state.frozen is not None:
            yield "kubernetes: the caches follow again", kubernetes.thaw(state)
        if state.told is not None:
            yield "kubernetes: the StatefulSet's status follows", state._replace(told=None)
        yield from kubernetes.kubernetes_steps(state)
        yield from replacing.restore_steps(state)
        yield from replacing.return_steps(state)
        yield from etcd.process_steps(state)

    def _compare(self, state: State) -> Iterator[Edge]:
        """Beside the passes, what members hold is compared, as the last one saw them."""
        planned = self.operator.plan(state)
        if planned is not None:
            found = differing.compare(state, planned.snapshot)
            yield Edge("operator: compares what members hold", found, free=True)

    def _passes(self, state: State) -> Iterator[Edge]:
        if state.paused is not None:
            paused: Paused = state.paused
            resumed = forget_uids(state._replace(paused=None))
            yield Edge("operator: the interrupted pass is dropped", resumed, free=True)
            yield from self._run(resumed, paused.planned, paused.place, fresh=False)
            return
        planned = self.operator.plan(state)
        if planned is not None:
            yield from self._run(state, planned, 0, fresh=state.frozen is None)

    def _run(self, state: State, planned: Planned, place: int, *, fresh: bool) -> Iterator[Edge]:
        """One pass from an action on: whole, cut off after each action, or told to wait."""
        name = "operator: pass" if fresh or not place else f"operator: pass from action {place + 1}"
        done: list[JudgedAction] = []
        violated = judge_report(state, planned) if fresh else None
        can_pause = self._slow and state.faults and not state.remembered and place == 0
        for number, judged in enumerate(planned.judged_actions[place:], place):
            if can_pause:
                later = state._replace(paused=Paused(planned, number), faults=state.faults - 1)
                yield Edge(f"{name} is interrupted before action {number + 1}", later, free=False)
            if judged.window and judged.veto is None:
                waits = end_pass(state, planned, done)
                yield Edge(f"{name}, etcd says not yet to action {number + 1}", waits, free=False)
            after, error = (state, judged.veto) if judged.veto else perform(state, judged)
            if error is not None:
                violated = judge_refusal(judged, error) if fresh else None
                break
            violated = judge_effect(state, after, judged, planned, self.scenario.specs)
            done.append(judged)
            if violated is not None:
                yield Edge(
                    f"{name}, up to action {number + 1}", after, free=True, violated=violated
                )
                return
            if after != state:
                yield Edge(f"{name}, crash after action {number + 1}", after, free=False)
            state = after
        ended = end_pass(state, planned, done)
        yield Edge(name, ended, free=True, violated=violated)


def explore(
    scenario: Scenario,
    *,
    stop_at: int = 1,
    most_ahead: int | None = None,
    plans: Plans | None = None,
) -> Result:
    """Explore a scenario; stops after `stop_at` different violations.

    `plans` are those of scenarios with the same specs that were explored before.

    Where more than `most_ahead` states are as many steps from the start, so many of them go on,
    picked at random from a fixed seed. All of them are judged.
    """
    return Explorer(World(scenario, plans), stop_at, most_ahead).run()


class Explorer:
    """One breadth-first search, and the search backwards from rest."""

    def __init__(self, world: World, stop_at: int, most_ahead: int | None = None) -> None:
        self.world = world
        self.result = Result(world.scenario)
        self._stop_at = stop_at
        self._most_ahead = most_ahead
        self._chance = random.Random(SEED)
        self._parents: dict[State, tuple[State, str] | None] = {}
        self._before: dict[State, list[State]] = {}
        self._rests: list[State] = []
        self._seen_violations: set[str] = set()

    def run(self) -> Result:
        """Explore forwards, then check that everything can come to rest."""
        start = self.world.start()
        self._parents[start] = None
        frontier = [start]
        while frontier and not self._is_enough():
            following: list[State] = []
            for state in frontier:
                self._expand(state, following)
                if self._is_enough():
                    break
            frontier = self._thin(following)
            self.result.depth += 1
        self.result.states = len(self._parents)
        if not self.result.counterexamples:
            if self.result.complete:
                self._check_liveness()
            else:
                self._sample_liveness()
        return self.result

    def _thin(self, frontier: list[State]) -> list[State]:
        if self._most_ahead is None or len(frontier) <= self._most_ahead:
            return frontier
        self.result.complete = False
        return self._chance.sample(frontier, self._most_ahead)

    def _is_enough(self) -> bool:
        whole = self._most_ahead is None
        if whole and len(self._parents) > self.world.scenario.most_states:
            self.result.complete = False
            return True
        return len(self.result.counterexamples) >= self._stop_at

    def _expand(self, state: State, frontier: list[State]) -> None:
        rests = True
        for edge in self.world.edges(state):
            self.result.transitions += 1
            following = edge.following
            if edge.violated is not None:
                self._report(edge.violated, state, edge.label)
            if following == state:
                continue
            if edge.free:
                rests = False
                self._before.setdefault(following, []).append(state)
            if following not in self._parents:
                self._parents[following] = (state, edge.label)
                frontier.append(following)
        if rests:
            name, violated = judge_rest(self.world.operator, state)
            self.result.rests[name] = self.result.rests.get(name, 0) + 1
            self._rests.append(state)
            if violated is not None:
                self._report(violated, state, "rest")

    def _report(self, violated: str, state: State, label: str) -> None:
        if violated in self._seen_violations:
            return
        self._seen_violations.add(violated)
        steps = (*self.path(state), self._tell(state, label))
        name = self.world.scenario.name
        self.result.counterexamples.append(Counterexample(name, violated, steps))

    def states(self) -> Iterator[State]:
        """Every state that was reached, nearest first."""
        return iter(self._parents)

    def path(self, state: State) -> tuple[str, ...]:
        """The steps that led to a state."""
        steps: list[str] = []
        parent = self._parents[state]
        while parent is not None:
            state, label = parent
            steps.append(self._tell(state, label))
            parent = self._parents[state]
        return tuple(reversed(steps))

    def _tell(self, state: State, label: str) -> str:
        """A step as people read it: with the rule and the actions of a pass."""
        if not label.startswith("operator: pass"):
            return label
        paused: Paused | None = state.paused
        planned = paused.planned if paused else self.world.operator.plan(state)
        assert planned is not None, "there was a pass"
        sentences = [judged.action.event(NAME).sentence for judged in planned.judged_actions]
        numbered = [f"{number}. {sentence}" for number, sentence in enumerate(sentences, 1)]
        return f"{label}{DETAIL}{planned.plan.rule}: {' '.join(numbered) or 'nothing to do'}"

    def _sample_liveness(self) -> None:
        """Where not everything was seen: from some of the states, one fair run."""
        for state in islice(self._parents, 0, None, SAMPLED):
            try:
                rest = self.world.settle(state)
                violated = judge_rest(self.world.operator, rest)[1]
            except AssertionError as error:
                violated = str(error)
            if violated is not None:
                self._report(violated, state, "a fair run without faults")
                return

    def _check_liveness(self) -> None:
        """Every state must have a fault-free way to a place of rest."""
        reached = set(self._rests)
        todo = list(self._rests)
        while todo:
            for state in self._before.get(todo.pop(), ()):
                if state not in reached:
                    reached.add(state)
                    todo.append(state)
        for state in self._parents:
            if state not in reached:
                self._report("no fair run from here comes to rest", state, "for ever")
                return
