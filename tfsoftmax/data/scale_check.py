"""Warns if training and test rows differ so much in scale that one is in other units."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfsoftmax.data.dataset import Split
from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.data.sharded_rows import ShardedRows, in_memory
from tfsoftmax.data.sparse_rows import SparseFeatures, as_kept
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_log = logging.getLogger(__name__)
# The sample: rows, in blocks spread over all rows, and at most so many numbers.
_SAMPLE_ROWS = 1000
_SAMPLE_BLOCKS = 20
_SAMPLE_NUMBERS = 2**22
# With at least this many rows, quartiles do not differ by `_LARGEST_FACTOR` by chance.
_FEWEST_ROWS = 20
# Scales that differ by more than this factor are probably different units.
_LARGEST_FACTOR = 20.0
# Share of the non-constant columns that may differ in scale without a warning.
_LARGEST_SHARE = 0.05


class _Quartiles(NamedTuple):
    """Median and interquartile range of each column, ``[n_features]``."""

    median: np.ndarray
    iqr: np.ndarray


def warn_of_scales(name: str, train: Split, test: Split, spec: Spec) -> None:
    """Logs a warning if the scales of a source's training and test rows differ very much."""
    note = compare_scales(train.features, test.features, spec)
    if note:
        _log.warning("Note: %s: %s", name, note)


def compare_scales(train: FeaturesLike, test: FeaturesLike, spec: Spec) -> str | None:
    """Describes how training and test rows differ in scale; None if they do not.

    Compares the median magnitude of all non-zero values, and the quartiles of each column, on a
    sample of the rows, whichever workers have them.

    Args:
      train: ``[n_samples, n_features]``.
      test: the same of the test rows.
      spec: of the rows.

    >>> rows = np.random.default_rng(0).uniform(1, 255, (50, 3))
    >>> spec = Spec((3,), "float32", ("a", "b"))
    >>> compare_scales(rows, rows / 255, spec)
    'typical values are 143 in the training rows and 0.559 in the test rows; scale both alike'
    >>> compare_scales(rows, rows, spec) is None
    True
    """
    samples = _sample(train), _sample(test)
    found, theirs = (_typical(sample) for sample in samples)
    if min(found, theirs) > 0 and max(found / theirs, theirs / found) > _LARGEST_FACTOR:
        return _sentence("typical values are", found, theirs)
    if min(sample.shape[0] for sample in samples) < _FEWEST_ROWS:
        return None
    dense, columns = _with_quartiles(samples)
    if not len(columns):
        return None
    ours, others = (_quartiles(sample) for sample in dense)
    varied = (ours.iqr > 0) & (others.iqr > 0)
    narrow, wide = np.minimum(ours.iqr, others.iqr), np.maximum(ours.iqr, others.iqr)
    apart = np.abs(ours.median - others.median) > _LARGEST_FACTOR * wide
    differ = np.flatnonzero(varied & (apart | (wide > _LARGEST_FACTOR * narrow)))
    if len(differ) <= _LARGEST_SHARE * varied.sum():
        return None
    index = int(differ[0])
    first = f"medians of {spec.feature_name(int(columns[index]))!r} are"
    if len(differ) > 1:
        first = f"{len(differ):,} columns are of different scale: {first}"
    return _sentence(first, float(ours.median[index]), float(others.median[index]))


def _sentence(what: str, found: float, theirs: float) -> str:
    return (
        f"{what} {found:.3g} in the training rows and {theirs:.3g} in the test rows; scale both "
        "alike"
    )


def _sample(features: FeaturesLike) -> np.ndarray | csr_array:
    numbers_a_row = features.shape[1]
    if isinstance(features, SparseFeatures):
        numbers_a_row = max(1, int(features.bytes_a_row // 4))
    block_rows = max(1, min(_SAMPLE_ROWS, _SAMPLE_NUMBERS // numbers_a_row) // _SAMPLE_BLOCKS)
    starts = np.unique(
        np.linspace(0, max(0, len(features) - block_rows), _SAMPLE_BLOCKS).astype(int)
    )
    if len(features) <= _SAMPLE_BLOCKS * block_rows:
        starts, block_rows = np.array([0]), len(features)
    if isinstance(features, ShardedRows):
        return in_memory(features.take((starts[:, None] + np.arange(block_rows)).ravel()))
    blocks = [slice(start, start + block_rows) for start in starts]
    return as_kept(features, blocks)


def _with_quartiles(
    samples: tuple[np.ndarray | csr_array, np.ndarray | csr_array],
) -> tuple[list[np.ndarray], np.ndarray]:
    """The columns of both samples whose quartiles may differ, with their zeros; and which."""
    columns = np.arange(samples[0].shape[1])
    for sample in samples:
        if not isinstance(sample, np.ndarray):
            counts = np.bincount(sample.indices, minlength=sample.shape[1])
            # Where more than three quarters are 0, so are the quartiles.
            columns = columns[counts[columns] >= sample.shape[0] // 4]
    taken = (sample[:, columns] for sample in samples)
    return [each if isinstance(each, np.ndarray) else each.toarray() for each in taken], columns


def _typical(sample: np.ndarray | csr_array) -> float:
    values = sample if isinstance(sample, np.ndarray) else sample.data
    numbers = values[values != 0].astype(np.float64)
    numbers = np.abs(numbers[np.isfinite(numbers)])
    return float(np.median(numbers)) if numbers.size else 0.0


def _quartiles(sample: np.ndarray) -> _Quartiles:
    numbers = sample.astype(np.float64)
    numbers[:, ~np.isfinite(numbers).any(axis=0)] = 0.0  # a column without values
    low, middle, high = np.nanpercentile(numbers, [25, 50, 75], axis=0)
    return _Quartiles(middle, high - low)
