"""Plots of a model's weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfsoftmax.errors import UsageError
from tfsoftmax.spec import Spec
from tfsoftmax.system.figures import new_axes

_MOST_CLASSES = 100
_STRONGEST = 25
_COLUMNS = 5


def plot_weights(spec: Spec, W: np.ndarray) -> Any:
    """Plots weights, as `SoftmaxRegression.plot_weights`.

    Args:
      spec: of the model.
      W: ``[n_inputs, n_classes]``.
    """
    if spec.n_classes > _MOST_CLASSES:
        raise UsageError(
            f"the weights of {spec.n_classes:,} classes cannot be read in a plot; "
            "coefficients(model, top=20) lists the strongest of each"
        )
    most = max(float(np.abs(W).max()), float(np.finfo(np.float32).tiny))
    colours: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
    return _pictures(spec, W, colours) if spec.is_image else _strongest(spec, W, colours)


def _pictures(spec: Spec, W: np.ndarray, colours: dict[str, Any]) -> np.ndarray:
    n_columns = min(_COLUMNS, spec.n_classes)
    n_rows = -(-spec.n_classes // n_columns)
    grid = new_axes(n_rows, n_columns, (1.7 * n_columns, 1.9 * n_rows))
    every: np.ndarray = np.asarray(grid, object).reshape(-1)
    for axes in every:
        axes.axis("off")
    for name, weights, axes in zip(spec.class_names, W[: spec.n_features].T, every, strict=False):
        # Colours of a pixel are added up.
        image = weights.reshape(*spec.example_shape[:2], -1).sum(axis=2)
        axes.imshow(image, **colours)
        axes.set_title(name, fontsize="medium")
    return every[: spec.n_classes]


def _strongest(spec: Spec, W: np.ndarray, colours: dict[str, Any]) -> Any:
    order = np.argsort(-np.abs(W).max(axis=1), kind="stable")[:_STRONGEST]
    size = (3.6 + 0.42 * spec.n_classes, 1.6 + 0.24 * len(order))
    axes = new_axes(size=size)
    shown = axes.imshow(W[order], aspect="auto", **colours)
    axes.set_yticks(range(len(order)), [spec.feature_name(index) for index in order])
    axes.set_xticks(range(spec.n_classes), spec.class_names, rotation=90)
    axes.set_title("weights of scaled features", fontsize="medium")
    axes.figure.colorbar(shown, ax=axes)
    return axes
