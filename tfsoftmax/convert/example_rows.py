"""Rows made up from a model's spec, to prove its exports on where no others are at hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfsoftmax.spec import Spec

_ROWS = 200


def example_rows(spec: Spec, seed: int = 0) -> Any:
    """Rows of random numbers, as far apart as the model scales them, and known categories.

    Args:
      spec: of the model.
      seed: of the numbers.

    Returns:
      An array ``[n, n_features]``, or a table of the columns that the model encodes.

    >>> spec = Spec((2,), "float32", ("no", "yes"))
    >>> example_rows(spec).shape
    (200, 2)
    """
    generator = np.random.default_rng(seed)
    scaling = spec.scaled_by
    drawn = generator.normal(size=(_ROWS, spec.n_features)) / scaling.scale + scaling.offset
    if spec.value_range is not None:
        low, high = spec.value_range
        drawn = generator.uniform(low, high, size=drawn.shape)
    if spec.encoding is None:
        return drawn.astype(spec.dtype)
    import pandas as pd

    table: dict[str, Any] = {}
    for first, column in zip(spec.encoding.offsets, spec.encoding.columns, strict=False):
        name = column.inputs[0]
        if column.kind == "number":
            table[name] = drawn[:, first].astype(np.float32)
        elif column.kind == "buckets":
            table.setdefault(name, generator.choice(np.array(column.boundaries, "f4"), _ROWS))
        elif column.kind == "terms":
            size = 20, _ROWS
            words = generator.choice(np.array(column.vocabulary, object), size)
            table[name] = [" ".join(each) for each in words.T]
        else:
            table[name] = generator.choice(np.array(column.vocabulary, object), _ROWS)
    for each in spec.encoding.inputs:
        if each.dtype == "int64":
            table[each.name] = table[each.name].astype(np.int64)
    return pd.DataFrame(table)
