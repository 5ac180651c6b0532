"""``tfsoftmax drift``: new rows beside the rows that a model was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfsoftmax.cli._console import TensorFlowCommand, common_options, print_json, set_verbosity
from tfsoftmax.cli._models import describe, recorded_of
from tfsoftmax.cli._sources import notation_options
from tfsoftmax.cli._unlabelled import check_file, check_files_options, locate_file, read_examples
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.errors import DataError

if TYPE_CHECKING:
    from tfsoftmax import Drift
    from tfsoftmax.report.drift import ColumnDrift

_MOST_CLASSES = 20


@click.command(cls=TensorFlowCommand, name="drift")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1, required=True, metavar="DATA...", type=click.Path())
@click.option("--invert", is_flag=True, help="For dark strokes on light paper, as for predict.")
@notation_options
@click.option("--json", "as_json", is_flag=True, help="Print all of it as one JSON document.")
@common_options
def drift(
    model: Path,
    files: tuple[str, ...],
    invert: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    **csv: Any,
) -> None:
    """Compare new rows in DATA with the rows that MODEL was trained on.

    MODEL and DATA are as for predict; labels are not needed. Prints for each column the
    population stability index (PSI) and p of a chi-squared test, both of the shares of rows in
    the deciles of the training rows, or of each category; the shares of missing cells and of
    unknown categories; and the shares of the predicted classes; each then (up to 10,000 training
    rows) and now. Columns that differ most come first. By convention a PSI of 0.1 is a moderate
    difference and one of 0.25 a large one. The last line is a verdict; the exit code is 0 whatever
    it is. Of pictures, and of rows of more than 200 features without a table, the means are
    compared. --json has the shares of every bin.

    \b
    Example:
      tfsoftmax drift savedmodels/loans new.csv
    """
    set_verbosity(verbose, quiet)
    sources = [locate_file(file) for file in files]
    said = {field: value for field, value in csv.items() if value is not None}
    check_files_options(said, sources)
    recorded, spec = recorded_of(model), describe(model).spec
    usual = (recorded.get("dataset") or {}).get("options") or {}
    options = SourceOptions.from_json({**usual, **said})
    for file, source in zip(files, sources, strict=True):
        if isinstance(problem := check_file(file, source, spec, options), DataError):
            raise problem
    from tfsoftmax import Drift, load_predictor
    from tfsoftmax.report.drift import count_rows, profile_of

    known = profile_of(recorded, str(model))
    predictor = load_predictor(model)
    counted = None
    for file, source in zip(files, sources, strict=True):
        for rows, _, row in read_examples(file, source, predictor.spec, options, invert):
            part = count_rows(predictor, rows, known, where=file, first_row=row)
            counted = counted + part if counted else part
    if counted is None:
        raise DataError(f"{', '.join(files)}: no rows to compare with the training rows")
    found = Drift.between(known, counted)
    if as_json:
        print_json({"model": str(predictor.path), "data": list(files), **found.to_json()})
        return
    click.echo(f"model     {predictor.path}")
    click.echo(f"rows      then {found.n_samples[0]:,} (of training), now {found.n_samples[1]:,}")
    _print(found)


def _print(found: Drift) -> None:
    names = [column.name for column in (*found.columns, found.predicted)]
    width = min(32, max(map(len, names)))
    click.echo()
    click.echo(f"{'':<{width}}{'PSI':>8}{'p':>10}{'missing':>20}{'unknown':>20}")
    for column in found.columns:
        _print_column(column, width)
    if found.left_out:
        click.echo(f"{found.left_out:,} more columns are not compared")
    click.echo()
    _print_column(found.predicted, width)
    click.echo()
    click.echo(f"{'predicted':<{width}}{'then':>8}{'now':>10}")
    classes = [each for each in found.predicted.bins if each.then or each.now]
    classes.sort(key=lambda each: -abs(each.now - each.then))
    for each in classes[:_MOST_CLASSES]:
        click.echo(f"{_cut(each.name, width):<{width}}{each.then:>8.1%}{each.now:>10.1%}")
    if len(classes) > _MOST_CLASSES:
        click.echo(f"{len(classes) - _MOST_CLASSES:,} more classes differ less; --json has them")
    click.echo()
    click.echo(found.verdict)


def _print_column(column: ColumnDrift, width: int) -> None:
    shares = (f"{then:.1%} to {now:.1%}" if then or now else "-"
              for then, now in (column.missing, column.unknown))  # fmt: skip
    cells = "".join(f"{each:>20}" for each in shares)
    click.echo(f"{_cut(column.name, width):<{width}}{column.psi:>8.3f}{column.p:>10.2g}{cells}")


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 3] + "..."
