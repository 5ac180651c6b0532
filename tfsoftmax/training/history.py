"""What a training run measured, epoch by epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from tfsoftmax.choices import check_types
from tfsoftmax.errors import UsageError
from tfsoftmax.system.html import html_table
from tfsoftmax.training.newton.proof import Proof
from tfsoftmax.training.penalty import ChosenL2
from tfsoftmax.training.resolved_recipe import ResolvedRecipe

SMOOTHING = 0.01


@dataclass(frozen=True)
class EpochMetrics:
    """Figures of one epoch.

    Attributes:
      epoch: from 1.
      steps: steps taken since training began.
      moving_loss: exponential moving average of the batches' mean losses, in nats; after a step of
        Newton's method, which counts as an epoch, the mean loss of all rows.
      train_accuracy, train_log_loss: over all training rows, after the epoch.
      test_accuracy, test_log_loss: over all test rows, after the epoch.
      validation_accuracy, validation_log_loss: over the validation rows, where there are any.
      learning_rate: of the epoch's last step; of Newton's, its size.
      train_seconds, evaluation_seconds: wall time of the epoch's two halves.
      rows_a_second: training rows that several workers together went through in a second of
        `train_seconds`, in each pass of a step of Newton's; None where one process trains alone.
      communication_seconds: of `train_seconds`, how long sums of several workers took in the one
        that waited least for the others.
      slowest_worker: the one that worked longest, 0 being the chief.
    """

    epoch: int
    steps: int
    moving_loss: float
    train_accuracy: float
    train_log_loss: float
    test_accuracy: float
    test_log_loss: float
    validation_accuracy: float | None
    validation_log_loss: float | None
    learning_rate: float
    train_seconds: float
    evaluation_seconds: float
    rows_a_second: float | None = None
    communication_seconds: float | None = None
    slowest_worker: int | None = None

    @property
    def seconds(self) -> float:
        """Wall time of the whole epoch."""
        return self.train_seconds + self.evaluation_seconds

    @classmethod
    def from_json(cls, figures: dict[str, Any]) -> EpochMetrics:
        """The figures of an epoch that was saved.

        Raises:
          ValueError, TypeError: if they are none.
        """
        epoch = cls(**figures)
        try:
            check_types(epoch)
        except UsageError as error:
            raise ValueError(str(error)) from error
        return epoch

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of every figure; those of workers where there are several."""
        figures = {**asdict(self), "seconds": self.seconds}
        if self.slowest_worker is None:
            for name in ("rows_a_second", "communication_seconds", "slowest_worker"):
                del figures[name]
        return figures


