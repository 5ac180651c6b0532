"""Before the first step: what a recipe leaves to be found in the rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.split import with_validation
from tfsoftmax.data.statistics import ColumnStatistics
from tfsoftmax.learning_rate import resolved
from tfsoftmax.recipes import Recipe, Standardize
from tfsoftmax.spec import Scaling

# How far from mean 0 and deviation 1 columns may be and still be taken as they are.
_FARTHEST_MEAN, _DEVIATIONS = 1.0, (0.25, 4.0)


def prepared(dataset: Dataset, recipe: Recipe) -> tuple[Dataset, Recipe]:
    """The same with nothing left open: validation rows, scaling, epochs, learning rate.

    Args:
      dataset: with training rows; validation rows or a scaling that it has already stay.
      recipe: as it was asked for.

    Raises:
      DataError: if a class has too few rows to hold some out for validation, or features
        are so large that no learning rate suits them.

    >>> import tfsoftmax
    >>> dataset, recipe = prepared(tfsoftmax.load_dataset("digits"), Recipe(calibrate=True))
    >>> len(dataset.train), len(dataset.validation), recipe.epochs, recipe.learning_rate
    (1293, 144, 72, 0.5)
    """
    if recipe.held_out:
        dataset = with_validation(dataset, recipe.held_out)
    dataset = with_scaling(dataset, recipe.standardize)
    if recipe.reject_below is not None:
        spec = replace(dataset.spec, reject_below=recipe.reject_below)
        dataset = replace(dataset, spec=spec)
    return dataset, resolved(recipe, dataset)


def with_scaling(dataset: Dataset, standardize: Standardize) -> Dataset:
    """The dataset with a spec that says how its features are scaled.

    Features of a known range are scaled by it to [0, 1], and bytes by the range found. The
    columns of a table get mean 0 and standard deviation 1, unless all are about so already;
    constant ones get mean 0. Found in one pass over the training rows alone.

    Args:
      dataset: one whose spec has a scaling stays as it is.
      standardize: ``"auto"`` is as said; ``"on"`` gives every feature mean 0 and deviation
        1, ``"off"`` none: then only a known range scales.

    >>> from tfsoftmax import Spec, Split
    >>> rows = Split(np.float32([[0.0, 5.0], [256.0, 5.0]]), np.int32([0, 1]))
    >>> dataset = Dataset("tiny", Spec((2,), "float32", ("no", "yes")), rows, rows)
    >>> with_scaling(dataset, "auto").spec.scaling
    Scaling(offset=(128.0, 5.0), scale=(0.0078125, 1.0), fill=None)
    """
    spec = dataset.spec
    ranged = spec.value_range is not None and standardize != "on"
    if spec.scaling is not None or (not spec.missing and (ranged or standardize == "off")):
        return dataset
    found = ColumnStatistics.of(dataset.train.features)
    scaling = Scaling() if standardize == "off" else _found(found, spec.dtype, standardize)
    if ranged:
        scaling = spec.scaled_by
    fill = _tuple(found.mean) if spec.missing else None
    return replace(dataset, spec=replace(spec, scaling=replace(scaling, fill=fill)))


def _found(found: ColumnStatistics, dtype: str, standardize: Standardize) -> Scaling:
    deviation = found.deviation
    varying = deviation[deviation > 0]
    if standardize == "auto" and np.dtype(dtype).itemsize == 1:
        # Bytes are all of one unit, most often pixels.
        low, high = float(found.low.min()), float(found.high.max())
        return Scaling(low, 1.0 / (high - low)) if high > low else Scaling(low)
    if standardize == "auto" and len(varying):
        low, high = _DEVIATIONS
        near = np.abs(found.mean).max() <= _FARTHEST_MEAN
        if near and low <= varying.min() and varying.max() <= high:
            return Scaling()
    scale = np.divide(1.0, deviation, out=np.ones_like(deviation), where=deviation > 0)
    return Scaling(_tuple(found.mean), _tuple(scale))


def _tuple(numbers: np.ndarray) -> tuple[float, ...]:
    # As the graph will have them.
    return tuple(numbers.astype(np.float32).astype(np.float64).tolist())
