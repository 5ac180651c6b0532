"""How much wider a column's standard errors are because it nearly follows from the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

# A variance inflation factor of 10, by convention.
_LARGE = 10**0.5
_NAMED = 6


def inflation_of(moments: np.ndarray, columns: Sequence[str]) -> dict[str, float]:
    """By what factor other columns widen the standard errors of each; 1 if they tell nothing of it.

    It is the generalised variance inflation factor to the power 1 / (2 df), where df is the number
    of the column's features; of one feature, the square root of the usual factor. It does not
    depend on how features are scaled, nor on which category is the reference.

    Reference: Fox and Monette, Generalized collinearity diagnostics (Journal of the American
    Statistical Association 87, 1992).

    Args:
      moments: mean products of the features and a last one that is always 1,
        ``[n_features + 1, n_features + 1]``; no feature is constant, none follows from others.
      columns: the column of each feature.

    >>> moments = np.array([[1, 0.8, 0], [0.8, 1, 0], [0, 0, 1]])  # correlation 0.8, means 0
    >>> {name: round(factor, 4) for name, factor in inflation_of(moments, ["a", "b"]).items()}
    {'a': 1.6667, 'b': 1.6667}
    """
    means = moments[-1, :-1]
    covariance = moments[:-1, :-1] - np.outer(means, means)
    deviations = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviations, deviations)
    inverse = np.linalg.inv(correlation)
    found = {}
    for name in dict.fromkeys(columns):
        own = np.flatnonzero([each == name for each in columns])
        logs = [np.linalg.slogdet(each[np.ix_(own, own)])[1] for each in (correlation, inverse)]
        found[name] = float(np.exp(max(0.0, sum(logs)) / (2 * len(own))))
    return found


def collinearity_note(inflation: Mapping[str, float]) -> str | None:
    """Which columns have standard errors that say little of them alone; None if none have.

    >>> collinearity_note({"age": 1.2, "height": 7.04, "weight": 6.5})
    "columns that nearly follow from others have wide standard errors: 'height' (7 times as wide \
as if it did not), 'weight' (6.5 times)"
    """
    large = sorted(((f, name) for name, f in inflation.items() if f > _LARGE), reverse=True)
    if not large:
        return None
    times = [f"{name!r} ({factor:.2g} times" for factor, name in large[:_NAMED]]
    shown = ", ".join(
        [times[0] + " as wide as if it did not)", *(each + ")" for each in times[1:])]
    )
    more = f", and {len(large) - _NAMED:,} more" if len(large) > _NAMED else ""
    return f"columns that nearly follow from others have wide standard errors: {shown}{more}"
