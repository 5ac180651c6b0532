"""How a source is to be read: every choice, in one frozen value."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from tfsoftmax.choices import Choices, Fill
from tfsoftmax.errors import UsageError

Missing = Literal["error", Fill]
Color = Literal["gray", "rgb"]
OnBadRows = Literal["error", "skip"]
TEST_FRACTION = 0.2
MEMORY_LIMIT = 2**30


@dataclass(frozen=True)
class SourceOptions(Choices):
    """How a source is to be read. What does not concern a kind of source is not looked at.

    Attributes:
      label_column: of a table, the column with the classes; None takes the one called
        ``label``, ``class`` or ``target``, if there is just one. Of TFRecords, the feature.
      features: of a table, the columns to use, in this order; None takes all others. Of
        TFRecords, the features.
      drop: of a table, columns to leave out.
      weight_column: of a table, the column that says what each row counts in training.
      missing: whether a missing value is an ``"error"``, or taken for its column's ``"mean"``,
        ``"median"`` or ``"most_frequent"`` value over the training rows; ``"indicator"`` takes
        the mean and lets the model see, too, that the value was missing.
      bad_rows: whether a row that cannot be used is an ``"error"``, or left out and counted,
        ``"skip"``: one without a label, of too many columns, with a value that is no number
        or missing (where `missing` does not fill it in), a damaged picture.
      delimiter: between the columns of a CSV file; None is a comma, or a tab in ``.tsv``.
      decimal: what stands before the decimals where numbers are text, a point or a comma.
      thousands: what stands there between groups of three digits: a comma, a point, a blank or
        an apostrophe; None is nothing.
      na_values: texts, or numbers, that stand for a missing value, besides the usual ones.
      comment: a character; a CSV file is not read from it to the end of the line.
      marks: a mark (``$``, ``€``, ``£`` or ``%``) and the name of the column on whose every
        number it is, as in ``"$price"``; None finds them. A model keeps what was found.
      encoding: of a CSV file, and of labels that are bytes.
      header: whether a CSV file begins with the columns' names; without, they are called
        1, 2, 3, ...
      image_size: height and width that pictures are scaled to; None takes theirs, if they
        are all of one size.
      color: whether pictures are taken as ``"gray"`` or ``"rgb"``; None is gray if all are.
      test_fraction: share of the rows to hold out where the source has no test rows.
      memory_limit: bytes of features to hold in memory; what exceeds it is kept on the disk.

    Raises:
      UsageError: if a choice is out of range.

    >>> SourceOptions(label_column="species").to_json()
    {'label_column': 'species'}
    """

    label_column: str | None = None
    features: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()
    weight_column: str | None = None
    missing: Missing = "error"
    bad_rows: OnBadRows = "error"
    delimiter: str | None = None
    decimal: str = "."
    thousands: str | None = None
    na_values: tuple[str, ...] = ()
    comment: str | None = None
    marks: tuple[str, ...] | None = None
    encoding: str = "utf-8"
    header: bool = True
    image_size: tuple[int, int] | None = None
    color: Color | None = None
    test_fraction: float = TEST_FRACTION
    memory_limit: int = MEMORY_LIMIT

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.test_fraction < 1:
            raise UsageError(f"test_fraction must be between 0 and 1, not {self.test_fraction}")
        if self.memory_limit < 1:
            raise UsageError(f"memory_limit must be at least 1, not {self.memory_limit}")
        if self.decimal not in (".", ","):
            raise UsageError(f"decimal must be a point or a comma, not {self.decimal!r}")
        if self.thousands not in (None, ",", ".", " ", "'"):
            raise UsageError(
                "thousands must be a comma, a point, a blank or an apostrophe, not "
                f"{self.thousands!r}"
            )
        if self.thousands == self.decimal:
            other = "," if self.thousands == "." else "."
            raise UsageError(
                f"thousands is {self.thousands!r}, and so is decimal; for numbers such as "
                f"1{self.thousands}234{other}5, decimal is {other!r}"
            )
        if self.comment is not None and (len(self.comment) != 1 or self.comment in '"\r\n'):
            raise UsageError(f"comment must be one character, and no quote, not {self.comment!r}")
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise UsageError(f"delimiter must be one character, not {self.delimiter!r}")
        if self.image_size is not None and not all(1 <= side <= 4096 for side in self.image_size):
            raise UsageError(f"image_size must be from 1 to 4096 a side, not {self.image_size}")

    @property
    def fill(self) -> Fill | None:
        """What a missing value is taken for; None where it is an error."""
        return None if self.missing == "error" else self.missing

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of what is not usual; `from_json` turns it back."""
        usual = asdict(SourceOptions())
        return {key: value for key, value in asdict(self).items() if value != usual[key]}

    @classmethod
    def from_json(cls, choices: dict[str, Any]) -> SourceOptions:
        """The options that `to_json` described; what this version does not know is left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in choices.items() if key in known})
