"""Bars drawn by rich, on a terminal or below a notebook's cell.

rich itself needs ipywidgets to change what is below a cell. Here what it draws is a display that
IPython updates in place.
"""

from __future__ import annotations

import io
import logging
import math
import time
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
)
from rich.text import Text
from rich.theme import Theme

from tfsoftmax.system.bar import Bar

_log = logging.getLogger(__name__)

_CELL_WIDTH = 110
# Seconds between two updates of a cell: notebooks keep up with it even over a slow network.
_PAUSE = 0.2
# The rest of the bar can be seen on a white page and on a black one.
_THEME = Theme({"bar.back": "grey62"})
_HTML = (
    '<pre style="white-space:pre;overflow-x:auto;line-height:normal;'
    "font-family:Menlo,'DejaVu Sans Mono',consolas,'Courier New',monospace\">{code}</pre>"
)


class DrawnBar(Bar):
    """A bar of rich's.

    Attributes:
      progress: draws it on the console while it is entered as a context.
    """

    def __init__(self, console: Console):
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[figures]}", markup=False),
            _TimeColumn(),
        )
        self.progress = Progress(*columns, console=console, transient=True)
        self._task: TaskID | None = None
        self._doing = ""

    def show(self, doing: str, done: int = 0, total: int | None = None, figures: str = "") -> None:
        """Shows where it is now; as for `Bar`."""
        if self._task is None or doing != self._doing:
            if self._task is not None:
                self.progress.remove_task(self._task)
            self._task, self._doing = self.progress.add_task(doing, total=None, figures=""), doing
        self.progress.update(self._task, completed=done, total=total, figures=figures)


class CellBar(DrawnBar):
    """A bar below a notebook's cell.

    Args:
      after: seconds before it is shown.
    """

    def __init__(self, after: float = 0.0):
        super().__init__(Console(file=io.StringIO(), force_jupyter=False))
        self._began = time.monotonic()
        self._next = self._began + after
        self._cell: Any = None

    def show(self, doing: str, done: int = 0, total: int | None = None, figures: str = "") -> None:
        """Shows where it is now; as for `Bar`."""
        super().show(doing, done, total, figures)
        if time.monotonic() >= self._next:
            self._refresh()

    def end(self, state: str | None = None) -> None:
        """Leaves the bar in its final state, if it was shown.

        Args:
          state: what became of it; None is that all is done.
        """
        if self._cell is None or self._task is None:
            return
        took = time.monotonic() - self._began
        if state:
            self.progress.update(self._task, description=f"{self._doing}: {state}", took=took)
        else:
            whole = max(1, self.progress.tasks[0].completed)
            self.progress.update(self._task, completed=whole, total=whole, took=took)
        self._refresh()

    def _refresh(self) -> None:
        self._next = time.monotonic() + _PAUSE
        found = {"text/plain": _as_text(self.progress), "text/html": _as_html(self.progress)}
        try:
            if self._cell is None:
                from IPython.display import display

                self._cell = display(found, raw=True, display_id=True)
            else:
                self._cell.update(found, raw=True)
        except Exception:  # What is being done is worth more than its bar.
            _log.debug("the bar below the cell cannot be shown", exc_info=True)


class _TimeColumn(ProgressColumn):
    """How long it will take, and in the end how long it took."""

    def render(self, task: Task) -> Text:
        """The time in words."""
        if (took := task.fields.get("took")) is not None:
            return Text(f"{took:.1f} s" if took < 60 else str(timedelta(seconds=round(took))))
        left = task.time_remaining
        words = f"{timedelta(seconds=math.ceil(left))} left" if left else ""
        return Text(words, style="progress.remaining")


def _as_text(progress: Progress) -> str:
    file = io.StringIO()
    Console(file=file, width=_CELL_WIDTH, no_color=True, force_jupyter=False).print(progress)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def _as_html(progress: Progress) -> str:
    console = Console(
        file=io.StringIO(),
        width=_CELL_WIDTH,
        color_system="truecolor",
        theme=_THEME,
        record=True,
        force_jupyter=False,
    )
    console.print(progress)
    return console.export_html(inline_styles=True, code_format=_HTML).replace("\n</pre>", "</pre>")
