"""How several workers trained a model together, for its card and for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tfsoftmax.training.history import History


@dataclass(frozen=True)
class WorkersRecord:
    """How many workers trained a model, how, and how fast.

    Attributes:
      count: how many they were.
      sync_every: how many steps each took by itself, as `Recipe` has it; None where newton went on
        from there to the optimum.
      rows_a_second: training rows that all workers together went through, in epochs of SGD and in
        passes of newton; without evaluation.
      communication_share: share of that time in which sums went through the network.
      slowest: the worker that most often was the last one; 0 is the chief. The figures are None
        where no epoch was measured.

    >>> print(WorkersRecord(2, 1, 15_000.0, 0.25, 1).sentence)
    2, which took every step together; 15,000 rows/s in all, 25 % ... worker 1 the slowest
    """

    count: int
    sync_every: int | Literal["epoch"] | None
    rows_a_second: float | None
    communication_share: float | None
    slowest: int | None

    @classmethod
    def of(cls, history: History) -> WorkersRecord | None:
        """That of a run; None if one process trained alone."""
        if history.workers == 1:
            return None
        measured = [epoch for epoch in history.epochs if epoch.rows_a_second is not None]
        newton = history.recipe.solver == "newton"
        how = history.workers, None if newton else history.recipe.sync_every
        if not measured:
            return cls(*how, None, None, None)
        seconds = sum(epoch.train_seconds for epoch in measured)
        rows = sum((epoch.rows_a_second or 0.0) * epoch.train_seconds for epoch in measured)
        talking = sum(epoch.communication_seconds or 0.0 for epoch in measured)
        slowest = Counter(epoch.slowest_worker for epoch in measured).most_common(1)[0][0]
        return cls(*how, rows / seconds, talking / seconds, slowest)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> WorkersRecord:
        """What `to_json` wrote."""
        return cls(**found)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary."""
        return asdict(self)

    @property
    def sentence(self) -> str:
        """All of it."""
        how = "which took every step together"
        if self.sync_every is None:
            how = "which took Newton's steps together"
        elif self.sync_every != 1:
            time = "an epoch" if self.sync_every == "epoch" else f"{self.sync_every:,} steps"
            how = f"each by itself for {time} at a time, so the model depends on their number"
        if self.slowest is None:
            return f"{self.count}, {how}"
        return (
            f"{self.count}, {how}; {self.rows_a_second:,.0f} rows/s in all, "
            f"{self.communication_share:.0%} of the time in communication, worker {self.slowest} "
            "the slowest"
        ).replace("%", " %")
