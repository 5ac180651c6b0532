"""A heat map of what each pixel of a picture speaks for and against."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfsoftmax.explanation import Explanation
from tfsoftmax.system.figures import check_plot, write_figure


def plot_explanation(
    explanation: Explanation, path: Path | str, row: int = 0, label: str | None = None
) -> None:
    """Draws a picture, and beside it what each pixel adds to the logit of a class.

    Red pixels speak for the class, blue ones against it.

    Args:
      explanation: of a model of pictures.
      path: the file to write, ``.png``, ``.svg`` or ``.pdf``.
      row: which of the pictures.
      label: the class; None is the predicted one.

    Raises:
      UsageError: if the model's examples are no pictures, there is no such row or class, the path
        has another suffix, or matplotlib is not installed.
      OSError: if the file cannot be written.

    >>> from tfsoftmax import SoftmaxRegression, Spec
    >>> found = SoftmaxRegression(Spec((1,), "float32", ("no", "yes"))).explain([[1.0]])
    >>> plot_explanation(found, "heat.gif")
    Traceback (most recent call last):
      ...
    tfsoftmax.errors.UsageError: heat.gif: a plot's name must end in .png, .svg or .pdf
    """
    path = Path(path)
    check_plot(path)
    heat = explanation.picture(row, label)
    from matplotlib.figure import Figure

    spec = explanation.spec
    low, high = spec.value_range or (0.0, 1.0)
    pixels = explanation.features[row].reshape(spec.example_shape).squeeze()
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.imshow((pixels - low) / (high - low), cmap="gray", vmin=0, vmax=1)
    left.set_title(f"predicted {explanation.predicted[row]}", fontsize="medium")
    most = max(float(np.abs(heat).max()), np.finfo(float).tiny)
    shown = right.imshow(heat, cmap="RdBu_r", vmin=-most, vmax=most)
    named = label or explanation.predicted[row]
    right.set_title(f"red for {named}, blue against it", fontsize="medium")
    figure.colorbar(shown, ax=right, label="added to the logit")
    for axes in (left, right):
        axes.set_xticks([])
        axes.set_yticks([])
    write_figure(figure, path)
