"""``tfsoftmax explain``: what each feature of a row adds to the score of a class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from tfsoftmax.cli._console import TensorFlowCommand, common_options, print_json, set_verbosity
from tfsoftmax.cli._models import describe, load_weights, recorded_data
from tfsoftmax.cli._sources import notation_options
from tfsoftmax.cli._unlabelled import check_file, check_files_options, locate_file
from tfsoftmax.data.names import Location
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.errors import DataError, UsageError

if TYPE_CHECKING:
    from tfsoftmax import Explanation, Spec

_BAR = 24


@click.command(cls=TensorFlowCommand, name="explain")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path())
@click.option(
    "--row",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Which row of FILE, from 1.",
)
@click.option(
    "--class", "label", metavar="NAME", help="The class to explain.  [default: the predicted one]"
)
@click.option(
    "--top",
    type=click.IntRange(min=2),
    default=20,
    show_default=True,
    metavar="K",
    help="How many lines; the last adds up all others.",
)
@click.option("--invert", is_flag=True, help="For dark strokes on light paper, as for predict.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Of a picture: write a heat map there (.png, .svg or .pdf).",
)
@notation_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@common_options
def explain(
    model: Path,
    file: str,
    row: int,
    label: str | None,
    top: int,
    invert: bool,
    output: Path | None,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    **csv: Any,
) -> None:
    """Say what each column, word or pixel of a row in FILE adds to the logit of a class.

    MODEL and FILE are as for predict. The model is linear, so this is exact: a class's logit is the
    baseline, which is the logit of an average row, plus what is listed. A bar of + speaks for
    the class, one of - against it. Where the mean of the training rows is not known, the baseline
    is the logit of a row whose scaled features are all 0, and the output says so. Of pictures -o
    draws a heat map.

    \b
    Examples:
      tfsoftmax explain savedmodels/loans new.csv --row 17
      tfsoftmax explain savedmodels/mnist5k three.png -o heat.png
    """
    set_verbosity(verbose, quiet)
    if output:
        from tfsoftmax.system.figures import check_plot

        check_plot(output)
    known = describe(model)
    spec = known.spec or load_weights(model)[1].spec
    from tfsoftmax.explanation import class_index

    if output and not spec.is_image:
        raise UsageError(f"--output draws a heat map of a picture; {known.path} takes none")
    if label is not None:
        class_index(spec, label)
    rows = _Rows.of(file, spec, model, csv)
    if rows.location is None and row > 1:
        raise UsageError(f"{file} is one picture; there is no row {row}")
    folder, trained = load_weights(model)
    asked, n_rows = rows.row(row, invert)
    found = trained.explain(asked)
    label = label or found.predicted[0]
    table = found.table(0, label, top)
    if output:
        from tfsoftmax import plot_explanation

        plot_explanation(found, output, label=label)
    lines = table.to_dict("records")
    if as_json:
        named = {"model": str(folder), "file": file, "row": row}
        print_json({**named, **_document(found, label), "contributions": lines})
        return
    if n_rows not in (None, "1"):
        click.echo(f"row        {row:,} of {n_rows}" + "; --row N explains another" * (row == 1))
    _print_score(found, label)
    if spec.is_image:
        click.echo(f"heat map   {output or '-o FILE.png draws what each pixel adds'}")
    else:
        click.echo()
        _print_lines(lines)


def _document(found: Explanation, label: str) -> dict[str, Any]:
    names = found.spec.class_names
    return {
        "predicted": found.predicted[0],
        "class": label,
        "centre": found.centre,
        "logits": dict(zip(names, found.logits[0].tolist(), strict=True)),
        "baseline": dict(zip(names, found.baseline.tolist(), strict=True)),
    }


def _print_score(found: Explanation, label: str) -> None:
    index = found.spec.class_names.index(label)
    logit, baseline = found.logits[0][index], found.baseline[index]
    adding = "the pixels add" if found.spec.is_image else "the lines below add"
    click.echo(f"predicted  {found.predicted[0]}")
    click.echo(f"logit      {logit:.4f} of {label}, of which {adding} {logit - baseline:+.4f}")
    click.echo(f"baseline   {baseline:.4f}, the logit of {found.centre}")


def _print_lines(lines: list[dict[str, Any]]) -> None:
    names = [f"{line['column']}: {line['value']}" if line["value"] else line["column"]
             for line in lines]  # fmt: skip
    width = min(48, max(map(len, names), default=0))
    most = max((abs(line["contribution"]) for line in lines), default=0.0) or 1.0
    for name, line in zip(names, lines, strict=True):
        added = line["contribution"]
        bar = ("+" if added > 0 else "-") * round(_BAR * abs(added) / most)
        shown = name if len(name) <= width else name[: width - 3] + "..."
        click.echo(f"{shown:<{width}}  {added:+9.4f}  {bar}".rstrip())


class _Rows(NamedTuple):
    """A file whose rows can be explained.

    Attributes:
      file: as it was typed.
      location: of its rows; None of a picture.
      spec: of the model.
      options: how to read it.
    """

    file: str
    location: Location | None
    spec: Spec
    options: SourceOptions

    @classmethod
    def of(cls, file: str, spec: Spec, model: Path, notation: dict[str, Any]) -> _Rows:
        """Makes sure that the file can be read, with the options that the command has."""
        said = {field: value for field, value in notation.items() if value is not None}
        source = locate_file(file)
        check_files_options(said, [source])
        recorded = recorded_data(model).get("options") or {}
        options = SourceOptions.from_json({**recorded, **said})
        source = check_file(file, source, spec, options)
        if isinstance(source, DataError):
            raise source
        return cls(file, source, spec, options)

    def row(self, number: int, invert: bool) -> tuple[Any, str | None]:
        """The row of a number, from 1, of an encoded table with its cells.

        Returns:
          The one row, and how many there are, in words; None of a picture.
        """
        from tfsoftmax.data.images import read_image
        from tfsoftmax.data.readers.unlabelled import has_cells, read_cells, read_unlabelled

        if self.location is None:
            return read_image(Path(self.file), self.spec, invert=invert)[None], None
        cells = self.spec.encoding is not None and has_cells(self.location)
        read = read_cells if cells else read_unlabelled
        done, parts = 0, iter(read(self.location, self.spec, self.options))
        for part in parts:
            n_rows = done + _length(part)
            if number <= n_rows:
                # The rest of a long file is not read to count it.
                more = any(map(_length, parts))
                in_words = ("more than " if more else "") + f"{n_rows:,}"
                return _row(part, number - 1 - done), in_words
            done = n_rows
        raise DataError(f"{self.file}: has {done:,} rows, so there is no row {number:,}")


def _length(part: Any) -> int:
    return len(next(iter(part.values()))) if isinstance(part, dict) else len(part)


def _row(part: Any, index: int) -> Any:
    import numpy as np
    import pandas as pd

    own = slice(index, index + 1)
    if isinstance(part, dict):
        return pd.DataFrame({name: cells[own] for name, cells in part.items()})
    return np.asarray(part[own])
