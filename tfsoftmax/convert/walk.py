"""``Walk``: from a pipeline's end to the columns of the table, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from tfsoftmax.convert.uses import Category, Missing, Number, Uses
from tfsoftmax.errors import ConversionError


class Walk:
    """What is found on the way from the end of a pipeline to its beginning.

    Attributes:
      constant: what is added to the logits of every row, float64 ``[n_classes]``.
      fills: the strategies by which missing numbers are filled in.
      notes: what the user should know of the converted model.
    """

    def __init__(self, intercept: np.ndarray):
        """Starts at the final step, with its intercept."""
        self.constant = np.array(intercept, np.float64)
        self.fills: set[str] = set()
        self.notes: list[str] = []
        self._path: list[str] = []

    @contextmanager
    def at(self, name: str, step: Any) -> Iterator[None]:
        """Says which step is meant by errors in the block."""
        self._path.append(f"{name!r} ({type(step).__name__})")
        yield
        self._path.pop()

    @property
    def where(self) -> str:
        """The step, in words."""
        return "step " + ", ".join(self._path)

    def refuse(self, reason: str) -> NoReturn:
        """Says why a step cannot be converted.

        Raises:
          ConversionError: naming the step.
        """
        raise ConversionError(f"{self.where}: {reason}")

    def weights(self, uses: Uses) -> np.ndarray:
        """Weights of columns that are numbers and never missing, as one matrix.

        Returns:
          float64 ``[n_columns, n_classes]``; what they add to every row goes to `constant`.
        """
        W = np.zeros((len(uses), len(self.constant)))
        for row, column in zip(W, self.numbers(uses), strict=True):
            for use in column:
                if isinstance(use, Number):
                    row += use.unit * use.row
                    self.constant -= use.center * use.unit * use.row
        return W

    def scaled(self, uses: Uses, offset: np.ndarray, scale: np.ndarray) -> Uses:
        """Uses of x where these are of ``(x - offset) * scale``, a number for each column."""
        columns = zip(self.numbers(uses), offset.tolist(), scale.tolist(), strict=True)
        return [
            [use.scaled(low, factor) if isinstance(use, Number) else use for use in column]
            for column, low, factor in columns
        ]

    def numbers(self, uses: Uses) -> Sequence[list[Number | Missing]]:
        """The same uses, all of which must be of numbers.

        Raises:
          ConversionError: if one is not.
        """
        kinds = {type(use) for column in uses for use in column}
        if kinds - {Number, Missing, Category}:
            self.refuse("texts, or counts of words, are what the step after it takes; leave it out")
        if Category in kinds:
            self.refuse(
                "its numbers are taken as categories by a OneHotEncoder after it, which rounding "
                "would upset: encode the categories before anything is scaled"
            )
        return uses  # type: ignore[return-value]
