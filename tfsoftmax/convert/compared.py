"""Whether a converted model has the probabilities of what it was converted from."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfsoftmax.errors import ConversionError
from tfsoftmax.export.tolerances import TOLERANCE
from tfsoftmax.model import SoftmaxRegression


def compared(
    model: SoftmaxRegression, rows: Any, expected: np.ndarray, advice: str = ""
) -> tuple[int, float]:
    """Compares the probabilities of a model with those of the original.

    Args:
      model: converted.
      rows: as it takes them.
      expected: the original's, ``[n_samples, n_classes]``.
      advice: what to do where they differ.

    Returns:
      How many rows there are, and the largest difference of a probability.

    Raises:
      ConversionError: if it is more than 1e-5, naming the row.
    """
    difference = np.abs(model.predict_proba(rows, where="check_on") - expected)
    if not len(difference):
        raise ConversionError("check_on has no rows; give some that the models can be compared on")
    row, column = np.unravel_index(int(np.argmax(difference)), difference.shape)
    if not difference[row, column] <= TOLERANCE:
        raise ConversionError(
            f"row {row} of check_on: the converted model's probability of "
            f"{model.spec.class_names[column]!r} differs by {difference[row, column]:.2g}, and "
            f"{TOLERANCE:g} is allowed{advice}"
        )
    return len(difference), float(difference[row, column])
