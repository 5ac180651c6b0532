"""What each feature of a row adds to the score of each class, exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.choices import did_you_mean
from tfsoftmax.columns.column import Column
from tfsoftmax.data.column_groups import columns_of_spec
from tfsoftmax.errors import UsageError
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    import pandas as pd

    from tfsoftmax.data.encoded import Cells

# Numbers of all rows that are explained together, 128 MB.
_MOST_NUMBERS = 2**24
# Classes of which an error lists the names.
_MOST_NAMES = 10


@dataclass(frozen=True, repr=False)
class Explanation:
    """The contributions of the features of some rows to the logit of each class.

    A model is linear in its scaled features x, so its logits are sums: those of a row are the
    `baseline`, which are the logits of a row with the `mean` of every feature, and for each feature
    ``W * (x - mean)``. Only differences between classes change probabilities: a contribution that
    is the same for all classes changes none.

    Attributes:
      spec: of the model.
      features: the rows, not scaled, ``[n_samples, n_features]``.
      inputs: ``x - mean``, float64 ``[n_samples, n_inputs]``.
      W: float64 ``[n_inputs, n_classes]``.
      baseline: float64 ``[n_classes]``.
      centre: what `mean` is, in words.
      cells: of the table that the rows come from, if it was given.
    """

    spec: Spec
    features: np.ndarray
    inputs: np.ndarray
    W: np.ndarray
    baseline: np.ndarray
    centre: str
    cells: Cells | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        names = ", ".join(self.predicted[:5]) + (", ..." if len(self) > 5 else "")
        return f"Explanation({len(self):,} rows, predicted: {names})"

    @property
    def logits(self) -> np.ndarray:
        """The model's scores, float64 ``[n_samples, n_classes]``."""
        scores: np.ndarray = self.inputs @ self.W + self.baseline
        return scores

    @property
    def predicted(self) -> list[str]:
        """The class that each row is predicted as."""
        return [self.spec.class_names[index] for index in self.logits.argmax(axis=1)]

    def contributions(self, row: int = 0) -> np.ndarray:
        """What each input of the model adds to each logit of a row.

        Inputs are the features, and after them the missing-value indicators
        (`Spec.feature_name`).

        Returns:
          float64 ``[n_inputs, n_classes]``; with the baseline they sum to the row's logits.
        """
        found: np.ndarray = self.inputs[row][:, None] * self.W
        return found

    def table(self, row: int = 0, label: str | None = None, top: int | None = None) -> pd.DataFrame:
        """What the columns of a table add to the logit of a class, the largest first.

        All features of a column, such as its categories, are added up; of texts each word that is
        there has a line.

        Args:
          row: which row.
          label: the class; None is the predicted one.
          top: how many lines, the last of which adds up all others; None is all.

        Returns:
          A frame with the columns ``column``, ``value`` and ``contribution``.

        Raises:
          UsageError: if there is no such row or class.
        """
        import pandas as pd

        added = self.contributions(self._row(row))[:, self._class(row, label)]
        lines = sorted(self._lines(row, added), key=lambda line: -abs(line[2]))
        if top is not None and len(lines) > top:
            rest = sum(line[2] for line in lines[top - 1 :])
            lines = [*lines[: top - 1], (f"{len(lines) - top + 1:,} others", "", rest)]
        return pd.DataFrame(lines, columns=["column", "value", "contribution"])

    def picture(self, row: int = 0, label: str | None = None) -> np.ndarray:
        """What the pixels add to the logit of a class, float64 ``[height, width]``.

        Colours of a pixel are added up.

        Raises:
          UsageError: if the model's examples are no pictures, or there is no such row or class.
        """
        if not self.spec.is_image:
            raise UsageError("the model's examples are no pictures; table() explains their columns")
        added = self.contributions(self._row(row))[:, self._class(row, label)]
        pixels: np.ndarray = added[: self.spec.n_features].reshape(*self.spec.example_shape[:2], -1)
        return pixels.sum(axis=2)

    def _row(self, row: int) -> int:
        if not -len(self) <= row < len(self):
            raise UsageError(f"no row {row}; there are {len(self):,}, the first is 0")
        return row

    def _class(self, row: int, label: str | None) -> int:
        return int(self.logits[row].argmax()) if label is None else class_index(self.spec, label)

    def _lines(self, row: int, added: np.ndarray) -> Iterator[tuple[str, str, float]]:
        first, spec = 0, self.spec
        # An indicator belongs to the column of its feature.
        total = added[: spec.n_features].copy()
        np.add.at(total, list(spec.scaled_by.indicators), added[spec.n_features :])
        for column in columns_of_spec(spec):
            own = slice(first, first + column.n_features)
            values = self.features[row, own]
            if column.kind in ("text", "terms"):
                yield from self._word_lines(row, column, values, total[own])
            else:
                yield column.name, self._value(row, column, values), float(total[own].sum())
            first += column.n_features

    def _value(self, row: int, column: Column, values: np.ndarray) -> str:
        """What a column has in a row, as a person would write it."""
        if column.kind in ("number", "boolean"):
            return "missing" if np.isnan(values[0]) else f"{values[0]:g}"
        if self.cells is not None:
            return ", ".join(str(self.cells[name][row]).strip() for name in column.inputs) or "-"
        if column.kind == "date":
            return "missing" if np.isnan(values[0]) else f"{values[0]:.0f}-{values[1]:02.0f}"
        active = int(values.argmax())
        name = column.feature_name(active)
        return name.removeprefix(f"{column.name}=").removeprefix(f"{column.name} is ")

    def _word_lines(
        self, row: int, column: Column, values: np.ndarray, added: np.ndarray
    ) -> Iterator[tuple[str, str, float]]:
        words: dict[int, list[str]] = {}
        if column.kind == "text" and self.cells is not None:
            from tfsoftmax.columns.words import words_in_buckets

            words = words_in_buckets(column, str(self.cells[column.inputs[0]][row]))
        there = np.flatnonzero(values)
        for index in there:
            known = words.get(int(index) - 1)
            shown = " / ".join(known) if known else column.feature_name(int(index))
            yield column.name, shown, float(added[index])
        absent = float(added.sum() - added[there].sum())
        if absent:
            yield column.name, "(words that are not there)", absent


