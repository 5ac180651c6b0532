"""Shows the progress of training: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import rich.progress
from rich.console import Console

if TYPE_CHECKING:
    from tfsoftmax.training.history import EpochMetrics
    from tfsoftmax.training.trainer import Progress

_HEADER = "epoch   moving  train acc  train loss  test acc  test loss  seconds"
# Longer runs print only some of their epochs.
_MAX_LINES = 25
# Lines of progress where only steps are counted.
_COUNTED_LINES = 4


class TrainingProgress:
    """Prints a line for each epoch, and advances the bar if there is one."""

    def __init__(self, console: Console, epochs: int | None, bar: rich.progress.Progress | None):
        self._console, self._epochs, self._bar = console, epochs, bar
        self._epochs_per_line = max(1, (epochs or 0) // _MAX_LINES)
        self._accuracy = ""
        if bar:
            self._task = bar.add_task("starting TensorFlow", total=None, loss="", accuracy="")
        self._print(_HEADER)

    def on_steps(self, progress: Progress) -> None:
        """Advances the bar; called every few steps."""
        if self._bar:
            self._bar.update(
                self._task,
                description="training",
                completed=progress.step,
                # None leaves it open how many steps there will be.
                total=progress.total_steps if self._epochs else None,
                loss=f"loss {progress.moving_loss:.3f}",
                accuracy=self._accuracy,
            )

    def on_choosing(self, step: int, total_steps: int) -> None:
        """Advances the bar while l2 is chosen."""
        if self._bar:
            self._bar.update(
                self._task, description="choosing l2", completed=step, total=total_steps
            )

    def on_epoch_end(self, metrics: EpochMetrics) -> None:
        """Prints the epoch's metrics; long runs print only some of their epochs."""
        self._accuracy = f"test acc {metrics.test_accuracy:.3f}"
        epochs, number = self._epochs, str(metrics.epoch)
        if epochs:
            if 1 < metrics.epoch < epochs and metrics.epoch % self._epochs_per_line:
                return
            number = f"{number:>{len(str(epochs))}}/{epochs}"
        self._print(
            number.ljust(6) + f"{metrics.moving_loss:8.4f}  {metrics.train_accuracy:9.4f}  "
            f"{metrics.train_log_loss:10.4f}  {metrics.test_accuracy:8.4f}  "
            f"{metrics.test_log_loss:9.4f}  {metrics.seconds:7.2f}"
        )

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


class _Silent(TrainingProgress):
    def __init__(self) -> None:
        pass

    def on_steps(self, progress: Progress) -> None:
        pass

    def on_choosing(self, step: int, total_steps: int) -> None:
        pass

    def on_epoch_end(self, metrics: EpochMetrics) -> None:
        pass


@contextmanager
def training_progress(epochs: int | None, quiet: bool) -> Iterator[TrainingProgress]:
    """Opens a display of training's progress on standard error.

    Args:
      epochs: that there will be; None where nobody knows.
      quiet: show nothing.
    """
    if quiet:
        yield _Silent()
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield TrainingProgress(console, epochs, None)
        return
    columns = (
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.TaskProgressColumn(),
        rich.progress.TextColumn("{task.fields[loss]}"),
        rich.progress.TextColumn("{task.fields[accuracy]}"),
        rich.progress.TimeRemainingColumn(),
    )
    with rich.progress.Progress(*columns, console=console, transient=True) as bar:
        yield TrainingProgress(console, epochs, bar)


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
    console = Console(stderr=True)
    if quiet:
        yield lambda done, total: None
        return
    if not console.is_terminal:
        yield _lines(doing, counted)
        return
    columns = (
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.TaskProgressColumn(),
        rich.progress.TimeRemainingColumn(),
    )
    with rich.progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting TensorFlow", total=None)
        yield lambda done, total: bar.update(task, description=doing, completed=done, total=total)


def _lines(doing: str, counted: str) -> Callable[[int, int], None]:
    printed = 0

    def advance(done: int, total: int) -> None:
        nonlocal printed
        if done * _COUNTED_LINES // total > printed:
            printed = done * _COUNTED_LINES // total
            click.echo(f"{doing}: {done:,} of {total:,} {counted}", err=True)

    return advance
