"""A tuning as a picture: the score of held-out rows against the strength of the penalty."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.errors import UsageError
from tfsoftmax.system.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tfsoftmax.tuning.tune import Candidate, Tuning

_SUFFIXES = (".png", ".svg", ".pdf")
_ACROSS = {
    "l2": "l2, penalty on the squares of W",
    "l1": "l1, penalty on the magnitudes of W",
    "learning_rate": "learning rate",
}
_SCORES = {
    "log_loss": "mean log-loss of held-out rows (nats)",
    "accuracy": "accuracy on held-out rows (share of rows)",
}
# Losses so far apart would leave those that matter on the floor of a linear axis.
_MANY_TIMES = 3.0
# More names than that would cover the lines.
_NAMED_INSIDE = 6


def plot_tuning(tuning: Tuning, path: Path | str) -> None:
    """Draws the candidates' means, each with a band of one standard error, and marks the best.

    Whichever of l2, l1 and learning rate was varied first in this order is the horizontal
    axis, in logarithms, with 0 at its left edge; what else was varied gives a line each.
    Candidates that diverged are left out, and counted in the line's name.

    Args:
      tuning: what `tune` returned.
      path: the file, ``.png``, ``.svg`` or ``.pdf``.

    Raises:
      UsageError: if its name ends otherwise, or matplotlib is missing.
      OSError: if it cannot be written.

    >>> from tfsoftmax.tuning.tune import Recipe, Tuning
    >>> plot_tuning(Tuning(Recipe(), "log_loss", ()), "tuning.gif")
    Traceback (most recent call last):
      ...
    tfsoftmax.errors.UsageError: tuning.gif: a plot's name must end in .png, .svg or .pdf
    """
    path = Path(path)
    check_plot(path)
    from matplotlib.figure import Figure

    # A figure without pyplot needs no display, whatever backend is set.
    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    _draw(figure.add_subplot(), tuning)
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix[1:], dpi=150)
    write_atomically(path, content.getvalue())


def check_plot(path: Path) -> None:
    """Finds out now what would fail later: the file's name, or that matplotlib is missing.

    Raises:
      UsageError: if so.
    """
    if path.suffix not in _SUFFIXES:
        raise UsageError(f"{path}: a plot's name must end in .png, .svg or .pdf")
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise UsageError("a plot needs matplotlib: pip install matplotlib") from error


def _draw(axes: Axes, tuning: Tuning) -> None:
    across, *others = _varied(tuning)
    lines: dict[tuple[Any, ...], list[Candidate]] = {}
    for candidate in tuning.candidates:
        lines.setdefault(tuple(_asked(candidate, field) for field in others), []).append(candidate)
    values = {candidate.figures()[across] for candidate in tuning.candidates}
    edge = _left_edge(values)
    for line, color in zip(lines.values(), _colors(len(lines)), strict=True):
        label = ", ".join(_named(field, line) for field in others)
        _line(axes, line, (across, tuning.scoring), edge, color, label)
    _mark_best(axes, tuning, edge)
    axes.set_xscale("log")
    if 0 in values:
        powers = np.arange(np.ceil(np.log10(2 * edge)), np.log10(max(*values, edge)) + 0.01)
        labels = [f"$10^{{{power:.0f}}}$" for power in powers]
        axes.set_xticks([edge, *10.0**powers], ["0", *labels])
        axes.tick_params(axis="x", which="minor", bottom=False)
    axes.set_xlabel(_ACROSS[across])
    _finish(axes, tuning, len(lines))


def _finish(axes: Axes, tuning: Tuning, lines: int) -> None:
    low, high = axes.dataLim.intervaly
    if tuning.scoring == "log_loss" and high > _MANY_TIMES * max(low, 0.0):
        from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel(_SCORES[tuning.scoring])
    folds = len(tuning.winner.log_losses)
    title = f"{folds}-fold cross-validation, means and one standard error"
    axes.set_title(title, fontsize="medium")
    axes.grid(color="0.9", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    beside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
    where = beside if lines >= _NAMED_INSIDE else {}
    axes.legend(frameon=False, fontsize="small", **where)


def _line(
    axes: Axes,
    candidates: Sequence[Candidate],
    names: tuple[str, str],
    edge: float,
    color: Any,
    label: str,
) -> None:
    kept = sorted(
        (candidate.figures() for candidate in candidates if not candidate.diverged),
        key=lambda figures: figures[names[0]],
    )
    if lost := len(candidates) - len(kept):
        label = ", ".join([*([label] if label else []), f"{lost} diverged, not drawn"])
    x = np.array([figures[names[0]] or edge for figures in kept])
    mean = np.array([figures[names[1]] for figures in kept])
    error = np.array([figures[f"{names[1]}_error"] for figures in kept])
    axes.plot(x, mean, color=color, marker="o", markersize=4, linewidth=1.6, label=label or None)
    axes.fill_between(x, mean - error, mean + error, color=color, alpha=0.15, linewidth=0)


def _mark_best(axes: Axes, tuning: Tuning, edge: float) -> None:
    varied, figures = _varied(tuning), tuning.winner.figures()
    x, mean, error = (
        figures[varied[0]] or edge,
        figures[tuning.scoring],
        figures[f"{tuning.scoring}_error"],
    )
    named = ", ".join(_named(field, [tuning.winner]) for field in varied)
    label = f"best: {named}\n({mean:.4f} ± {error:.4f})"
    axes.errorbar([x], [mean], [error], color="black", capsize=5, linewidth=1.2, zorder=4)
    axes.plot([x], [mean], "*", color="crimson", mec="white", markersize=15, zorder=5, label=label)


def _varied(tuning: Tuning) -> list[str]:
    """The fields that have more than one value, or else l2."""
    return [
        field
        for field in _ACROSS
        if len({_asked(candidate, field) for candidate in tuning.candidates}) > 1
    ] or ["l2"]


def _asked(candidate: Candidate, field: str) -> Any:
    return candidate.asked if field == "learning_rate" else getattr(candidate.recipe, field)


def _named(field: str, candidates: Sequence[Candidate]) -> str:
    values = {candidate.figures()[field] for candidate in candidates}
    # A learning rate that is derived is another one for another l2.
    shown = f"{values.pop():.3g}" if len(values) == 1 else "auto"
    return f"{field.replace('_', ' ')} {shown}"


def _left_edge(values: set[float]) -> float:
    """Where 0 stands: well apart from the smallest strength."""
    return min(values - {0.0}, default=1.0) / 10


def _colors(count: int) -> Any:
    import matplotlib

    if count == 1:
        return ["tab:blue"]
    # Its last part is too light to be seen on white.
    return matplotlib.colormaps["viridis"](np.linspace(0.0, 0.85, count))
