"""``TrainingBar``: a bar that says how far training is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tfsoftmax.system.bar import Bar, cell_bar

if TYPE_CHECKING:
    from tfsoftmax.training.history import EpochMetrics
    from tfsoftmax.training.recipe import Recipe
    from tfsoftmax.training.trainer import Progress


class TrainingBar:
    """Tells a bar what the callbacks of `fit` say.

    Args:
      bar: shows it.
      counted: whether it is known how many steps there will be.
      tested: whether the accuracy to show is that of the test rows, not of the training rows.
    """

    def __init__(self, bar: Bar, *, counted: bool, tested: bool = True):
        self._bar, self._counted, self._tested = bar, counted, tested
        self._done = 0
        self._total: int | None = None
        self._figures = ""

    def begin(self) -> None:
        """Shows that training is about to begin: the first steps wait for a compiler."""
        self._bar.show("starting")

    def on_choosing(self, step: int, total_steps: int) -> None:
        """Shows how far the choice of l2 is."""
        self._bar.show("choosing l2", step, total_steps)

    def on_progress(self, progress: Progress) -> None:
        """Shows how many steps are done, and the moving loss until an epoch has ended."""
        self._done = progress.step
        self._total = progress.total_steps if self._counted else None
        self._show(self._figures or f"moving loss {progress.moving_loss:.3f}")

    def on_epoch(self, metrics: EpochMetrics) -> None:
        """Shows the figures of the last epoch, or step of newton."""
        accuracy = f"accuracy {metrics.train_accuracy:.3f}"
        if self._tested:
            accuracy = f"test accuracy {metrics.test_accuracy:.3f}"
        which = f"{'epoch' if self._counted else 'step'} {metrics.epoch:,}"
        self._figures = f"{which}: loss {metrics.train_log_loss:.3f}, {accuracy}"
        self._show(self._figures)

    def _show(self, figures: str) -> None:
        self._bar.show("training", self._done, self._total, figures)


@contextmanager
def training_bar(shown: bool, recipe: Recipe, *, tested: bool = True) -> Iterator[TrainingBar]:
    """Shows training below a notebook's cell; shows nothing outside a notebook.

    Args:
      shown: False shows nothing anywhere.
      recipe: how the model is trained.
      tested: as for `TrainingBar`.
    """
    with cell_bar(shown) as bar:
        yield TrainingBar(bar, counted=recipe.solver == "sgd", tested=tested)
