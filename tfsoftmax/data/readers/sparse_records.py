"""TFRecords of which a pair of features are ids and values, as in ``tf.io.SparseFeature``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.data.matrices import MOST_FEATURES
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# The features of a record as they were parsed: kind and values of each.
Found = Mapping[str, tuple[str, Any]]
# As served models take them.
_USUAL = ("ids", "values")


def find_pair(
    asked: tuple[str, ...] | None, found: Found, where: str, others: tuple[str, ...]
) -> tuple[str, str] | None:
    """Finds the pair of features that are the ids and values of sparse rows; None if there is none.

    Args:
      asked: the features that the options name.
      found: in a record.
      where: what to call the record in an error.
      others: features that are taken before the usual pair.

    Raises:
      DataError: if a pair is asked for that is not in the record.
    """
    if asked is None:
        usual = set(_USUAL) <= set(found) and not set(others) & set(found)
        return _USUAL if usual else None
    if len(asked) != 1 or asked[0] in found or ":" not in asked[0]:
        return None
    parts = asked[0].split(":")
    pairs = [(":".join(parts[:n]), ":".join(parts[n:])) for n in range(1, len(parts))]
    for ids, values in pairs:
        if ids in found and values in found:
            return ids, values
    missing = next(name for name in pairs[0] if name not in found)
    raise DataError(
        f"{where}: no feature {missing!r}; there are "
        f"{', '.join(map(repr, sorted(found))) or 'none'}: name those of the ids and of the values "
        "as in " + setting("features", ["ids:values"])
    )


def entries_in(
    found: Found, pair: tuple[str, ...], n_features: int | None, here: str
) -> tuple[np.ndarray, np.ndarray]:
    """The ids, int64, and values of a record; both are empty if the record has neither.

    Raises:
      DataError: if there are not as many ids as values, or an id is out of range.
    """
    arrays: list[np.ndarray] = []
    for name, kinds in zip(pair, (("int64",), ("float", "int64")), strict=True):
        kind, values = found.get(name, (kinds[0], ()))
        if kind not in kinds:
            raise DataError(f"{here}: {name!r} is {kind}, expected {' or '.join(kinds)}")
        arrays.append(np.array(values, np.int64 if kind == "int64" else np.float32))
    ids, values = arrays
    if len(ids) != len(values):
        raise DataError(
            f"{here}: {len(ids):,} ids in {pair[0]!r} but {len(values):,} values in {pair[1]!r}; "
            "each id needs one"
        )
    most = MOST_FEATURES if n_features is None else n_features
    outside = (ids < 0) | (ids >= most)
    if outside.any():
        raise DataError(
            f"{here}: an id of {ids[outside][0]} in {pair[0]!r}; expected 0 to {most - 1:,}: "
            "correct it, or hash the ids to fewer"
        )
    return ids, values


def matrix_of(entries: list[tuple[np.ndarray, np.ndarray]]) -> csr_array:
    """A row for each record, of its ids and values."""
    from scipy.sparse import csr_array

    ids, values = (np.concatenate(arrays) for arrays in zip(*entries, strict=True))
    ends = np.cumsum([0, *(len(each) for each, _ in entries)])
    return csr_array((values, ids, ends), shape=(len(entries), 1 + max(ids, default=0)))
