"""Rows that cannot be used: an error, or skipped and counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from tfsoftmax.data.dataset import check_finite
from tfsoftmax.data.features import features_of
from tfsoftmax.data.notes import SkippedRows, describe_skipped
from tfsoftmax.data.sparse_rows import SparseRows, row_of_entries
from tfsoftmax.distributed.gathering import said_by_all
from tfsoftmax.distributed.workers import Workers
from tfsoftmax.errors import DataError
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# If a larger share of the rows cannot be used, the file is read in the wrong way.
_LARGEST_SHARE = 0.5


@dataclass
class BadRows:
    """Collects the rows that cannot be used; raises the first error unless they are skipped.

    Attributes:
      source: for messages.
      skip: whether to skip and count them.

    >>> bad = BadRows("csv:flowers.csv", skip=True)
    >>> bad.report("without a usable label", DataError("csv:flowers.csv, row 3: no label; add it"))
    >>> bad.skipped()
    (SkippedRows(reason='without a usable label', rows=1, first='row 3: no label'),)
    """

    source: str
    skip: bool
    _found: dict[str, SkippedRows] = field(default_factory=dict)

    def report(self, reason: str, error: DataError, rows: int = 1) -> None:
        """Counts rows that cannot be used, or raises the error.

        Args:
          reason: what the rows have in common.
          error: names the first of them, and what is wrong with it.
          rows: how many.

        Raises:
          DataError: `error`, unless bad rows are skipped.
        """
        if not self.skip:
            raise error
        first = str(error).removeprefix(self.source).lstrip(",: ").partition(";")[0]
        known = self._found.setdefault(reason, SkippedRows(reason, 0, first))
        self._found[reason] = replace(known, rows=known.rows + rows)

    def skipped(self) -> tuple[SkippedRows, ...]:
        """The rows skipped so far, by reason."""
        return tuple(self._found.values())

    def of_all(self, workers: Workers) -> None:
        """Takes in what all workers have skipped, each of its own rows; all must call it."""
        own = [asdict(skipped) for skipped in self.skipped()]
        self._found = {}
        for found in chain.from_iterable(said_by_all(own, workers)):
            skipped = SkippedRows(**found)
            known = self._found.get(skipped.reason, replace(skipped, rows=0))
            self._found[skipped.reason] = replace(known, rows=known.rows + skipped.rows)

    def check(self, rows: int) -> None:
        """Checks that not too many of the source's rows are skipped.

        Raises:
          DataError: if more than half of them were.
        """
        count = sum(skipped.rows for skipped in self.skipped())
        if count > _LARGEST_SHARE * rows:
            raise DataError(
                f"{self.source}: {count:,} of {rows:,} rows cannot be used, more than half: "
                f"{describe_skipped(self.skipped())}; correct them, or read the file in another way"
            )

    def find_finite(
        self,
        where: str,
        features: np.ndarray | csr_array,
        spec: Spec,
        first: int = 0,
        unit: str = "row",
    ) -> np.ndarray:
        """Finds the rows in which every feature is finite, or missing where the spec allows it.

        Args, Raises: as `check_finite`, unless bad rows are skipped.

        Returns:
          bool ``[n_samples]``.
        """
        dense = isinstance(features, np.ndarray)
        rows = features_of(features) if dense else SparseRows(features)
        usable = np.ones(len(rows), bool)
        try:
            check_finite(where, rows, spec, first, unit)
        except DataError:
            if not self.skip:
                raise
            for row in _not_finite(features):
                try:
                    check_finite(where, rows.take(row[None]), spec, first + int(row), unit)
                except DataError as error:
                    self.report("with a value that is missing or infinite", error)
                    usable[row] = False
        return usable


def refuse(
    bad: BadRows,
    usable: np.ndarray,
    rows: np.ndarray,
    reason: str,
    problem: Callable[[int], str],
) -> None:
    """Marks rows as unusable; the first that was usable before is an error, or is counted.

    Args:
      bad: takes them.
      usable: bool ``[n]``, is changed.
      rows: bool ``[n]``, the rows that cannot be used.
      reason: what they have in common.
      problem: from the index of one of them to a message.

    Raises:
      DataError: unless bad rows are skipped.
    """
    new = rows & usable
    if new.any():
        bad.report(reason, DataError(problem(int(np.argmax(new)))), int(new.sum()))
        usable &= ~new


def _not_finite(features: np.ndarray | csr_array) -> np.ndarray:
    """Indices of the rows with a value that is missing or infinite."""
    if isinstance(features, np.ndarray):
        return np.flatnonzero(~np.isfinite(features).all(axis=1))
    return np.unique(row_of_entries(features, np.flatnonzero(~np.isfinite(features.data))))
