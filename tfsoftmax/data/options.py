"""How a source is to be read: every choice, in one frozen value."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from tfsoftmax.choices import Choices, Fill, option
from tfsoftmax.data.kinds import KINDS, Kind
from tfsoftmax.data.tables.asked import check_asked
from tfsoftmax.errors import UsageError
from tfsoftmax.messages import setting

Missing = Literal["error", Fill]
Color = Literal["gray", "rgb"]
OnBadRows = Literal["error", "skip"]
Decimal = Literal[".", ","]
Thousands = Literal[",", ".", " ", "'"]
TEST_FRACTION = 0.2
MEMORY_LIMIT = 2**30
_LONGEST_SIDE = 4096


@dataclass(frozen=True)
class SourceOptions(Choices):
    """How a source is to be read. Which options have a meaning depends on the kind of source.

    Attributes:
      {options}

    Raises:
      UsageError: naming a choice that is of another type, out of its bounds, or excluded by
        another.

    >>> SourceOptions(label_column="species").to_json()
    {'label_column': 'species'}
    """

    label_column: str | None = option(
        None,
        "Column (of TFRecords, feature) with the classes.",
        usual="the one called label, class or target",
        metavar="NAME",
    )
    features: tuple[str, ...] | None = option(
        None,
        "Columns (of TFRecords, features) to learn from, in this order. Give it again for more, "
        "and for a name that has a comma.",
        usual="all others",
    )
    drop: tuple[str, ...] = option(
        (), "Columns to leave out. Give it again for more, and for a name that has a comma."
    )
    weight_column: str | None = option(
        None, "Column that says what each row counts in training.", metavar="NAME"
    )
    column: tuple[str, ...] = option(
        (),
        "What a column is, as in island=category: number, boolean, category, hashed (a category "
        "of very many values), date or text; hashed:SIZE and text:SIZE say into how many buckets "
        "words are hashed, date:FORMAT how dates are written (%d/%m/%Y), date:+01:00 and "
        "date:+01:00:FORMAT in which time zone, instead of UTC. Give it again for more.",
        usual="found in the data",
        metavar="NAME=KIND",
    )
    cross: tuple[str, ...] = option(
        (),
        "Columns whose combinations are learned too, as in island:sex, or island:sex=1024 with "
        "the number of buckets they are hashed into. Give it again for more.",
        metavar="NAME:NAME",
    )
    buckets: tuple[str, ...] = option(
        (),
        "A column of numbers to be cut into ranges: age:10 into ten of as many training rows "
        "each, age:18,30,65 at these boundaries. Give it again for more.",
        metavar="NAME:N",
    )
    missing: Missing | None = option(
        None,
        "What to do with a missing number: stop with an error, or take its column's mean, median "
        "or most frequent value in the training rows, which the model then fills in wherever it "
        "runs; indicator is the mean, and lets the model see that the value was missing.",
        usual="error; indicator for a table with columns that are no numbers",
    )
    bad_rows: OnBadRows = option(
        "error",
        "What to do with a row that cannot be used (no label, too many or too few columns, a "
        "value that is not a number or is missing, a damaged picture): stop with an error, or "
        "leave it out and count it.",
    )
    delimiter: str | None = option(
        None,
        "The character between the columns of a CSV file.",
        usual="a comma, or a tab in .tsv",
        written="character",
    )
    decimal: Decimal = option(".", "Decimal separator of numbers that are text.")
    thousands: Thousands | None = option(
        None, "Thousands separator of numbers that are text.", usual="nothing"
    )
    na_values: tuple[str, ...] = option(
        (),
        "Texts and numbers that stand for a missing value, besides 'NA', 'NaN' and the like.",
        written="commas",
        metavar="TEXT",
    )
    comment: str | None = option(
        None,
        "A CSV file is not read from this character to the end of the line.",
        written="character",
    )
    marks: tuple[str, ...] | None = option(
        None,
        "A mark ($, €, £ or %) and the name of the column on whose every number it is, as in "
        '"$price". A model keeps what was found.',
        usual="found in the data",
        flag=False,
    )
    encoding: str = option(
        "utf-8", "Encoding of a CSV file, and of labels that are bytes.", metavar="NAME"
    )
    header: bool = option(
        True,
        "Whether the first row of a CSV file has the names of the columns; if not, as with "
        + setting("header", False)
        + ", they are called 1, 2, 3.",
    )
    first_index: int | None = option(
        None,
        "The index of the first feature of an svmlight file, 0 or 1. A model keeps what was found.",
        usual="0 if that occurs, else 1",
        least=0,
        most=1,
    )
    n_features: int | None = option(
        None,
        "Number of features of an svmlight file, or of TFRecords of ids and values.",
        usual="up to the largest that occurs",
        least=1,
        most=2**31 - 1,
    )
    image_size: tuple[int, int] | None = option(
        None,
        "Height and width that pictures are scaled to.",
        least=1,
        most=_LONGEST_SIDE,
        usual="theirs, if all agree",
    )
    color: Color | None = option(
        None, "Whether pictures are read as gray or in color.", usual="gray if all are"
    )
    test_fraction: float = option(
        TEST_FRACTION,
        "Share of the rows to hold out where the data has no test rows.",
        above=0,
        below=1,
    )
    memory_limit: int = option(
        MEMORY_LIMIT,
        "Bytes of features in memory at a time; more is read in parts.",
        least=1,
        usual="1GiB",
        written="bytes",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_asked(self.column, self.cross, self.buckets)
        if self.thousands == self.decimal:
            other = "," if self.thousands == "." else "."
            raise UsageError(
                setting("thousands")
                + f" is {self.thousands!r}, and so is "
                + setting("decimal")
                + f"; for numbers such as 1{self.thousands}234{other}5, "
                + setting("decimal")
                + f" is {other!r}"
            )
        if self.comment is not None and (len(self.comment) != 1 or self.comment in '"\r\n'):
            raise UsageError(
                setting("comment")
                + f" must be one character, and no quote or end of a line, not {self.comment!r}"
            )
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise UsageError(
                setting("delimiter") + f" must be one character, not {self.delimiter!r}"
            )

    @property
    def fill(self) -> Fill | None:
        """What fills in a missing value; None where a missing value is an error."""
        return None if self.missing == "error" else self.missing

    def of_kind(self, kind: Kind) -> SourceOptions:
        """The same, with what a kind of source says of its columns, unless that is said here.

        >>> SourceOptions().of_kind(KINDS["text"]).column
        ('text=text',)
        """
        return self.but(column=self.column or kind.columns)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of the options that are not the default, for `from_json`."""
        usual = asdict(SourceOptions())
        return {key: value for key, value in asdict(self).items() if value != usual[key]}

    @classmethod
    def from_json(cls, choices: dict[str, Any]) -> SourceOptions:
        """The options that `to_json` described; what this version does not know is left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in choices.items() if key in known})


def source_options(given: SourceOptions | None) -> SourceOptions:
    """The options themselves, or the defaults for None.

    Raises:
      UsageError: if they are something else.

    >>> source_options({"drop": "id"})
    Traceback (most recent call last):
    ...
    tfsoftmax.errors.UsageError: options must be SourceOptions, as in SourceOptions(label_column=...
    """
    if given is None:
        return SourceOptions()
    if not isinstance(given, SourceOptions):
        raise UsageError(
            'options must be SourceOptions, as in SourceOptions(label_column="species"), not a '
            f"{type(given).__name__}"
        )
    return given


def check_applicable(options: SourceOptions, understood: Collection[str], what: str) -> None:
    """Checks that every option that is set applies to what is read.

    Args:
      options: the options to check.
      understood: the fields that apply.
      what: what is read, for the message.

    Raises:
      UsageError: naming an option that does not apply, and the kinds that it is for.

    >>> check_applicable(SourceOptions(delimiter=";"), KINDS["npz"].options, "npz")
    Traceback (most recent call last):
    ...
    tfsoftmax.errors.UsageError: delimiter does not apply to npz; it is for csv
    """
    for name in options.to_json():
        # What is missing is an error wherever nothing can be done about it.
        if name not in understood and getattr(options, name) != "error":
            raise UsageError(
                setting(name) + f" does not apply to {what}; it is for {', '.join(takers(name))}"
            )


def takers(name: str) -> list[str]:
    """The kinds of source that understand an option.

    >>> takers("delimiter")
    ['csv']
    """
    return [kind.name for kind in KINDS.values() if name in kind.options]
