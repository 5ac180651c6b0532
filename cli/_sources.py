"""The options that say what data is, and where it comes from."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import click

from tfsoftmax.cli._types import Delimiter, ImageSize, Size
from tfsoftmax.data.options import Color, Missing, OnBadRows, SourceOptions
from tfsoftmax.errors import UsageError

if TYPE_CHECKING:
    from tfsoftmax import Dataset, Spec


def _parts(texts: tuple[str, ...]) -> tuple[str, ...]:
    """What stands between commas."""
    parts = (part.strip() for text in texts for part in text.split(","))
    return tuple(part for part in parts if part)


def _list_option(*names: str, help: str) -> Callable[..., Any]:
    """An option of several texts, that may be given more than once."""
    return click.option(
        *names,
        multiple=True,
        metavar="NAME,...",
        callback=lambda context, parameter, texts: texts or None,
        help=f"{help} Give it again for more, and for a name that has a comma.",
    )


_CSV_OPTIONS = (
    click.option(
        "--delimiter", type=Delimiter(), help="Between a CSV file's columns.  [default: a comma]"
    ),
    click.option(
        "--decimal",
        type=click.Choice([".", ","]),
        help="What stands before the decimals of numbers that are text.  [default: .]",
    ),
    click.option(
        "--thousands",
        type=click.Choice([",", ".", " ", "'"]),
        help="What stands between their groups of three digits.  [default: nothing]",
    ),
    click.option(
        "--na-values",
        multiple=True,
        metavar="TEXT,...",
        callback=lambda context, parameter, texts: _parts(texts) or None,
        help="Texts and numbers that stand for a missing value, besides 'NA', 'NaN' and the like.",
    ),
    click.option(
        "--comment",
        type=Delimiter(),
        help="A CSV file is not read from this character to the end of the line.",
    ),
    click.option(
        "--encoding",
        metavar="NAME",
        help="Of a CSV file, and of labels that are bytes.  [default: utf-8]",
    ),
    click.option(
        "--no-header",
        "header",
        flag_value=False,
        type=bool,
        default=None,
        help="The CSV file does not begin with its columns' names; they are called 1, 2, 3.",
    ),
)
_OPTIONS = (
    click.option(
        "--data-dir",
        metavar="DIR",
        help="Where prepared and decoded datasets are kept.  [default: $TFDS_DATA_DIR or "
        "~/tensorflow_datasets]",
    ),
    click.option(
        "--manual-dir",
        metavar="DIR",
        help="Folder with a TensorFlow Datasets source's original files, to prepare it "
        "without a network.",
    ),
    click.option(
        "--label-column",
        metavar="NAME",
        help="Column with the classes.  [default: the one called label, class or target]",
    ),
    _list_option("--features", help="Columns to learn from, in this order, if not all."),
    _list_option("--drop", help="Columns to leave out."),
    click.option(
        "--weight-column",
        metavar="NAME",
        help="Column that says what each row counts in training.",
    ),
    click.option(
        "--missing",
        type=click.Choice(get_args(Missing)),
        help="What a missing value is: an error, or its column's mean, median or most frequent "
        "value, which the model then fills in wherever it runs; indicator is the mean, and lets "
        "the model see that the value was missing.  [default: error]",
    ),
    click.option(
        "--bad-rows",
        type=click.Choice(get_args(OnBadRows)),
        help="What a row is that cannot be used (no label, too many columns, a value that is no "
        "number or missing, a damaged picture): an error, or left out and counted.  "
        "[default: error]",
    ),
    *_CSV_OPTIONS,
    click.option(
        "--image-size",
        type=ImageSize(),
        help="Height and width that pictures are scaled to.  [default: theirs, if all agree]",
    ),
    click.option(
        "--color",
        type=click.Choice(get_args(Color)),
        help="How pictures are taken.  [default: gray if all are]",
    ),
    click.option(
        "--test-fraction",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        help="Share of the rows to hold out where the data has no test rows.  [default: 0.2]",
    ),
    click.option(
        "--memory-limit",
        type=Size(),
        help="Of the features in memory at a time; more is read in parts.  [default: 1GiB]",
    ),
)
# Every choice has an option, but for what is found in the data.
_FIELDS = tuple(field for field in SourceOptions.__dataclass_fields__ if field != "marks")


@dataclass(frozen=True)
class Data:
    """What a command was told of its data.

    Attributes:
      data_dir, manual_dir: as `load_dataset` takes them.
      choices: of `SourceOptions`, those that were made.
    """

    data_dir: str | None
    manual_dir: str | None
    choices: dict[str, Any]

    def options(self, recorded: dict[str, Any] | None = None) -> SourceOptions:
        """The options to read with: those made here, over those recorded with a model.

        Raises:
          UsageError: naming the option of a choice that is out of range.
        """
        try:
            return SourceOptions.from_json({**(recorded or {}), **self.choices})
        except UsageError as error:
            field, _, problem = str(error).partition(" ")
            if field not in self.choices:
                raise
            raise UsageError(f"{_option(field)} {problem}") from error

    def load(
        self, name: str, recorded: dict[str, Any] | None = None, model: Spec | None = None
    ) -> Dataset:
        """Loads a dataset, `model` as for `load_dataset`; raises as that does."""
        from tfsoftmax import load_dataset

        return load_dataset(
            name,
            data_dir=self.data_dir,
            manual_dir=self.manual_dir,
            options=self.options(recorded),
            model=model,
        )

    def memory_limit(self) -> dict[str, int]:
        """The limit that training has to keep, too, as a change of its recipe; empty if none."""
        return {name: self.choices[name] for name in ("memory_limit",) if name in self.choices}

    def arguments(self) -> list[str]:
        """The arguments that say the same of the data again, but for this machine's folders."""
        arguments = []
        for field, value in self.choices.items():
            if field == "header":
                arguments.append("--no-header")
                continue
            if field == "image_size":
                value = "x".join(map(str, value))
            for text in value if isinstance(value, tuple) else (value,):
                arguments += [_option(field), str(text)]
        return arguments


def _option(field: str) -> str:
    return "--" + field.replace("_", "-")


def csv_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say how a CSV file is written, by their names in `SourceOptions`."""
    for decorate in reversed(_CSV_OPTIONS):
        command = decorate(command)
    return command


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say what data is; the command gets them as `data`."""

    @functools.wraps(command)
    def with_data(**options: Any) -> Any:
        data_dir, manual_dir = options.pop("data_dir"), options.pop("manual_dir")
        asked = {field: options.pop(field) for field in _FIELDS}
        choices = {field: value for field, value in asked.items() if value is not None}
        return command(data=Data(data_dir, manual_dir, choices), **options)

    for decorate in reversed(_OPTIONS):
        with_data = decorate(with_data)
    return with_data
