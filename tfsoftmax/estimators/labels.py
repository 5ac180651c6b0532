"""The classes of rows as an estimator is given them, before scikit-learn checks them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfsoftmax.errors import ArgumentError


def plain_labels(y: Any) -> Any:
    """Labels as NumPy has them, where scikit-learn would refuse them or make them other numbers.

    pandas's nullable columns and arrays of objects become booleans, whole numbers or floats, where
    they are that; everything else is returned as it is.

    Raises:
      ArgumentError: naming the row of a label that is missing; or if some are texts, others not.

    >>> plain_labels(np.array([True, False], object))
    array([ True, False])
    """
    import pandas as pd

    kind = getattr(y, "dtype", None)
    plain = isinstance(kind, np.dtype) and kind.kind != "O"
    if plain or not isinstance(y, pd.Series | np.ndarray) or y.ndim != 1:
        return y
    cells = pd.Series(np.asarray(y, object), dtype=object)
    missing = cells.isna()
    if missing.any():
        row = int(np.argmax(missing))
        raise ArgumentError(f"y, row {row}: the class is missing; leave out such rows of X and y")
    texts = {isinstance(label, str) for label in cells}
    if len(texts) > 1:
        kinds = ", ".join(sorted({type(label).__name__ for label in cells}))
        raise ArgumentError(
            f"y has labels of several types, {kinds}: make them one, as in y.astype(str)"
        )
    found = cells.infer_objects().to_numpy()
    return found if found.dtype.kind in "biuf" else y
