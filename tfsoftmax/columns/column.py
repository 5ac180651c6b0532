"""``Column`` and ``Encoding``: how the columns of a table become features."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from itertools import accumulate
from typing import Any, Literal, get_args

from tfsoftmax.columns.checks import check_column, check_encoding

Kind = Literal[
    "number", "boolean", "category", "hashed", "date", "text", "terms", "cross", "buckets"
]
KINDS: tuple[str, ...] = get_args(Kind)
# Rows of at most this many features are kept with their zeros: products with them are faster.
MOST_DENSE_FEATURES = 512
# The NumPy names of the types in which a served model takes the cells of a column.
InputType = Literal["float32", "string", "int64"]
# Words that stand for 1 and 0 in a column of booleans, in any case.
TRUE_WORDS, FALSE_WORDS = ("true", "yes", "1"), ("false", "no", "0")
# What a date becomes, each a number.
DATE_PARTS = ("year", "month", "weekday", "hour", "elapsed days")


@dataclass(frozen=True)
class Input:
    """A column of the table, as a served model takes it.

    Attributes:
      name: of the column.
      dtype: of its cells. A missing one is NaN in a column of numbers, and the empty text in one
        of texts; a column of int64 has none.
    """

    name: str
    dtype: InputType


@dataclass(frozen=True)
class Terms:
    """How the terms of a text are found and counted, as scikit-learn's TfidfVectorizer does it.

    Attributes:
      lowercase: whether the text is put in lower case first.
      shortest_word: fewest characters of a word; shorter ones are left out before all else.
      lengths: least and most words in a term.
      binary: whether a term counts once, however often it is there.
      sublinear: whether a count n is taken for 1 + ln n.
      weights: what the count of each term of the vocabulary is multiplied by; empty is 1.
      norm: which length of each row is made 1, ``"l1"`` or ``"l2"``; None leaves it.
    """

    lowercase: bool = True
    shortest_word: int = 2
    lengths: tuple[int, int] = (1, 1)
    binary: bool = False
    sublinear: bool = False
    weights: tuple[float, ...] = ()
    norm: Literal["l1", "l2"] | None = "l2"


@dataclass(frozen=True)
class Column:
    """How one column of a table, or several that are crossed, become features.

    The features of a column come in this order:

    * ``number``, ``boolean``: the number, NaN where it is missing;
    * ``date``: `DATE_PARTS`, all NaN where it is missing;
    * ``category``: missing, unknown, then one feature for each category of the vocabulary;
    * ``buckets``: missing, then one for each of the ``len(boundaries) + 1`` ranges;
    * ``hashed``, ``cross``: missing, then `size` hash buckets;
    * ``text``: empty, then `size` hash buckets, each the share of its words and word pairs in a
      row of length 1 (shares of a sum of 1 are too small for the usual penalties: measured);
    * ``terms``: empty, then one for each term of the vocabulary, as `Terms` says; only models
      that were converted from another library have it.

    All but numbers and texts are 0 or 1, and most are 0. What stands in for a missing number, and
    how numbers are scaled, is the model's `Scaling`.

    Attributes:
      name: of the feature column: the table's name for it, or names joined by ``:``.
      kind: one of `KINDS`.
      inputs: the table's columns that it is made from; several for a cross.
      vocabulary: the categories, or terms, that have a feature of their own.
      size: number of hash buckets.
      boundaries: ascending; a number equal to a boundary is in the range above it.
      time_zone: of a date, ``"UTC"`` or an offset such as ``"+02:00"``; None is UTC. Dates with
        another offset are converted to it, those without one are taken as they are.
      date_format: how a date is written, as for `datetime.strptime` but with numbers only
        (`DATE_DIRECTIVES`); None is as ISO 8601 has it.
      terms: how terms are found and counted.

    Raises:
      ValueError: naming the column, if its fields do not make a column of its kind.

    >>> Column("island", "category", ("island",), vocabulary=("Biscoe", "Dream")).feature_names()
    ['island is missing', 'island is unknown', 'island=Biscoe', 'island=Dream']
    """

    name: str
    kind: Kind
    inputs: tuple[str, ...]
    vocabulary: tuple[str, ...] = ()
    size: int = 0
    boundaries: tuple[float, ...] = ()
    time_zone: str | None = None
    date_format: str | None = None
    terms: Terms | None = None

    def __post_init__(self) -> None:
        check_column(self)

    @property
    def n_numbers(self) -> int:
        """How many of its features are numbers, to be scaled; they are the first ones."""
        return {"number": 1, "boolean": 1, "date": len(DATE_PARTS)}.get(self.kind, 0)

    @property
    def n_features(self) -> int:
        """Number of its features."""
        return {
            "number": 1,
            "boolean": 1,
            "date": len(DATE_PARTS),
            "category": 2 + len(self.vocabulary),
            "terms": 1 + len(self.vocabulary),
            "buckets": 2 + len(self.boundaries),
        }.get(self.kind, 1 + self.size)

    @property
    def in_words(self) -> str:
        """What it becomes, as part of a sentence; its kind is said first.

        >>> Column("age", "buckets", ("age",), boundaries=(18.0, 65.0)).in_words
        'ranges of a number, cut at 18, 65'
        """
        if self.kind == "category":
            return f"category of {len(self.vocabulary):,}"
        if self.kind == "hashed":
            return f"category, hashed into {self.size:,} buckets"
        if self.kind == "cross":
            return f"cross of {' and '.join(self.inputs)}, hashed into {self.size:,} buckets"
        if self.kind == "terms":
            return f"text, {len(self.vocabulary):,} words and sequences of words"
        if self.kind == "text":
            return f"text, words and word pairs hashed into {self.size:,} buckets"
        if self.kind == "buckets":
            return f"ranges of a number, cut at {', '.join(f'{at:g}' for at in self.boundaries)}"
        if self.kind == "date":
            written = f", written as {self.date_format}" if self.date_format else ""
            return f"date, in {self.time_zone or 'UTC'}{written}"
        return self.kind

    def feature_name(self, index: int) -> str:
        """Names one of its features.

        >>> Column("review", "text", ("review",), size=8).feature_name(3)
        'review, bucket 2'
        """
        if index < self.n_numbers:
            return f"{self.name}, {DATE_PARTS[index]}" if self.kind == "date" else self.name
        index -= self.n_numbers
        if index == 0:
            return f"{self.name} is {'empty' if self.kind in ('text', 'terms') else 'missing'}"
        if self.kind == "terms":
            return f"{self.name} has {self.vocabulary[index - 1]!r}"
        if self.kind == "category":
            return (
                f"{self.name} is unknown"
                if index == 1
                else (f"{self.name}={self.vocabulary[index - 2]}")
            )
        if self.kind == "buckets":
            low, high = [None, *self.boundaries][index - 1], [*self.boundaries, None][index - 1]
            least = "" if low is None else f"{low:g} <= "
            return f"{least}{self.name}" + ("" if high is None else f" < {high:g}")
        return f"{self.name}, bucket {index - 1}"

    def feature_names(self) -> list[str]:
        """Names all its features."""
        return [self.feature_name(index) for index in range(self.n_features)]

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of what is set; `from_json` turns it back."""
        return {key: value for key, value in asdict(self).items() if value not in ((), None, 0)}

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Column:
        """Makes a column of the dictionary that `to_json` returned.

        Raises:
          KeyError, TypeError, ValueError: if the dictionary is not that of a column.
        """
        known = {field.name for field in fields(cls)}
        if not set(given) <= known:
            raise ValueError(f"no column of this version: {given}")
        values: dict[str, Any] = {key: _hashable(value) for key, value in given.items()}
        if "terms" in given:
            said = {key: _hashable(value) for key, value in given["terms"].items()}
            values["terms"] = Terms(**said)
        return cls(**values)


