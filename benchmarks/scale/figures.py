"""From what was measured to what the formulas take, and what they predict of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from costs import Cluster, Estimate, Network, Problem, Rates, newton, step
from measure import CLASSES, EVERY, FEATURES
from shared import Cost

# What the measured rows are.
DIGITS = Problem(0, FEATURES, CLASSES, FEATURES)


class Check(NamedTuple):
    """A step of several workers, predicted and measured.

    Attributes:
      workers, batch: how many, and the rows of each in a step.
      every: steps from one message to the next.
      linked: whether a slow link is between them.
      predicted: its parts.
      measured: what it cost each worker.
      silent: seconds of the same step of all workers without messages; None if not measured.
    """

    workers: int
    batch: int
    every: int
    linked: bool
    predicted: Estimate
    measured: Cost
    silent: float | None

    @property
    def error(self) -> float:
        """How far the prediction is off, as a share of what was measured."""
        return self.predicted.training / self.measured.wall - 1

    @property
    def share(self) -> float | None:
        """Which share of the time is communication."""
        return None if self.silent is None else 1 - self.silent / self.measured.wall


def batches(found: dict[str, Any]) -> list[int]:
    """The measured numbers of rows of a worker in a step."""
    return sorted(int(name.split()[1]) for name in found if name.startswith("alone "))


def network(found: dict[str, Any]) -> Network:
    """Messages between two processes of this machine, of which an all-reduce of two has two.

    What a message costs is taken from the smallest steps of two workers, because one in a loop of
    messages alone is cheaper; what a byte costs, from such loops.
    """
    sizes = sorted(int(name.split()[1]) for name in found if name.startswith("message "))
    short, long = (Cost(*found[f"message {numbers}"]) for numbers in sizes)
    # Each of the two messages has half of the numbers, of four bytes.
    byte = (long - short).over((sizes[1] - sizes[0]) * 4)
    key = f"2 {batches(found)[0]}"
    spent = Cost(*found[f"joined {key}"]) - found[f"silent {key}"]
    message = spent.over(2) - byte.times(4 * DIGITS.parameters / 2)
    return Network(_positive(message), _positive(byte))


def _positive(cost: Cost) -> Cost:
    """What noise has made less than nothing is nothing."""
    return Cost(*(max(0.0, part) for part in cost))


def rates(found: dict[str, Any]) -> Rates:
    """Of dense rows."""

    def steps(how: str) -> tuple[tuple[float, Cost], ...]:
        return tuple((batch * FEATURES, Cost(*found[f"{how} {batch}"])) for batch in batches(found))

    return Rates(
        steps=steps("alone"),
        shared_steps=steps("part"),
        newton=Cost(*found["newton"]["cost"]),
        leading=Cost(*found["newton"]["leading"]),
        inverse=Cost(*found["newton"]["inverse"]),
        messages=found["newton"]["messages"],
        evaluation=Cost(*found["evaluation"]),
        order=Cost(*found["order"]),
        read=Cost(*found["read"]),
    )


def sparse_rates(found: dict[str, Any]) -> Rates:
    """Of sparse rows of two classes; newton was not measured on them."""
    steps = tuple((numbers, Cost(*cost)) for numbers, cost in found["sparse"]["steps"])
    evaluation, order, read = (
        Cost(*cost) for cost in (found["sparse"]["evaluation"], found["order"], found["read"])
    )
    none = Cost(0.0, 0.0)
    return Rates(steps, steps, none, none, none, 0.0, evaluation, order, read)


def checks(found: dict[str, Any]) -> Iterator[Check]:
    """Every step of several workers that was measured."""
    here, measured = network(found), rates(found)
    for workers in found["groups"]:
        cluster = Cluster(workers, here, found["cores"], on_each=workers)
        for batch in batches(found):
            key = f"{workers} {batch}"
            yield Check(
                *(workers, batch, 1, False),
                step(DIGITS, measured.shared_steps, cluster, batch),
                Cost(*found[f"joined {key}"]),
                found[f"silent {key}"][0],
            )
            if f"local {key}" in found:
                predicted = step(DIGITS, measured.steps, cluster, batch, EVERY)
                local = Cost(*found[f"local {key}"])
                yield Check(workers, batch, EVERY, False, predicted, local, None)
    if found["link"]:
        cluster = Cluster(2, here.behind(0.0, found["link"]), found["cores"], on_each=2)
        for batch in batches(found):
            yield Check(
                *(2, batch, 1, True),
                step(DIGITS, measured.shared_steps, cluster, batch),
                Cost(*found[f"linked {batch}"]),
                found[f"silent 2 {batch}"][0],
            )


class NewtonCheck(NamedTuple):
    """Newton's passes of several workers, predicted and measured.

    Attributes:
      workers: how many.
      passes: as many as were taken.
      predicted: their parts.
      predicted_cpu: seconds of processor of the chief, which other programs hardly change.
      measured: what they cost the chief.
    """

    workers: int
    passes: float
    predicted: Estimate
    predicted_cpu: float
    measured: Cost

    @property
    def error(self) -> float:
        """How far the prediction of seconds is off, as a share of what was measured."""
        return self.predicted.training / self.measured.wall - 1

    @property
    def error_cpu(self) -> float:
        """The same of the chief's seconds of processor."""
        return self.predicted_cpu / self.measured.cpu - 1


def newton_checks(found: dict[str, Any]) -> Iterator[NewtonCheck]:
    """Newton's passes of each number of workers."""
    problem, measured = DIGITS._replace(rows=found["newton"]["rows"]), rates(found)
    for workers in found["groups"]:
        between, taken = network(found), found[f"newton {workers}"]
        here = Cluster(workers, between, found["cores"], on_each=workers)
        # Processor seconds are those of a machine where nobody waits for anything.
        busy = Cluster(workers, Network(*map(_of_cpu, between)), cores=1)
        names = ("newton", "leading", "inverse")
        cpu = measured._replace(**{name: _of_cpu(getattr(measured, name)) for name in names})
        predicted, spent = (
            newton(problem, given, cluster, taken["passes"])
            for given, cluster in ((measured, here), (cpu, busy))
        )
        yield NewtonCheck(
            workers, taken["passes"], predicted, spent.training, Cost(*taken["spent"])
        )


def _of_cpu(cost: Cost) -> Cost:
    return Cost(cost.cpu, cost.cpu)
