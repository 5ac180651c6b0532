"""Arrays in memory or in mapped files as a dataset: checked, and converted where necessary."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfsoftmax.data.collector import Collector, collecting, load_cached, rows_of_all
from tfsoftmax.data.dataset import CheckedFeatures, Dataset, Split, check_finite
from tfsoftmax.data.exact_numbers import convert_exactly
from tfsoftmax.data.features import FeaturesLike, row_blocks
from tfsoftmax.data.labels import ClassNames
from tfsoftmax.data.notes import NO_NOTES
from tfsoftmax.data.source import Extent, Source
from tfsoftmax.data.source_parts import check_same, own_range
from tfsoftmax.data.sparse_rows import SparseFeatures
from tfsoftmax.data.split import split_rows
from tfsoftmax.data.stored_rows import StoredRows
from tfsoftmax.distributed.gathering import errors_of_all, said_by_all
from tfsoftmax.distributed.workers import Workers
from tfsoftmax.errors import DataError
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_KEPT = ("uint8", "float32")
_ONE_TYPE = (
    "training rows are whole numbers from {low} to {high}: save both parts in one type and scale"
)


class Arrays(NamedTuple):
    """Features and labels of training or test rows, or of some of them.

    Attributes:
      features: ``[n, ...]``.
      labels: ``[n]``.
      weights: ``[n]``.
      first: the number of the first row.
    """

    features: FeaturesLike
    labels: np.ndarray
    weights: np.ndarray | None = None
    first: int = 0

    def own(self, workers: Workers) -> Arrays:
        """The rows that this worker reads: one range of them, as long as that of any other."""
        if workers.count == 1:
            return self
        rows = own_range(len(self.features), workers)
        features, labels = (
            self.features[rows.start : rows.stop],
            self.labels[rows.start : rows.stop],
        )
        if not isinstance(features, np.memmap):
            features = features.copy()  # so that those of the others need not be kept
        return Arrays(features, labels, first=rows.start)


def dataset_of(
    source: Source,
    train: Arrays,
    test: Arrays | None = None,
    files: Sequence[Path] = (),
    feature_names: tuple[str, ...] | None = None,
    value_range: tuple[float, float] | None = None,
) -> Dataset:
    """Makes a dataset of arrays; checks them, and converts them to float32 where necessary.

    Of several workers, which all call it, each reads its own rows.

    Args:
      source: its name and the options to read it with.
      train: features ``[n, ...]`` of numbers and labels ``[n]`` of any kind.
      test: the source's own test rows; None holds some of the others out.
      files: the arrays are from; there are some if the source has several workers.
      feature_names: of the columns, if they have names.
      value_range: of a feature; None is found for pixels, which are bytes in two dimensions
        or three: 0 to 255, or to the largest there is if that is below 128.

    Raises:
      DataError: naming the array, and the row, of what is wrong.
    """
    workers = source.workers
    with errors_of_all(workers):
        _check(source.name, train, test)
    check_same(source.name, [each and _form(each) for each in (train, test)], workers)
    parts = {"training": train} if test is None else {"training": train, "test": test}
    own = {part: rows.own(workers) for part, rows in parts.items()}
    shape, dtype = train.features.shape[1:], train.features.dtype
    kept = dtype.name if dtype.name in _KEPT else "uint8" if dtype.kind == "b" else "float32"
    if value_range is None and dtype == np.uint8 and len(shape) > 1:
        value_range = _range_of_pixels(own["training"].features, workers)

    def spec(names: tuple[str, ...]) -> Spec:
        return Spec(tuple(shape), kept, names, value_range, feature_names, source.options.fill)

    # In Fortran's order a row is scattered over the whole file.
    scattered = isinstance(train.features, np.memmap) and not train.features.flags.c_contiguous
    as_is = isinstance(train.features, np.ndarray) and kept == dtype.name and dtype.isnative
    if as_is and test is None and not scattered:
        return _in_place(source, own["training"], spec(("", "")), spec)
    key = source.key(files) if workers.count == 1 else _key_of_own(source, parts, own, files)
    found = load_cached(source, key, workers) if files else None
    if found is not None:
        return found
    weighted = train.weights is not None
    with collecting(source, key, workers) as collector:
        for part, rows in own.items():
            with collector.own_parts(next(iter(files), Path())):
                _collect(collector, source, rows, spec(("", "")), part, weighted)
        return collector.dataset(spec)


def _form(rows: Arrays) -> list[Any]:
    """Shapes and types, JSON-ready."""
    arrays = (rows.features, rows.labels)
    return [[list(map(int, each.shape)), each.dtype.str] for each in arrays]


def _key_of_own(
    source: Source, parts: dict[str, Arrays], own: dict[str, Arrays], files: Sequence[Path]
) -> str:
    """The key of a worker's own rows: of their bytes alone, if they are together in a file."""
    extents: list[Path | Extent] = []
    for part, rows in parts.items():
        for whole, mine in zip(rows[:2], own[part][:2], strict=True):
            if not isinstance(whole, np.memmap) or not whole.flags.c_contiguous:
                extents += files
                continue
            first_byte = whole.offset + own[part].first * (whole.nbytes // len(whole))
            extents.append(Extent(Path(str(whole.filename)), first_byte, mine.nbytes))
    return source.key_of_own(dict.fromkeys(extents), [_form(rows) for rows in parts.values()])


def _range_of_pixels(features: FeaturesLike, workers: Workers) -> tuple[float, float]:
    own = max((int(block.max()) for block in row_blocks(features)), default=0)
    largest = max(said_by_all(own, workers))
    return 0.0, float(largest if 0 < largest < 128 else 255)


def _in_place(source: Source, rows: Arrays, anonymous: Spec, spec: Any) -> Dataset:
    """Makes a dataset without a copy, of rows in memory or in a mapped file."""
    features, workers = _flat(np.asanyarray(rows.features)), source.workers
    classes = ClassNames(source.name, source.options.encoding)
    with errors_of_all(workers):
        codes = classes.codes(np.asarray(rows.labels), rows.first)
    codes = classes.of_all(workers)[codes]
    with errors_of_all(workers):
        check_finite(source.name, features, anonymous, rows.first)
    order = classes.order()
    weights = None if rows.weights is None else np.asarray(rows.weights, np.float32)
    checked = CheckedFeatures(features, bool(anonymous.missing))
    split = Split(features, order[codes], weights, checked=checked)
    tests = np.zeros(len(codes), bool)
    own = StoredRows(spec(classes.sorted(order)), split, tests, NO_NOTES)
    return split_rows(source, *rows_of_all(own, source, workers))


def _collect(
    collector: Collector,
    source: Source,
    rows: Arrays,
    anonymous: Spec,
    part: str,
    weighted: bool,
) -> None:
    done, where = 0, f"{source.name}: {part} rows"
    for numbers in _converted(collector, rows, anonymous, where):
        block = slice(done, done + numbers.shape[0])
        weights = rows.weights
        if weights is not None:
            weights = weights[block]
        elif weighted:
            weights = np.ones(numbers.shape[0])
        labels = np.asarray(rows.labels[block])
        first_row = rows.first + done
        collector.add(numbers, labels, weights, test=part == "test", first_row=first_row)
        done = block.stop


def _converted(
    collector: Collector, rows: Arrays, anonymous: Spec, where: str
) -> Iterator[np.ndarray | csr_array]:
    """Blocks of rows, converted and checked; sparse rows, which are in memory, at once."""
    if isinstance(rows.features, SparseFeatures):
        check_finite(where, rows.features, anonymous)
        yield rows.features.read_sparse([slice(None)])
        return
    first = rows.first
    for block in row_blocks(rows.features):
        collector.whole_numbers.add_rows(anonymous, _flat(block), first, where)
        numbers = convert_exactly(where, _flat(block), anonymous, first, _ONE_TYPE)
        check_finite(where, numbers, anonymous, first)
        yield numbers
        first += len(block)


def _flat(features: np.ndarray) -> np.ndarray:
    return features.reshape(len(features), math.prod(features.shape[1:]))


def _check(name: str, train: Arrays, test: Arrays | None) -> None:
    """Checks shapes and types of what is not read yet."""
    _check_shapes(name, train, "training")
    if test is None:
        return
    _check_shapes(name, test, "test")
    shape, found = train.features.shape[1:], test.features.shape[1:]
    if found != shape:
        raise DataError(
            f"{name}: training examples are of shape {shape}, test examples of {found}; they must "
            "agree"
        )


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
