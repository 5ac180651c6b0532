"""Datasets of what a program has in memory: arrays, pandas frames, ``tf.data``."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.choices import with_choices
from tfsoftmax.data.cache import DatasetCache
from tfsoftmax.data.collector import collecting
from tfsoftmax.data.dataset import Dataset, check_finite
from tfsoftmax.data.exact_numbers import convert_exactly
from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.data.frames import frame_of, names_of, numbers_of_frame
from tfsoftmax.data.kinds import ARRAYS, TABLE
from tfsoftmax.data.matrices import is_matrix, rows_of_matrix
from tfsoftmax.data.options import SourceOptions, check_applicable, source_options
from tfsoftmax.data.readers.array_rows import Arrays, dataset_of
from tfsoftmax.data.source import Source
from tfsoftmax.data.sparse_rows import SparseFeatures
from tfsoftmax.data.tables.load import load_table
from tfsoftmax.data.tables.table import Part, Table
from tfsoftmax.errors import DataError, UsageError
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    import pandas as pd
    import tensorflow as tf

_ROWS_PER_PART = 1024
_NUMBERS_PER_PART = 2**21


@with_choices(options=SourceOptions)
def from_arrays(
    features: Any,
    labels: Any,
    *,
    test: tuple[Any, Any] | None = None,
    sample_weight: Any = None,
    feature_names: Sequence[str] | None = None,
    value_range: tuple[float, float] | None = None,
    name: str = "arrays",
    options: SourceOptions | None = None,
) -> Dataset:
    """Makes a dataset of arrays, sparse matrices, frames of numbers, or what `numpy.asarray` takes.

    Args:
      features: numbers ``[n_samples, ...]``; uint8 and float32 are kept as they are, without
        a copy where they are mapped, all else becomes float32. A frame's columns keep their
        names, by which the model will know them. Of a sparse matrix of SciPy's, entries of one
        place are added up; many features, mostly 0, stay sparse.
      labels: ``[n_samples]``, whole numbers, texts or booleans.
      test: features and labels of test rows, columns of a frame in any order; None holds a
        share of the others out.
      sample_weight: what each row counts in training, ``[n_samples]``.
      feature_names: of the columns, if not those of a frame.
      value_range: smallest and largest value that a feature can take, if it is known; pixels
        in two dimensions or three, uint8, are 0 to 255.
      name: what to call it.
      options: `test_fraction`, `missing`, `encoding` and `memory_limit` of them.

    Raises:
      UsageError: if another option is given.
      DataError: naming the row of what is wrong, and the column of a frame.
      ModelError: if the test frame lacks a column.

    >>> dataset = from_arrays(np.arange(20.0).reshape(10, 2), ["b", "a"] * 5)
    >>> dataset.spec.class_names, dataset.train.features.shape
    (('a', 'b'), (8, 2))
    """
    weights = None if sample_weight is None else np.asarray(sample_weight)
    rows, found = _numbers(features, None, name)
    train = Arrays(rows, np.asarray(labels), weights)
    held = None
    if test is not None:
        tests = _numbers(test[0], found, f"{name}: test rows")[0]
        held = Arrays(_like(rows, tests), np.asarray(test[1]))
    names = found if feature_names is None else tuple(map(str, feature_names))
    source = _source(name, options, ARRAYS)
    return dataset_of(source, train, held, feature_names=names, value_range=value_range)


@with_choices(options=SourceOptions)
def from_frame(
    frame: pd.DataFrame,
    *,
    name: str = "frame",
    options: SourceOptions | None = None,
    hold_out: bool = True,
) -> Dataset:
    """Makes a dataset of a pandas or polars frame, whose columns are chosen as for ``csv:``.

    Args:
      frame: the table.
      name: what to call it.
      options: its `label_column` and so on.
      hold_out: whether to hold rows out to test on. If not, all are trained on, the first row
        alone stands for the test rows, and what is measured on it says nothing.

    Raises:
      UsageError: if it is no table, or an option is given that has no meaning for one.
      DataError: naming row and column of what is wrong.

    >>> import pandas
    >>> table = pandas.DataFrame({"x": range(10), "kind": ["u", "v"] * 5})
    >>> from_frame(table, options=SourceOptions(label_column="kind")).spec.class_names
    ('u', 'v')
    """
    source = _source(name, options, TABLE)
    source.hold_out = hold_out
    table = frame_of(frame)
    if table is None:
        raise UsageError(
            f"{name}: from_frame takes a table with named columns, not a {type(frame).__name__}; "
            "from_arrays(X, y) takes arrays"
        )
    named = table.rename(columns=str)

    def read(columns: Sequence[str], **how: Any) -> Generator[Part]:
        rows = max(1, _NUMBERS_PER_PART // max(1, len(columns)))
        for first in range(0, max(1, len(named)), rows):
            yield Part(named.iloc[first : first + rows], first)

    return load_table(source, [], lambda: Table(list(named.columns), read))


@with_choices(options=SourceOptions)
def from_tf_data(
    elements: tf.data.Dataset, *, name: str = "tf.data", options: SourceOptions | None = None
) -> Dataset:
    """Makes a dataset of a finite ``tf.data.Dataset`` of (features, label) pairs, batched or not.

    It is read once; rows that exceed the memory limit are kept on the disk.

    Args:
      elements: pairs of numbers and a label (a whole number or a text).
      name: what to call it.
      options: `test_fraction`, `missing`, `encoding` and `memory_limit` of them.

    Raises:
      UsageError: if another option is given.
      DataError: if the elements are not pairs, are endless, or something is wrong with a row.

    >>> import tensorflow as tf
    >>> pairs = tf.data.Dataset.from_tensor_slices((np.eye(10), [0, 1] * 5))
    >>> len(from_tf_data(pairs).train)
    8
    """
    spec = elements.element_spec
    if not (isinstance(spec, tuple) and len(spec) == 2 and all(hasattr(s, "shape") for s in spec)):
        raise DataError(f"{name}: expected elements (features, label), found {spec}")
    if elements.cardinality() == -1:
        raise DataError(f"{name}: it is endless; take(n) makes it end")
    source = _source(name, options, ARRAYS)
    batches = elements if spec[1].shape.rank else elements.batch(_ROWS_PER_PART)
    with collecting(source, source.key([])) as collector:
        shape: tuple[int, ...] | None = None
        for features, labels in batches.as_numpy_iterator():
            shape = shape or features.shape[1:]
            kept = "uint8" if features.dtype == np.uint8 else "float32"
            missing = source.options.fill
            anonymous, first = Spec(shape, kept, (), missing=missing), collector.n_samples
            numbers = features.reshape(len(features), -1)
            collector.whole_numbers.add_rows(anonymous, numbers, first)
            rows = convert_exactly(name, numbers, anonymous, first)
            check_finite(name, rows, anonymous, first)
            collector.add(rows, labels)

        def describe(classes: tuple[str, ...]) -> Spec:
            assert shape is not None
            pixels = (0.0, 255.0) if kept == "uint8" and len(shape) > 1 else None
            return Spec(shape, kept, classes, pixels, missing=missing)

        return collector.dataset(describe)


def _numbers(
    given: Any, names: tuple[str, ...] | None, where: str
) -> tuple[FeaturesLike, tuple[str, ...] | None]:
    """Takes the numbers and the names of the columns of an array or a frame.

    `names` are the columns wanted, in this order; None takes all.
    """
    if is_matrix(given):
        return rows_of_matrix(given, where), names
    frame = frame_of(given)
    if frame is None:
        return _array(given, where), names
    names = names or names_of(frame)
    width = len(names or frame.columns)
    wanted = Spec((width,), "float32", (), feature_names=names)
    try:
        return numbers_of_frame(wanted, frame, where, 0), names
    except DataError as error:
        raise DataError(
            f"{error}; from_frame(frame, options=SourceOptions(label_column=..., drop=[...])) "
            "chooses a table's columns"
        ) from error


def _like(rows: FeaturesLike, tests: FeaturesLike) -> FeaturesLike:
    """Test rows with or without their zeros, as the training rows are."""
    if isinstance(rows, SparseFeatures) == isinstance(tests, SparseFeatures):
        return tests
    if isinstance(tests, SparseFeatures):
        return tests[:]
    if len(tests.shape) != 2 or tests.dtype.kind not in "iufb":
        return tests  # which is refused
    from scipy.sparse import csr_array

    return rows_of_matrix(csr_array(tests), "test rows")


def _array(features: Any, name: str) -> np.ndarray:
    array = np.asanyarray(features)
    if array.ndim == 1 and array.dtype.kind in "iufb":
        raise DataError(
            f"{name}: the features are of shape {array.shape}; expected [n_samples, n_features]: "
            "if it is one feature of each row, give numpy.reshape(x, (-1, 1))"
        )
    return array


def _source(name: str, options: SourceOptions | None, understood: tuple[str, ...]) -> Source:
    from tfsoftmax.data.load import default_data_dir

    options = source_options(options)
    check_applicable(options, understood, name)
    return Source(name, options, DatasetCache(default_data_dir()))
