"""What a pipeline makes of a column: a number times weights, weights of categories, of words.

A pipeline is converted from its end: the final step's weights are those of its inputs, and each
step before it says what they mean for its own inputs, until the columns of the table are reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfsoftmax.columns.column import Terms


@dataclass(frozen=True)
class Number:
    """Adds ``(x - center) * unit * row`` to the logits.

    Attributes:
      row: float64 ``[n_classes]``.
      center, unit: how the number is scaled.
      fill: what a missing number is taken for; None if it may not be missing.
    """

    row: np.ndarray
    center: float = 0.0
    unit: float = 1.0
    fill: float | None = None

    def scaled(self, offset: float, scale: float) -> Number:
        """The same of x where this is of ``(x - offset) * scale``.

        >>> Number(np.ones(2), center=3.0, unit=2.0).scaled(1.0, 0.5)
        Number(row=array([1., 1.]), center=7.0, unit=1.0, fill=None)
        """
        fill = None if self.fill is None else offset + self.fill / scale
        return Number(self.row, offset + self.center / scale, self.unit * scale, fill)

    def filled(self, value: Any) -> Number:
        """The same of x where this is of x with missing values filled in."""
        return replace(self, fill=float(value))


@dataclass(frozen=True)
class Missing:
    """Adds a row of weights to the logits where the column is missing."""

    row: np.ndarray


@dataclass(frozen=True)
class Category:
    """Adds the row of weights of the column's category to the logits.

    Attributes:
      rows: float64 ``[n_classes]`` for each category, a text or a number.
      unknown: for any other category.
      missing: for a missing one; None is as unknown.
    """

    rows: Mapping[Any, np.ndarray]
    unknown: np.ndarray
    missing: np.ndarray | None = None

    @property
    def of_texts(self) -> bool:
        """Whether its categories are texts rather than numbers."""
        return all(isinstance(category, str) for category in self.rows)

    def row_of(self, category: Any) -> np.ndarray:
        """The weights of a category."""
        return self.rows.get(category, self.unknown)

    def filled(self, value: Any) -> Category:
        """The same of a column whose missing cells are filled in."""
        return replace(self, missing=self.row_of(value))


@dataclass(frozen=True)
class Weighed:
    """Adds a row of weights times the column, weighed together with others, to the logits.

    Attributes:
      row: float64 ``[n_classes]``.
      by: how all columns with the same object here, counts of words, are weighed together.
    """

    row: np.ndarray
    by: Terms


@dataclass(frozen=True)
class Words:
    """Adds the rows of weights of a text's terms, times what they count, to the logits.

    Attributes:
      vocabulary: the terms.
      rows: float64 ``[n_terms, n_classes]``.
      terms: how they are found and counted.
    """

    vocabulary: tuple[str, ...]
    rows: np.ndarray
    terms: Terms


Use = Number | Missing | Category | Weighed | Words
# For each column all that becomes of it.
Uses = list[list[Use]]