@dataclass(repr=False)
class History:
    """The epochs of one run, first to last.

    Attributes:
      recipe: the resolved recipe of the run.
      epochs: their figures.
      best_epoch: the one whose weights the model has, from 1, where early stopping went back
        to it; None where it has the last one's.
      temperature: what the model's logits were divided by in the end; None where it was not
        calibrated. The epochs' figures are from before.
      xla: whether XLA compiled the training loop; without it the last digits differ.
      lengths: pairs of a step and the number of epochs that the run was to have from that step
        on; more than one where it was resumed with another number of epochs.
      proof: how far from the optimum newton ended; None where it was not asked for.
      chosen_l2: how the recipe's l2 was chosen; None where it was not.
      workers: how many trained together.
    """

    recipe: ResolvedRecipe
    epochs: list[EpochMetrics] = field(default_factory=list)
    best_epoch: int | None = None
    temperature: float | None = None
    xla: bool | None = None
    lengths: list[tuple[int, int]] = field(default_factory=list)
    proof: Proof | None = None
    chosen_l2: ChosenL2 | None = None
    workers: int = 1

    def __repr__(self) -> str:
        if not self.epochs:
            return "History(no epochs)"
        figures = ", ".join(f"{name} {value}" for name, value in self._kept_figures())
        return f"History({len(self.epochs):,} epochs; {figures})"

    def _repr_html_(self) -> str:
        if not self.epochs:
            return html_table("no epochs", [])
        best = f", the best {self.best_epoch:,}" if self.best_epoch else ""
        return html_table(f"{len(self.epochs):,} epochs{best}", self._kept_figures())

    def _kept_figures(self) -> list[tuple[str, str]]:
        kept = self.kept
        found = [
            ("training log-loss", kept.train_log_loss),
            ("test log-loss", kept.test_log_loss),
            ("test accuracy", kept.test_accuracy),
            ("validation log-loss", kept.validation_log_loss),
        ]
        return [(name, f"{value:.4f}") for name, value in found if value is not None]

    def plot(self) -> Any:
        """Plots log-loss and accuracy of every epoch, for training, test and validation rows.

        Returns:
          A NumPy array of two matplotlib axes.

        Raises:
          UsageError: if matplotlib is not installed, or no epoch has ended.
        """
        from tfsoftmax.system.figures import new_axes

        if not self.epochs:
            raise UsageError("no epoch has ended, so there is nothing to plot")
        both = new_axes(1, 2, (9.0, 3.6))
        numbers = [epoch.epoch for epoch in self.epochs]
        for axes, figure in zip(both, ("log_loss", "accuracy"), strict=True):
            for rows in ("train", "test", "validation"):
                values = [getattr(epoch, f"{rows}_{figure}") for epoch in self.epochs]
                if values[-1] is not None:
                    marker = "o" if len(values) == 1 else None
                    axes.plot(numbers, values, label=f"{rows} rows", marker=marker)
            if self.best_epoch:
                axes.axvline(self.best_epoch, color="0.6", linestyle=":", label="best epoch")
            axes.set_xlabel("epoch")
            axes.set_title(figure.replace("_", "-"), fontsize="medium")
            axes.grid(color="0.9", linewidth=0.7)
            axes.legend(frameon=False, fontsize="small")
        return both

    @property
    def last(self) -> EpochMetrics:
        """The last epoch's figures; IndexError where no epoch has ended."""
        return self.epochs[-1]

    @property
    def kept(self) -> EpochMetrics:
        """The figures of the epoch whose weights the model has."""
        return self.epochs[(self.best_epoch or len(self.epochs)) - 1]

    @property
    def length_matters(self) -> bool:
        """Whether the run was resumed with another number of epochs, which changed its result."""
        return len(self.lengths) > 1 and bool(
            self.recipe.schedule == "cosine" or self.recipe.averaging
        )

    def resumed_lengths(self, saved: dict[str, Any]) -> list[tuple[int, int]]:
        """The `lengths` of a saved run, with this run's number of epochs added."""
        step, ((_, epochs),) = int(saved["step"]), self.lengths
        before = saved.get("lengths") or [(0, saved["identity"]["recipe"]["epochs"])]
        lengths = [(int(first), int(asked)) for first, asked in before if first < step]
        if not lengths or lengths[-1][1] != epochs:
            lengths.append((step, epochs))
        return lengths

    def lengths_sentence(self) -> str:
        """A sentence on how the number of epochs changed, and what depends on it."""
        (_, begun), *later = self.lengths
        then = ", ".join(f"{epochs:,} from step {step:,} on" for step, epochs in later)
        depends = "averaging" if self.recipe.schedule != "cosine" else "the cosine schedule"
        return (
            f"this run began as one of {begun:,} epochs, {then}; as {depends} depends on the "
            f"number of epochs, the model is not that of a run of {later[-1][1]:,} epochs from "
            "the start"
        )

    def to_json(self) -> list[dict[str, Any]]:
        """A JSON-ready list, one dictionary an epoch."""
        return [epoch.to_json() for epoch in self.epochs]

    def to_csv(self) -> str:
        """The same as a table, with a header."""
        rows = self.to_json()
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()


class MovingAverage:
    """Exponential moving average that starts at the first value it sees.

    ``average = (1 - smoothing) * average + smoothing * value``

    >>> average = MovingAverage(0.5)
    >>> average.update([4.0, 2.0, 1.0])
    2.0
    """

    def __init__(self, smoothing: float = SMOOTHING):
        self.smoothing = smoothing
        self.value: float | None = None

    def update(self, values: Iterable[float]) -> float:
        """Takes in more values, in order, and returns the average after the last.

        Raises:
          ValueError: if neither this call nor one before brought a value.
        """
        for value in values:
            if self.value is None:
                self.value = float(value)
            else:
                self.value += self.smoothing * (float(value) - self.value)
        if self.value is None:
            raise ValueError("the average of no values")
        return self.value
