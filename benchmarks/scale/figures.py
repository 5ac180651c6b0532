"""From what was measured to what the formulas take, and what they predict of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from costs import Cluster, Estimate, Network, Problem, Rates, step
from measure import CLASSES, FEATURES
from shared import Cost

# What the measured rows are.
DIGITS = Problem(0, FEATURES, CLASSES, FEATURES)


class Check(NamedTuple):
    """A step of several workers, predicted and measured.

    Attributes:
      workers, batch: how many, and the rows of each in a step.
      linked: whether a slow link is between them.
      predicted: its parts.
      seconds: measured.
      share: of these, of communication.
      cpu: processor seconds of each worker.
    """

    workers: int
    batch: int
    linked: bool
    predicted: Estimate
    seconds: float
    share: float
    cpu: float

    @property
    def error(self) -> float:
        """How far the prediction is off, as a share of what was measured."""
        return self.predicted.training / self.seconds - 1


def batches(found: dict[str, Any]) -> list[int]:
    """The measured numbers of rows of a worker in a step."""
    return sorted(int(name.split()[1]) for name in found if name.startswith("alone "))


def network(found: dict[str, Any]) -> Network:
    """Messages between two processes of this machine, of which an all-reduce of two has two."""
    sizes = sorted(int(name.split()[1]) for name in found if name.startswith("message "))
    short, long = (Cost(*found[f"message {numbers}"]).over(2) for numbers in sizes)
    # Each of the two messages has half of the numbers, of four bytes.
    byte = (long - short).over((sizes[1] - sizes[0]) * 4 / 2)
    return Network(short, Cost(*(max(0.0, part) for part in byte)))


def rates(found: dict[str, Any]) -> Rates:
    """Of dense rows."""

    def steps(how: str) -> tuple[tuple[float, Cost], ...]:
        return tuple((batch * FEATURES, Cost(*found[f"{how} {batch}"])) for batch in batches(found))

    return Rates(
        steps=steps("alone"),
        shared_steps=steps("part"),
        newton=Cost(*found["newton"]["cost"]),
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
    return Rates(steps, steps, Cost(0.0, 0.0), evaluation, order, read)


def checks(found: dict[str, Any]) -> Iterator[Check]:
    """Every step of several workers that was measured."""
    steps = rates(found).shared_steps
    for workers in found["groups"]:
        cluster = Cluster(workers, network(found), found["cores"], on_each=workers)
        for batch in batches(found):
            key = f"{workers} {batch}"
            (silent, _), (joined, cpu) = found[f"silent {key}"], found[f"joined {key}"]
            predicted = step(DIGITS, steps, cluster, batch)
            yield Check(workers, batch, False, predicted, joined, 1 - silent / joined, cpu)
    if found["link"]:
        behind = network(found).behind(0.0, found["link"])
        cluster = Cluster(2, behind, found["cores"], on_each=2)
        for batch in batches(found):
            silent, (joined, cpu) = found[f"silent 2 {batch}"][0], found[f"linked {batch}"]
            predicted = step(DIGITS, steps, cluster, batch)
            yield Check(2, batch, True, predicted, joined, 1 - silent / joined, cpu)
