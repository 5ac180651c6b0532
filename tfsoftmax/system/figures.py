"""Plots: matplotlib only when one is drawn, and files that appear whole."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfsoftmax.errors import UsageError
from tfsoftmax.system.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SUFFIXES = (".png", ".svg", ".pdf")


def check_plot(path: Path) -> None:
    """Checks early that a plot can be written: the suffix of its path, and matplotlib.

    Raises:
      UsageError: if the suffix is not one of a plot, or matplotlib is not installed.
    """
    if path.suffix not in _SUFFIXES:
        raise UsageError(f"{path}: a plot's name must end in .png, .svg or .pdf")
    check_matplotlib()


def check_matplotlib() -> None:
    """Checks that there is matplotlib.

    Raises:
      UsageError: if it is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise UsageError("a plot needs matplotlib: pip install matplotlib") from error


def new_axes(n_rows: int = 1, n_columns: int = 1, size: tuple[float, float] = (6.4, 4.2)) -> Any:
    """Axes to draw on, of a new figure that a notebook shows.

    Args:
      n_rows: of axes.
      n_columns: of axes.
      size: of the figure, in inches.

    Raises:
      UsageError: if matplotlib is not installed.
    """
    check_matplotlib()
    import matplotlib.pyplot as plt

    return plt.subplots(n_rows, n_columns, figsize=size, layout="constrained")[1]


def write_figure(figure: Figure, path: Path) -> None:
    """Writes a figure to a file; `check_plot` says which.

    Raises:
      OSError: if the file cannot be written.
    """
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix[1:], dpi=150)
    write_atomically(path, content.getvalue())
