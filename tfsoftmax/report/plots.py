"""Plots the result of tuning: the validation score against the strength of the penalty."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.system.figures import check_plot, write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tfsoftmax.tuning.tune import Candidate, Tuning

_AXIS_LABELS = {
    "l2": "l2, penalty on the squares of W",
    "l1": "l1, penalty on the magnitudes of W",
    "learning_rate": "learning rate",
}
_SCORE_LABELS = {
    "log_loss": "mean log-loss on held-out rows (nats)",
    "accuracy": "mean accuracy on held-out rows",
}
# If the largest loss is more than this many times the smallest, the axis is logarithmic; on a
# linear one the low losses, which matter, could not be told apart.
_LOG_AXIS_RATIO = 3.0
# From this many lines on, the legend is beside the plot; inside it would cover the lines.
_OUTSIDE_LEGEND_LINES = 6


def plot_tuning(tuning: Tuning, path: Path | str) -> None:
    """Plots the mean score of each candidate with a band of one standard error, marks the choice.

    The horizontal axis is logarithmic, with 0 at its left edge. It shows l2 if that was varied,
    otherwise l1, otherwise the learning rate. If others were varied too, there is a line for
    each combination of their values. Candidates that diverged are not drawn; the line's label
    says how many.

    Args:
      tuning: the result of `tune`.
      path: the file to write, ``.png``, ``.svg`` or ``.pdf``.

    Raises:
      UsageError: if the path has another suffix, or matplotlib is not installed.
      OSError: if the file cannot be written.

    >>> from tfsoftmax.tuning.tune import Recipe, Tuning
    >>> plot_tuning(Tuning(Recipe(), "log_loss", ()), "tuning.gif")
    Traceback (most recent call last):
      ...
    tfsoftmax.errors.UsageError: tuning.gif: a plot's name must end in .png, .svg or .pdf
    """
    path = Path(path)
    check_plot(path)
    from matplotlib.figure import Figure

    # Without pyplot no display is needed, whatever backend is set.
    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    _draw(figure.add_subplot(), tuning)
    write_figure(figure, path)


def _draw(axes: Axes, tuning: Tuning) -> None:
    x_field, *others = _varied_fields(tuning)
    lines: dict[tuple[Any, ...], list[Candidate]] = {}
    for candidate in tuning.candidates:
        values_of_others = tuple(_requested_value(candidate, field) for field in others)
        lines.setdefault(values_of_others, []).append(candidate)
    values = {candidate.figures()[x_field] for candidate in tuning.candidates}
    zero_x = _x_of_zero(values)
    for line, color in zip(lines.values(), _colors(len(lines)), strict=True):
        label = ", ".join(_label(field, line) for field in others)
        _draw_line(axes, line, (x_field, tuning.scoring), zero_x, color, label)
    _mark_chosen(axes, tuning, zero_x)
    axes.set_xscale("log")
    if 0 in values:
        powers = np.arange(np.ceil(np.log10(2 * zero_x)), np.log10(max(*values, zero_x)) + 0.01)
        labels = [f"$10^{{{power:.0f}}}$" for power in powers]
        axes.set_xticks([zero_x, *10.0**powers], ["0", *labels])
        axes.tick_params(axis="x", which="minor", bottom=False)
    axes.set_xlabel(_AXIS_LABELS[x_field])
    _format_axes(axes, tuning, len(lines))


def _format_axes(axes: Axes, tuning: Tuning, n_lines: int) -> None:
    low, high = axes.dataLim.intervaly
    if tuning.scoring == "log_loss" and high > _LOG_AXIS_RATIO * max(low, 0.0):
        from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel(_SCORE_LABELS[tuning.scoring])
    n_folds = len(tuning.winner.log_losses)
    title = f"{n_folds}-fold cross-validation, means and one standard error"
    axes.set_title(title, fontsize="medium")
    axes.grid(color="0.9", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    outside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
    position = outside if n_lines >= _OUTSIDE_LEGEND_LINES else {}
    axes.legend(frameon=False, fontsize="small", **position)


def _draw_line(
    axes: Axes,
    candidates: Sequence[Candidate],
    x_and_y: tuple[str, str],
    zero_x: float,
    color: Any,
    label: str,
) -> None:
    x_field, y_field = x_and_y
    points = sorted(
        (candidate.figures() for candidate in candidates if not candidate.diverged),
        key=lambda figures: figures[x_field],
    )
    if n_diverged := len(candidates) - len(points):
        label = ", ".join([*([label] if label else []), f"{n_diverged} diverged, not drawn"])
    x = np.array([figures[x_field] or zero_x for figures in points])
    mean = np.array([figures[y_field] for figures in points])
    error = np.array([figures[f"{y_field}_error"] for figures in points])
    axes.plot(x, mean, color=color, marker="o", markersize=4, linewidth=1.6, label=label or None)
    axes.fill_between(x, mean - error, mean + error, color=color, alpha=0.15, linewidth=0)


def _mark_chosen(axes: Axes, tuning: Tuning, zero_x: float) -> None:
    fields, figures = _varied_fields(tuning), tuning.winner.figures()
    x, mean, error = (
        figures[fields[0]] or zero_x,
        figures[tuning.scoring],
        figures[f"{tuning.scoring}_error"],
    )
    values = ", ".join(_label(field, [tuning.winner]) for field in fields)
    label = f"{tuning.called}: {values}\n({mean:.4f} ± {error:.4f})"
    axes.errorbar([x], [mean], [error], color="black", capsize=5, linewidth=1.2, zorder=4)
    axes.plot([x], [mean], "*", color="crimson", mec="white", markersize=15, zorder=5, label=label)


def _varied_fields(tuning: Tuning) -> list[str]:
    """Lists the fields that have more than one value; l2 if none has."""
    return [
        field
        for field in _AXIS_LABELS
        if len({_requested_value(candidate, field) for candidate in tuning.candidates}) > 1
    ] or ["l2"]


def _requested_value(candidate: Candidate, field: str) -> Any:
    return candidate.asked if field == "learning_rate" else getattr(candidate.recipe, field)


def _label(field: str, candidates: Sequence[Candidate]) -> str:
    values = {candidate.figures()[field] for candidate in candidates}
    # "auto" derives a different learning rate for each l2.
    value = f"{values.pop():.3g}" if len(values) == 1 else "auto"
    return f"{field.replace('_', ' ')} {value}"


def _x_of_zero(values: set[float]) -> float:
    """Where to draw 0 on the logarithmic axis: well below the smallest other value."""
    return min(values - {0.0}, default=1.0) / 10


def _colors(count: int) -> Any:
    import matplotlib

    if count == 1:
        return ["tab:blue"]
    # The last part of viridis is too light to see on white.
    return matplotlib.colormaps["viridis"](np.linspace(0.0, 0.85, count))
