"""Shows the progress of training: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.console import Console

from tfsoftmax.system.bar import Bar
from tfsoftmax.system.drawn_bar import DrawnBar
from tfsoftmax.training.training_bar import TrainingBar

if TYPE_CHECKING:
    from tfsoftmax.training.history import EpochMetrics

_HEADER = "epoch   moving  train acc  train loss  test acc  test loss  seconds"
_HEADER_OF_WORKERS = "   rows/s  network  slowest"
# Longer runs print only some of their epochs.
_MAX_LINES = 25
# Lines of progress where only steps are counted.
_COUNTED_LINES = 4


class TrainingProgress(TrainingBar):
    """Prints a line for each epoch, and advances the bar if there is one."""

    def __init__(self, console: Console, epochs: int | None, bar: Bar, shared: bool = False):
        super().__init__(bar, counted=bool(epochs))
        self._console, self._epochs = console, epochs
        self._epochs_per_line = max(1, (epochs or 0) // _MAX_LINES)
        self._print(_HEADER + (_HEADER_OF_WORKERS if shared else ""))

    def on_epoch(self, metrics: EpochMetrics) -> None:
        """Prints the epoch's metrics; long runs print only some of their epochs."""
        super().on_epoch(metrics)
        epochs, number = self._epochs, str(metrics.epoch)
        if epochs:
            if 1 < metrics.epoch < epochs and metrics.epoch % self._epochs_per_line:
                return
            number = f"{number:>{len(str(epochs))}}/{epochs}"
        self._print(
            number.ljust(6) + f"{_loss(metrics.moving_loss):>8}  {metrics.train_accuracy:9.4f}  "
            f"{_loss(metrics.train_log_loss):>10}  {metrics.test_accuracy:8.4f}  "
            f"{_loss(metrics.test_log_loss):>9}  {metrics.seconds:7.2f}" + _of_workers(metrics)
        )

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def _loss(figure: float) -> str:
    """A loss as it is shown; one that has diverged does not run into other columns."""
    return f"{figure:.4f}" if figure < 100 else f"{figure:.2g}"


def _of_workers(metrics: EpochMetrics) -> str:
    if metrics.rows_a_second is None:
        return ""
    share = (metrics.communication_seconds or 0.0) / metrics.train_seconds
    return f"{metrics.rows_a_second:9,.0f}  {share:7.0%}  {metrics.slowest_worker:7}"


@contextmanager
def training_progress(
    epochs: int | None, quiet: bool, shared: bool = False
) -> Iterator[TrainingProgress]:
    """Opens a display of training's progress on standard error.

    Args:
      epochs: that there will be; None where nobody knows.
      quiet: show nothing.
      shared: whether several workers train together.
    """
    console = Console(stderr=True, quiet=quiet)
    with _bar_on(console) as bar:
        yield TrainingProgress(console, epochs, bar, shared)


@contextmanager
def counted_progress(doing: str, counted: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Shows how much is done of what is counted: a bar on a terminal, else a few lines.

    Args:
      doing: such as "tuning".
      counted: such as "steps".
      quiet: show nothing.

    Yields:
      A function to call with how many are done, and of how many.
    """
    console = Console(stderr=True, quiet=quiet)
    if not quiet and not console.is_terminal:
        yield _lines(doing, counted)
        return
    with _bar_on(console) as bar:
        yield lambda done, total: bar.show(doing, done, total)


@contextmanager
def _bar_on(console: Console) -> Iterator[Bar]:
    """A live bar on a terminal; elsewhere, and where the console is quiet, one that is not seen."""
    if console.quiet or not console.is_terminal:
        yield Bar()
        return
    bar = DrawnBar(console)
    bar.show("starting TensorFlow")
    with bar.progress:
        yield bar


def _lines(doing: str, counted: str) -> Callable[[int, int], None]:
    printed = 0

    def advance(done: int, total: int) -> None:
        nonlocal printed
        if done * _COUNTED_LINES // total > printed:
            printed = done * _COUNTED_LINES // total
            click.echo(f"{doing}: {done:,} of {total:,} {counted}", err=True)

    return advance
