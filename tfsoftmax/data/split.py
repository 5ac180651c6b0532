"""Held-out rows for sources that come without any."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.options import TEST_FRACTION
from tfsoftmax.errors import DataError

# Fixed, and apart from a recipe's seed: every run of every recipe is measured on the
# same rows.
SPLIT_SEED = 0
# So many classes, a tenth of them of a single row, may be numbers that were meant as such.
_MANY = 20


def stratified_split(
    split: Split,
    name: str,
    fraction: float = TEST_FRACTION,
    class_names: tuple[str, ...] | None = None,
) -> tuple[Split, Split]:
    """Rows to keep and rows held out, each class in the same proportion.

    Args:
      split: all rows.
      name: of the source, for messages.
      fraction: of the rows to hold out, between 0 and 1.
      class_names: for messages.

    Raises:
      DataError: if a class has too few rows to be in both.

    >>> rows = Split(np.eye(10), np.repeat(np.int32([0, 1]), 5))
    >>> train, test = stratified_split(rows, "tiny")
    >>> len(train), sorted(test.labels.tolist())
    (8, [0, 1])
    """
    kept, held = stratified_places(split.labels, name, fraction, class_names)
    return split.take(kept), split.take(held)


def stratified_places(
    labels: np.ndarray, name: str, fraction: float, class_names: tuple[str, ...] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the rows to keep and of those held out; as for `stratified_split`."""
    from sklearn.model_selection import train_test_split

    counts = np.bincount(labels)
    if (counts == 1).any():
        place = int(np.argmax(counts == 1))
        rare = repr(class_names[place]) if class_names else place
        doubt = ""
        if len(counts) > _MANY and (counts == 1).sum() > len(counts) / 10:
            doubt = f". There are {len(counts):,} classes: is it the right label column?"
        raise DataError(
            f"{name}: class {rare} has one row only, which cannot be both trained on and held "
            f"out; add rows of it, or remove it{doubt}"
        )
    try:
        kept, held = train_test_split(
            np.arange(len(labels)),
            test_size=fraction,
            random_state=SPLIT_SEED,
            stratify=labels,
        )
    except ValueError as error:
        raise DataError(
            f"{name}: {len(labels):,} rows of {np.count_nonzero(counts):,} classes are too few to "
            f"hold out a share of {fraction:g} with every class in it; add rows, or take another "
            f"share ({error})"
        ) from error
    return kept, held


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
    train, validation = stratified_split(
        dataset.train, f"{dataset.name}: training split", fraction, dataset.spec.class_names
    )
    return replace(dataset, train=train, validation=validation)
