"""Splits rows into training, test and validation rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.labels import check_classes
from tfsoftmax.data.moved_rows import on_chief
from tfsoftmax.data.notes import NO_NOTES, Notes
from tfsoftmax.data.options import TEST_FRACTION
from tfsoftmax.data.scale_check import warn_of_scales
from tfsoftmax.data.source import Source
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec

# Not the recipe's seed, so that every run of every recipe is evaluated on the same rows.
SPLIT_SEED = 0
# With more classes than this, a tenth of them of one row, the labels are probably numbers.
_MANY_CLASSES = 20


def split_rows(
    source: Source, spec: Spec, rows: Split, tests: np.ndarray, notes: Notes = NO_NOTES
) -> Dataset:
    """Makes a dataset of a source's rows, with its own test rows or with some held out.

    Args:
      source: of the rows.
      spec: of the rows.
      rows: all of them.
      tests: bool ``[n_samples]``, True for the source's own test rows.
      notes: what was found while the rows were read; logged as warnings.

    Raises:
      DataError: if a model is to be trained on the rows, and their labels cannot be classes,
        or there are no training rows, or too few to hold some out.
    """
    measured = source.model is not None
    try:
        indices = indices_of_parts(source, spec.class_names, rows.labels, tests)
    except DataError:
        if not measured:
            raise
        tests = tests if tests.any() else ~tests
        indices = np.flatnonzero(~tests), np.flatnonzero(tests)
    # In the source's order, so that the dataset is the same in memory and on disk.
    train, test = (rows.take(np.sort(part)) for part in indices)
    test = on_chief(test)
    if tests.any() and len(train):
        warn_of_scales(source.name, train, test, spec)
    notes.log(source.name)
    return Dataset(
        source.name,
        spec,
        train,
        test,
        notes=notes,
        only_measured=measured,
        options=source.options,
    )


def indices_of_parts(
    source: Source, class_names: Sequence[str], labels: np.ndarray, tests: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training rows and of the test rows.

    Args:
      source: of the rows.
      class_names: of the labels.
      labels: of all rows, int32 ``[n_samples]``.
      tests: bool ``[n_samples]``, True for the source's own test rows.

    Raises:
      DataError: if the labels cannot be classes, or a class is not in both parts.
    """
    check_classes(source.name, class_names, len(labels))
    if not tests.any() and not source.hold_out:
        return np.arange(len(labels)), np.zeros(1, np.int64)
    if not tests.any():
        fraction = source.options.test_fraction
        return stratified_indices(labels, source.name, fraction, tuple(class_names))
    indices = np.flatnonzero(~tests), np.flatnonzero(tests)
    counts = np.bincount(labels[indices[0]], minlength=len(class_names))
    if not counts.all():
        rare = class_names[int(np.argmin(counts))]
        raise DataError(
            f"{source.name}: class {rare!r} has test rows but no training rows; add some, or "
            "remove it"
        )
    return indices


def stratified_split(
    split: Split,
    name: str,
    fraction: float = TEST_FRACTION,
    class_names: tuple[str, ...] | None = None,
) -> tuple[Split, Split]:
    """Splits rows in two, with the same proportions of classes in both.

    Args:
      split: all rows.
      name: of the source, for errors.
      fraction: of the rows to hold out, between 0 and 1.
      class_names: for errors.

    Raises:
      DataError: if a class has too few rows to be in both parts.

    >>> rows = Split(np.eye(10), np.repeat(np.int32([0, 1]), 5))
    >>> train, test = stratified_split(rows, "tiny")
    >>> len(train), sorted(test.labels.tolist())
    (8, [0, 1])
    """
    train, held_out = stratified_indices(split.labels, name, fraction, class_names)
    return split.take(train), split.take(held_out)


def stratified_indices(
    labels: np.ndarray,
    name: str,
    fraction: float,
    class_names: tuple[str, ...] | None = None,
    asked_by: str = "test_fraction",
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the rows of both parts, as for `stratified_split`; `asked_by` is the option."""
    from sklearn.model_selection import train_test_split

    counts = np.bincount(labels)
    if (counts == 1).any():
        code = int(np.argmax(counts == 1))
        rare = repr(class_names[code]) if class_names else code
        doubt = ""
        if len(counts) > _MANY_CLASSES and (counts == 1).sum() > len(counts) / 10:
            doubt = f". There are {len(counts):,} classes: is it the right label column?"
        raise DataError(
            f"{name}: class {rare} has one row only, which cannot be both trained on and held "
            f"out; add rows of it, or remove it{doubt}"
        )
    try:
        train, held_out = train_test_split(
            np.arange(len(labels)),
            test_size=fraction,
            random_state=SPLIT_SEED,
            stratify=labels,
        )
    except ValueError as error:
        classes = np.count_nonzero(counts)
        # Half at most, as each has two rows.
        least = math.ceil(100 * classes / len(labels)) / 100
        raise DataError(
            f"{name}: {len(labels):,} rows of {classes:,} classes are too few to hold out a share "
            f"of {fraction:g} with every class in it; add rows, or take another share, as in "
            + setting(asked_by, least)
        ) from error
    return train, held_out


def with_validation(dataset: Dataset, fraction: float) -> Dataset:
    """Holds out a fraction of the training rows as validation rows, unless there are some.

    Args:
      dataset: to hold rows out of.
      fraction: of its training rows, between 0 and 1.

    Raises:
      DataError: if a class has too few rows to be in both parts.
    """
    if dataset.validation is not None:
        return dataset
    rows, name = dataset.train, f"{dataset.name}: training split"
    indices = stratified_indices(
        rows.labels, name, fraction, dataset.spec.class_names, "validation_fraction"
    )
    # In their order, so that it is the same in memory, on disk and for several workers.
    train, validation = (rows.take(np.sort(part)) for part in indices)
    return replace(dataset, train=train, validation=on_chief(validation))
