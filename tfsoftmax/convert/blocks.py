"""The features that a column of the table becomes, and their weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfsoftmax.columns.column import Column, InputType
from tfsoftmax.convert.uses import Category, Missing, Number, Use, Weighed, Words
from tfsoftmax.convert.walk import Walk
from tfsoftmax.errors import ConversionError

_BLANKS = " \t\n\v\f\r"


@dataclass(frozen=True)
class Block:
    """The features of a column, in turn, with their weights.

    Attributes:
      column: of the encoding.
      dtype: of the column's cells.
      rows: float64 ``[n_features, n_classes]``.
      center, unit: of a number, how it is scaled; both are float32 numbers.
      fill: of a number, what a missing one is taken for; None if it may not be missing.
      of_missing: of a number, weights of an indicator that it is missing; None if it has none.
    """

    column: Column
    dtype: InputType
    rows: np.ndarray
    center: float = 0.0
    unit: float = 1.0
    fill: float | None = None
    of_missing: np.ndarray | None = None

    @property
    def is_number(self) -> bool:
        """Whether it is one number, rather than the features of categories."""
        return self.column.kind == "number"


def blocks_of(name: str, uses: list[Use], walk: Walk) -> list[Block]:
    """The features of a column of the table.

    Args:
      name: of the column.
      uses: what becomes of it.
      walk: has the constant that is added to every row.

    Raises:
      ConversionError: naming the column, if its cells cannot be told apart as the uses need it.
    """
    words = [use for use in uses if isinstance(use, Words)]
    numbers = [use for use in uses if isinstance(use, Number)]
    categories = [use for use in uses if isinstance(use, Category)]
    of_missing = [use.row for use in uses if isinstance(use, Missing)]
    if any(isinstance(use, Weighed) for use in uses):
        raise ConversionError(
            f"column {name!r} is a count of words that a TfidfTransformer weighs; convert it "
            "together with the CountVectorizer before it, or use a TfidfVectorizer"
        )
    if numbers and (words or any(use.of_texts for use in categories)):
        raise ConversionError(
            f"column {name!r}: it is taken as a number by one step and as texts by another; make "
            "two columns of it, and fit again"
        )
    blocks = [_terms(name, use) for use in words]
    if numbers or not (categories or words):
        blocks.append(_number(name, numbers, of_missing, walk))
        of_missing = []
    if categories:
        blocks.append(_categories(name, categories, of_missing, bool(numbers)))
    return blocks


def _number(name: str, uses: list[Number], of_missing: list[np.ndarray], walk: Walk) -> Block:
    """All that becomes of a number, as one use of it, in a scale that float32 holds."""
    nothing = np.zeros_like(walk.constant)
    first = uses[0] if uses else Number(nothing)
    center, unit = float(np.float32(first.center)), float(np.float32(first.unit))
    row, constant, missing = nothing.copy(), nothing.copy(), sum(of_missing, nothing)
    fills = {use.fill for use in uses if use.fill is not None}
    fill = max(fills) if fills else center if of_missing else None
    for use in uses:
        row += use.unit / unit * use.row
        constant += (center - use.center) * use.unit * use.row
        missing += ((fill if use.fill is None else use.fill) or 0.0) * use.unit * use.row
    # What the number that is filled in adds to the logits without an indicator.
    missing -= (fill or 0.0) * unit * row
    walk.constant += constant
    indicated = of_missing or len(fills) > 1
    return Block(
        Column(name, "number", (name,)),
        "float32",
        row[None],
        center,
        unit,
        None if fill is None else float(np.float32(fill)),
        missing if indicated else None,
    )


def _categories(
    name: str, uses: list[Category], of_missing: list[np.ndarray], of_number: bool
) -> Block:
    """All that becomes of a category, as one use of it."""
    known = sorted({category for use in uses for category in use.rows})
    rows = {category: _sum([use.row_of(category) for use in uses]) for category in known}
    unknown = _sum([use.unknown for use in uses])
    missing = _sum([use.unknown if use.missing is None else use.missing for use in uses])
    missing = _sum([missing, *of_missing])
    if all(use.of_texts for use in uses):
        return _texts(name, rows, unknown, missing, any(use.missing is not None for use in uses))
    if any(use.rows and use.of_texts for use in uses):
        raise ConversionError(
            f"column {name!r}: one step takes its categories for texts and another for numbers"
        )
    if not of_number and all(isinstance(category, int) for category in known):
        column = Column(name, "category", (name,), tuple(map(str, known)))
        return Block(column, "int64", np.array([missing, unknown, *rows.values()]))
    return _exact_numbers(name, rows, unknown, missing)


def _terms(name: str, use: Words) -> Block:
    """The terms of a text; one without any has a feature that adds nothing."""
    column = Column(name, "terms", (name,), use.vocabulary, terms=use.terms)
    return Block(column, "string", np.vstack([np.zeros((1, use.rows.shape[1])), use.rows]))


def _texts(
    name: str,
    rows: dict[str, np.ndarray],
    unknown: np.ndarray,
    missing: np.ndarray,
    missing_is_known: bool,
) -> Block:
    """Categories that are texts, without blanks around them; the empty one is a missing cell."""
    stripped: dict[str, np.ndarray] = {}
    for category, row in rows.items():
        if category.strip(_BLANKS) in stripped:
            raise ConversionError(
                f"column {name!r}: category {category!r} and another differ only in the blanks "
                "around them, which do not count in a table: strip them, and fit again"
            )
        stripped[category.strip(_BLANKS)] = row
    if "" in stripped:
        empty = stripped.pop("")
        if missing_is_known and not np.array_equal(empty, missing):
            raise ConversionError(
                f"column {name!r}: empty texts are a category, and missing cells are another; in "
                "a table both are the same: replace empty texts by NaN, and fit again"
            )
        missing = empty
    column = Column(name, "category", (name,), tuple(stripped))
    return Block(column, "string", np.array([missing, unknown, *stripped.values()]))


def _exact_numbers(
    name: str, rows: dict[float, np.ndarray], unknown: np.ndarray, missing: np.ndarray
) -> Block:
    """Categories that are numbers, as ranges that hold one float32 number each."""
    boundaries: list[np.float32] = []
    weights = [unknown]
    for number, row in rows.items():
        least = np.float32(number)
        if boundaries and least < boundaries[-1]:
            raise ConversionError(
                f"column {name!r}: category {number} and another are the same number in float32; "
                "make texts of them, and fit again"
            )
        if boundaries and least == boundaries[-1]:
            boundaries.pop()
            weights.pop()
        boundaries += [least, _next(least)]
        weights += [row, unknown]
    column = Column(name, "buckets", (name,), boundaries=tuple(map(float, boundaries)))
    return Block(column, "float32", np.array([missing, *weights]))


def _sum(rows: list[np.ndarray]) -> np.ndarray:
    return np.sum(rows, axis=0)


def _next(number: np.float32) -> np.float32:
    """The next larger number; after 0 not the smallest, which runtimes take for 0."""
    return np.finfo(np.float32).tiny if number == 0 else np.nextafter(number, np.float32(np.inf))
