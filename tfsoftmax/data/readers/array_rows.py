"""Arrays in memory or in mapped files as a dataset: checked, and converted where necessary."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfsoftmax.data.collector import Collector, collecting, load_cached
from tfsoftmax.data.dataset import Dataset, Split, check_finite
from tfsoftmax.data.exact_numbers import convert_exactly
from tfsoftmax.data.features import FeaturesLike, row_blocks
from tfsoftmax.data.labels import ClassNames
from tfsoftmax.data.source import Source
from tfsoftmax.data.sparse_rows import SparseFeatures
from tfsoftmax.data.split import split_rows
from tfsoftmax.errors import DataError
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_KEPT = ("uint8", "float32")
_ONE_TYPE = (
    "training rows are whole numbers from {low} to {high}: save both parts in one type and scale"
)


class Arrays(NamedTuple):
    """Features and labels of training or test rows."""

    features: FeaturesLike
    labels: np.ndarray
    weights: np.ndarray | None = None


def dataset_of(
    source: Source,
    train: Arrays,
    test: Arrays | None = None,
    files: list[Path] | None = None,
    feature_names: tuple[str, ...] | None = None,
    value_range: tuple[float, float] | None = None,
) -> Dataset:
    """Makes a dataset of arrays; checks them, and converts them to float32 where necessary.

    Args:
      source: its name and the options to read it with.
      train: features ``[n, ...]`` of numbers and labels ``[n]`` of any kind.
      test: the source's own test rows; None holds some of the others out.
      files: the arrays are from.
      feature_names: of the columns, if they have names.
      value_range: of a feature; None is found for pixels, which are bytes in two dimensions
        or three: 0 to 255, or to the largest there is if that is below 128.

    Raises:
      DataError: naming the array, and the row, of what is wrong.
    """
    _check_shapes(source.name, train, "training")
    shape, dtype = train.features.shape[1:], train.features.dtype
    if test is not None:
        _check_shapes(source.name, test, "test")
        if test.features.shape[1:] != shape:
            raise DataError(
                f"{source.name}: training examples are of shape {shape}, test examples of "
                f"{test.features.shape[1:]}; they must agree"
            )
    kept = dtype.name if dtype.name in _KEPT else "uint8" if dtype.kind == "b" else "float32"
    if value_range is None and dtype == np.uint8 and len(shape) > 1:
        value_range = _range_of_pixels(train.features)

    def spec(names: tuple[str, ...]) -> Spec:
        return Spec(tuple(shape), kept, names, value_range, feature_names, source.options.fill)

    # In Fortran's order a row is scattered over the whole file.
    scattered = isinstance(train.features, np.memmap) and not train.features.flags.c_contiguous
    as_is = isinstance(train.features, np.ndarray) and kept == dtype.name and dtype.isnative
    if as_is and test is None and not scattered:
        return _in_place(source, train, spec(("", "")), spec)
    key = source.key(files or [])
    found = load_cached(source, key) if files else None
    if found is not None:
        return found
    weighted = train.weights is not None
    with collecting(source, key) as collector:
        for part, rows in (("training", train), ("test", test)):
            if rows is not None:
                _collect(collector, source, rows, spec(("", "")), part, weighted)
        return collector.dataset(spec)


def _range_of_pixels(features: FeaturesLike) -> tuple[float, float]:
    largest = max(int(block.max()) for block in row_blocks(features))
    return 0.0, float(largest if 0 < largest < 128 else 255)


def _in_place(source: Source, rows: Arrays, anonymous: Spec, spec: Any) -> Dataset:
    """Makes a dataset without a copy, of rows in memory or in a mapped file."""
    features = _flat(np.asanyarray(rows.features))
    classes = ClassNames(source.name, source.options.encoding)
    codes = classes.codes(np.asarray(rows.labels))
    order = classes.order()
    weights = None if rows.weights is None else np.asarray(rows.weights, np.float32)
    split = Split(features, order[codes], weights)
    split.check_features(source.name, anonymous)
    return split_rows(source, spec(classes.sorted(order)), split, np.zeros(len(codes), bool))


def _collect(
    collector: Collector,
    source: Source,
    rows: Arrays,
    anonymous: Spec,
    part: str,
    weighted: bool,
) -> None:
    first, where = 0, f"{source.name}: {part} rows"
    for numbers in _converted(collector, rows.features, anonymous, where):
        stop = first + numbers.shape[0]
        weights = rows.weights
        if weights is not None:
            weights = weights[first:stop]
        elif weighted:
            weights = np.ones(stop - first)
        labels = np.asarray(rows.labels[first:stop])
        collector.add(numbers, labels, weights, test=part == "test", first_row=first)
        first = stop


def _converted(
    collector: Collector, features: FeaturesLike, anonymous: Spec, where: str
) -> Iterator[np.ndarray | csr_array]:
    """Blocks of rows, converted and checked; sparse rows, which are in memory, at once."""
    if isinstance(features, SparseFeatures):
        check_finite(where, features, anonymous)
        yield features.read_sparse([slice(None)])
        return
    first = 0
    for block in row_blocks(features):
        collector.whole_numbers.add_rows(anonymous, _flat(block), first, where)
        numbers = convert_exactly(where, _flat(block), anonymous, first, _ONE_TYPE)
        check_finite(where, numbers, anonymous, first)
        yield numbers
        first += len(block)


def _flat(features: np.ndarray) -> np.ndarray:
    return features.reshape(len(features), math.prod(features.shape[1:]))


def _check_shapes(name: str, rows: Arrays, part: str) -> None:
    features, labels = rows.features, rows.labels
    if features.dtype.kind not in "iufb":
        raise DataError(
            f"{name}: {part} features are of type {features.dtype}; expected numbers or booleans"
        )
    if len(features.shape) < 2 or labels.ndim != 1:
        raise DataError(
            f"{name}: expected {part} features [n_samples, ...] and labels [n_samples], found "
            f"shapes {features.shape} and {labels.shape}"
        )
    if len(features) != len(labels):
        raise DataError(
            f"{name}: {len(features):,} {part} rows but {len(labels):,} labels; each row needs "
            "exactly one"
        )
    if not math.prod(features.shape):
        raise DataError(f"{name}: no {part} rows, or rows of no features: shape {features.shape}")
    if rows.weights is not None:
        _check_weights(name, rows.weights, len(features), part)


def _check_weights(name: str, weights: np.ndarray, n_samples: int, part: str) -> None:
    if weights.dtype.kind not in "iufb" or weights.shape != (n_samples,):
        raise DataError(
            f"{name}: expected a weight for each of {n_samples:,} {part} rows, found "
            f"{weights.dtype} {weights.shape}"
        )
    usable = np.isfinite(weights) & (weights >= 0)
    if not usable.all():
        row = int(np.argmin(usable))
        raise DataError(f"{name}, row {row}: a weight of {weights[row]:g}; expected 0 or more")
