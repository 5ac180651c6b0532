"""Whether test rows are measured in the units of the training rows."""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np

from tfsoftmax.data.dataset import Split
from tfsoftmax.data.features import FeaturesLike, read_rows
from tfsoftmax.spec import Spec

_log = logging.getLogger(__name__)
# Rows looked at, in so many blocks spread over all; fewer of rows with very many columns.
_ROWS, _BLOCKS, _NUMBERS = 1000, 20, 2**22
# By chance, quartiles of so many rows do not differ by such a factor.
_ENOUGH, _FACTOR = 20, 20.0
# Of the columns that vary, more than this differ.
_SHARE = 0.05


class _Quartiles(NamedTuple):
    """Of each column: half of its values lie within `spread` around `middle`."""

    middle: np.ndarray
    spread: np.ndarray


def warn_of_scales(name: str, train: Split, test: Split, spec: Spec) -> None:
    """Says so if a source of this name brings test rows of very different scale."""
    note = compare_scales(train.features, test.features, spec)
    if note:
        _log.warning("Note: %s: %s", name, note)


def compare_scales(train: FeaturesLike, test: FeaturesLike, spec: Spec) -> str | None:
    """A sentence if training and test rows are of very different scale; None if they are not.

    Compared are the medians of all that is not 0, and the quartiles of each column, on a sample
    of the rows.

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
    if min(found, theirs) > 0 and max(found / theirs, theirs / found) > _FACTOR:
        return _sentence("typical values are", found, theirs)
    if min(map(len, samples)) < _ENOUGH:
        return None
    ours, others = (_quartiles(sample) for sample in samples)
    varied = (ours.spread > 0) & (others.spread > 0)
    narrow, wide = np.minimum(ours.spread, others.spread), np.maximum(ours.spread, others.spread)
    apart = (wide > _FACTOR * narrow) | (np.abs(ours.middle - others.middle) > _FACTOR * wide)
    differ = np.flatnonzero(varied & apart)
    if len(differ) <= _SHARE * varied.sum():
        return None
    name, place = spec.feature_name(int(differ[0])), differ[0]
    first = f"medians of {name!r} are"
    if len(differ) > 1:
        first = f"{len(differ):,} columns are of different scale: {first}"
    return _sentence(first, float(ours.middle[place]), float(others.middle[place]))


def _sentence(what: str, found: float, theirs: float) -> str:
    return (
        f"{what} {found:.3g} in the training rows and {theirs:.3g} in the test rows; scale both "
        "alike"
    )


def _sample(features: FeaturesLike) -> np.ndarray:
    a_block = max(1, min(_ROWS, _NUMBERS // features.shape[1]) // _BLOCKS)
    starts = np.unique(np.linspace(0, max(0, len(features) - a_block), _BLOCKS).astype(int))
    if len(features) <= _BLOCKS * a_block:
        starts, a_block = np.array([0]), len(features)
    return read_rows(features, [slice(start, start + a_block) for start in starts])


def _typical(sample: np.ndarray) -> float:
    numbers = sample[sample != 0].astype(np.float64)
    numbers = np.abs(numbers[np.isfinite(numbers)])
    return float(np.median(numbers)) if numbers.size else 0.0


def _quartiles(sample: np.ndarray) -> _Quartiles:
    numbers = sample.astype(np.float64)
    numbers[:, ~np.isfinite(numbers).any(axis=0)] = 0.0  # a column without values
    low, middle, high = np.nanpercentile(numbers, [25, 50, 75], axis=0)
    return _Quartiles(middle, high - low)