@dataclass(frozen=True)
class Encoding:
    """How the rows of a table become rows of features: all features of each column in turn.

    Attributes:
      inputs: the table's columns that are read.
      columns: what becomes of them.

    >>> encoding = Encoding((Input("x", "float32"), Input("sex", "string")), (
    ...     Column("x", "number", ("x",)), Column("sex", "category", ("sex",), ("f", "m"))))
    >>> encoding.n_features, encoding.feature_name(3), encoding.numbers
    (5, 'sex=f', [0])
    >>> Encoding.from_json(encoding.to_json()) == encoding
    True
    """

    inputs: tuple[Input, ...]
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        check_encoding(self)

    @property
    def n_features(self) -> int:
        """Number of features of all columns."""
        return self.offsets[-1]

    @cached_property
    def offsets(self) -> Sequence[int]:
        """The index of the first feature of each column, and at last the number of features."""
        return [0, *accumulate(column.n_features for column in self.columns)]

    @property
    def sparse(self) -> bool:
        """Whether rows are kept without their zeros."""
        return self.n_features > MOST_DENSE_FEATURES

    @property
    def numbers(self) -> list[int]:
        """Indices of the features that are numbers, to be scaled."""
        return [
            first + index
            for first, column in zip(self.offsets, self.columns, strict=False)
            for index in range(column.n_numbers)
        ]

    def column_of(self, index: int) -> Column:
        """The column that a feature is made of."""
        return self.columns[bisect_right(self.offsets, index) - 1]

    def feature_name(self, index: int) -> str:
        """Names a feature by its column and category."""
        first = self.offsets[bisect_right(self.offsets, index) - 1]
        return self.column_of(index).feature_name(index - first)

    def texts(self) -> dict[str, frozenset[str]]:
        """The columns of the table that are read as texts, each with its known categories.

        >>> Encoding((Input("x", "float32"), Input("sex", "string")), (
        ...     Column("sex", "category", ("sex",), ("f",)),)).texts()
        {'sex': frozenset({'f'})}
        """
        found = {each.name: set[str]() for each in self.inputs if each.dtype != "float32"}
        for column in self.columns:
            if column.kind == "category":
                found[column.inputs[0]].update(column.vocabulary)
        return {name: frozenset(known) for name, known in found.items()}

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary; `from_json` turns it back."""
        return {
            "inputs": [asdict(each) for each in self.inputs],
            "columns": [column.to_json() for column in self.columns],
        }

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Encoding:
        """Makes an encoding of the dictionary that `to_json` returned.

        Raises:
          KeyError, TypeError, ValueError: if the dictionary is not that of an encoding.
        """
        return cls(
            tuple(Input(**each) for each in given["inputs"]),
            tuple(Column.from_json(each) for each in given["columns"]),
        )


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
