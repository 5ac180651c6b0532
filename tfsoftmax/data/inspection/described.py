"""What a source is described by: ``Inspection``, with a ``Column`` for each of its columns."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Role = Literal["index", "name", "identifier"]
# Types of columns that are features as they are.
USABLE = ("number", "boolean")


@dataclass(frozen=True)
class Categories:
    """The different values of a column.

    Attributes:
      distinct: how many there are.
      more: whether there are more, which were not counted.
      frequent: the most frequent ones and their numbers of rows.
    """

    distinct: int
    more: bool
    frequent: dict[str, int]


@dataclass(frozen=True)
class Dates:
    """The first and the last date of a column, as they are written."""

    earliest: str
    latest: str


@dataclass(frozen=True)
class Lengths:
    """How many characters the texts of a column have."""

    shortest: int
    mean: float
    longest: int


@dataclass(frozen=True)
class Column:
    """One column: its name, its type, and statistics of its values.

    Attributes:
      type: ``"number"``, ``"boolean"``, ``"text"`` (with `texts` values that are not numbers),
        or the file's own name of a type.
      missing, infinite, texts: number of rows.
      first_text: the first value that is not a number, with its row, from 1.
      low, mean, high, deviation: None where no value is a number.
      constant: whether it has only one value.
      same_as: an earlier column with the same values in every row.
      conflict: why its cells cannot be read as they are; None if they can.
      role: of a column whose values all differ: ``"index"`` and ``"name"`` are left out of
        training, ``"identifier"`` is a column of whole numbers; None for other columns.
      kind: how training reads it, one of `columns.column.KINDS`; None if it cannot, or leaves
        it out.
      said: whether an option says its kind.
      categories: of a category, hashed or not.
      dates: of a column of dates.
      lengths: of a column of texts.
      tells_class: whether its value alone tells the class of every row.
    """

    name: str
    type: str
    missing: int
    infinite: int
    texts: int
    first_text: str | None
    low: float | None
    mean: float | None
    high: float | None
    deviation: float | None
    constant: bool
    same_as: str | None
    conflict: str | None = None
    role: Role | None = None
    kind: str | None = None
    said: bool = False
    categories: Categories | None = None
    dates: Dates | None = None
    lengths: Lengths | None = None
    tells_class: bool = False


@dataclass(frozen=True)
class Entries:
    """What rows that are kept without their zeros hold.

    Attributes:
      columns: number of columns.
      unused: how many of them are 0 in every row.
      total: number of entries that are not 0.
      least, mean, most: how many of them a row has.
      density: their share of all numbers.
      missing: number of missing values among them.
      low, high: the smallest and the largest of them; None if there are none.
    """

    columns: int
    unused: int
    total: int
    least: int
    mean: float
    most: int
    density: float
    missing: int
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Inspection:
    """The description of a source.

    Attributes:
      name: of the source.
      rows: number of rows; `test_rows` of them are the source's own test rows.
      columns: the features, or all columns of a table but its label; none of sparse rows.
      label: the column with the classes, of a table.
      classes: number of rows of each, most frequent first; empty if the label is not known.
      duplicate_rows: number of rows whose features are those of an earlier row; None where a
        column cannot be read.
      shared_rows: number of test rows that are also training rows, as the data would be split.
      example_shape: shape of one example.
      notes: what should be corrected before training, a sentence each.
      crosses: columns that are crossed, as in ``"island:sex"``.
      entries: of sparse rows.
    """

    name: str
    rows: int
    test_rows: int
    columns: list[Column]
    label: str | None
    classes: dict[str, int]
    duplicate_rows: int | None
    shared_rows: int | None
    example_shape: tuple[int, ...]
    notes: list[str] = field(default_factory=list)
    crosses: list[str] = field(default_factory=list)
    entries: Entries | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns everything as a JSON-ready dictionary."""
        return asdict(self)
