"""Held-out rows for sources that come without any."""

from __future__ import annotations

import numpy as np

from tfsoftmax.data.dataset import Split
from tfsoftmax.errors import DataError

TEST_FRACTION = 0.2
# Fixed, and apart from a recipe's seed: every run of every recipe is measured on the
# same rows.
SPLIT_SEED = 0


def stratified_split(features: np.ndarray, labels: np.ndarray, name: str) -> tuple[Split, Split]:
    """Training rows and a fifth held out, each class in the same proportion.

    Args:
      features: ``[n_samples, n_features]``.
      labels: ``[n_samples]``.
      name: of the source, for messages.

    Raises:
      DataError: if a class has too few rows to be in both.

    >>> train, test = stratified_split(np.eye(10), np.repeat([0, 1], 5), "tiny")
    >>> len(train), sorted(test.labels.tolist())
    (8, [0, 1])
    """
    from sklearn.model_selection import train_test_split

    try:
        train, test = train_test_split(
            np.arange(len(labels)),
            test_size=TEST_FRACTION,
            random_state=SPLIT_SEED,
            stratify=labels,
        )
    except ValueError as error:
        raise DataError(f"{name}: cannot hold out test rows: {error}") from error
    return tuple(  # type: ignore[return-value]
        Split(np.ascontiguousarray(features[rows]), labels[rows].astype(np.int32))
        for rows in (train, test)
    )