def explanation_of(
    spec: Spec,
    parameters: tuple[np.ndarray, np.ndarray],
    features: np.ndarray,
    scaled: np.ndarray,
    mean: Sequence[float] | None,
    cells: Cells | None,
) -> Explanation:
    """Explains rows.

    Args:
      spec: of the model.
      parameters: W and b.
      features: rows, not scaled.
      scaled: the same, as the model scales them, ``[n_samples, n_inputs]``.
      mean: of the scaled training rows, ``[n_inputs]``; None if that is not known.
      cells: of the table that the rows come from.
    """
    W, b = (np.asarray(parameter, np.float64) for parameter in parameters)
    centre = "the mean of the training rows"
    if mean is None:
        mean = [0.0] * spec.n_inputs
        centre = (
            "a row whose scaled features are all 0 (the mean of the training rows is not known)"
        )
    middle = np.asarray(mean, np.float64)
    inputs = scaled.astype(np.float64) - middle
    return Explanation(spec, features, inputs, W, b + middle @ W, centre, cells)


def class_index(spec: Spec, label: str) -> int:
    """The index of a class of a model.

    Raises:
      UsageError: if it has none of that name.

    >>> class_index(Spec((2,), "float32", ("no", "yes")), "yes")
    1
    """
    names = spec.class_names
    if label not in names:
        shown = ", ".join(names[:_MOST_NAMES]) + (", ..." if len(names) > _MOST_NAMES else "")
        raise UsageError(
            f"the model has no class {label!r}; {did_you_mean(label, names)}its classes are {shown}"
        )
    return names.index(label)


def check_size(spec: Spec, n_rows: int) -> None:
    """Checks that so many rows can be explained together.

    Raises:
      UsageError: if they are too many.
    """
    most = max(1, _MOST_NUMBERS // spec.n_inputs)
    if n_rows > most:
        raise UsageError(f"{n_rows:,} rows are too many to explain at once; give at most {most:,}")


def cells_given(spec: Spec, given: Any) -> Cells | None:
    """The cells of a table, if a model that encodes columns was given one."""
    from tfsoftmax.data.encoded import cells_of_frame
    from tfsoftmax.data.frames import frame_of

    if spec.encoding is None:
        return None
    frame = frame_of(given)
    return None if frame is None else cells_of_frame(spec.encoding, frame)
