"""Held-out rows for sources that come without any."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.rows import ChosenRows, chosen
from tfsoftmax.errors import DataError

TEST_FRACTION = 0.2
# Fixed, and apart from a recipe's seed: every run of every recipe is measured on the
# same rows.
SPLIT_SEED = 0


def stratified_split(
    split: Split, name: str, fraction: float = TEST_FRACTION
) -> tuple[Split, Split]:
    """Rows to keep and rows held out, each class in the same proportion.

    Args:
      split: all rows.
      name: of the source, for messages.
      fraction: of the rows to hold out, between 0 and 1.

    Raises:
      DataError: if a class has too few rows to be in both.

    >>> rows = Split(np.eye(10), np.repeat(np.int32([0, 1]), 5))
    >>> train, test = stratified_split(rows, "tiny")
    >>> len(train), sorted(test.labels.tolist())
    (8, [0, 1])
    """
    from sklearn.model_selection import train_test_split

    try:
        kept, held = train_test_split(
            np.arange(len(split)),
            test_size=fraction,
            random_state=SPLIT_SEED,
            stratify=split.labels,
        )
    except ValueError as error:
        raise DataError(f"{name}: cannot hold out rows: {error}") from error
    return take_rows(split, kept), take_rows(split, held)


def with_validation(dataset: Dataset, fraction: float) -> Dataset:
    """The dataset with a share of its training rows held out, to choose by.

    One that has validation rows already stays as it is.

    Args:
      dataset: with training rows.
      fraction: of them, between 0 and 1.

    Raises:
      DataError: if a class has too few rows to be in both.
    """
    if dataset.validation is not None:
        return dataset
    train, validation = stratified_split(dataset.train, f"{dataset.name}: training split", fraction)
    return replace(dataset, train=train, validation=validation)


def take_rows(split: Split, rows: np.ndarray) -> Split:
    """The rows of these numbers; those of a mapped file stay there, and in its order."""
    features = chosen(split.features, rows)
    if isinstance(features, ChosenRows):
        rows = np.sort(rows)
    weights = None if split.weights is None else split.weights[rows]
    return Split(features, split.labels[rows].astype(np.int32), weights)
