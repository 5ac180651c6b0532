"""Rows that cannot be used: an error, or left out and counted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from tfsoftmax.data.dataset import check_finite
from tfsoftmax.data.notes import SkippedRows, reasons
from tfsoftmax.errors import DataError
from tfsoftmax.spec import Spec

# If more rows than this cannot be used, the file is read in the wrong way.
_MOST = 0.5


@dataclass
class BadRows:
    """Rows that cannot be used: the first is an error, unless such rows are to be skipped.

    Attributes:
      source: for messages.
      skip: whether they are left out and counted.

    >>> bad = BadRows("csv:flowers.csv", skip=True)
    >>> bad.report("without a usable label", DataError("csv:flowers.csv, row 3: no label; add it"))
    >>> bad.skipped()
    (SkippedRows(reason='without a usable label', rows=1, first='row 3: no label'),)
    """

    source: str
    skip: bool
    _found: dict[str, SkippedRows] = field(default_factory=dict)

    def report(self, reason: str, error: DataError, rows: int = 1) -> None:
        """Counts rows that cannot be used.

        Args:
          reason: what they have in common.
          error: says which is the first, and what is wrong.
          rows: how many.

        Raises:
          DataError: the error, if bad rows are not to be skipped.
        """
        if not self.skip:
            raise error
        first = str(error).removeprefix(self.source).lstrip(",: ").partition(";")[0]
        known = self._found.setdefault(reason, SkippedRows(reason, 0, first))
        self._found[reason] = replace(known, rows=known.rows + rows)

    def skipped(self) -> tuple[SkippedRows, ...]:
        """The rows so far, by reason."""
        return tuple(self._found.values())

    def check(self, rows: int) -> None:
        """Makes sure that of so many rows in the source not too many are left out.

        Raises:
          DataError: if more than half of them are.
        """
        count = sum(skipped.rows for skipped in self.skipped())
        if count > _MOST * rows:
            raise DataError(
                f"{self.source}: {count:,} of {rows:,} rows cannot be used, more than half: "
                f"{reasons(self.skipped())}; correct them, or read the file in another way"
            )

    def find_finite(
        self, where: str, features: np.ndarray, spec: Spec, first: int = 0, unit: str = "row"
    ) -> np.ndarray:
        """Which rows have a number in every feature, or nothing where that may be.

        Args, Raises: as `check_finite`, unless bad rows are skipped.

        Returns:
          bool ``[n_samples]``.
        """
        usable = np.ones(len(features), bool)
        try:
            check_finite(where, features, spec, first, unit)
        except DataError:
            if not self.skip:
                raise
            for row in range(len(features)):
                try:
                    check_finite(where, features[row : row + 1], spec, first + row, unit)
                except DataError as error:
                    self.report("with a value that is missing or infinite", error)
                    usable[row] = False
        return usable
