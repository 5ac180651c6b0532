"""``tfsoftmax explain``: what each feature of a row adds to the score of a class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfsoftmax.cli._console import TensorFlowCommand, common_options, print_json, set_verbosity
from tfsoftmax.cli._models import load_weights, recorded_data
from tfsoftmax.cli._sources import notation_options
from tfsoftmax.data.options import SourceOptions, check_applicable
from tfsoftmax.errors import DataError, UsageError

if TYPE_CHECKING:
    from tfsoftmax import Spec

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
    folder, trained = load_weights(model)
    if output and not trained.spec.is_image:
        raise UsageError(f"--output draws a heat map of a picture; {folder} takes none")
    asked, n_rows = _asked(file, trained.spec, model, row, invert, csv)
    found = trained.explain(asked)
    table = found.table(0, label, top)
    label = label or found.predicted[0]
    if output:
        from tfsoftmax import plot_explanation

        plot_explanation(found, output, label=label)
    names = trained.spec.class_names
    logits, baseline = (dict(zip(names, each.tolist(), strict=True)) for each in
                        (found.logits[0], found.baseline))  # fmt: skip
    if as_json:
        print_json(
            {
                "model": str(folder),
                "file": file,
                "row": row,
                "predicted": found.predicted[0],
                "class": label,
                "centre": found.centre,
                "logits": logits,
                "baseline": baseline,
                "contributions": table.to_dict("records"),
            }
        )
        return
    if n_rows not in (None, "1"):
        click.echo(f"row        {row:,} of {n_rows}" + "; --row N explains another" * (row == 1))
    click.echo(f"predicted  {found.predicted[0]}")
    adding = "the pixels add" if trained.spec.is_image else "the lines below add"
    click.echo(f"logit      {logits[label]:.4f} of {label}, of which {adding} "
               f"{logits[label] - baseline[label]:+.4f}")  # fmt: skip
    click.echo(f"baseline   {baseline[label]:.4f}, the logit of {found.centre}")
    if trained.spec.is_image:
        click.echo(f"heat map   {output or '-o FILE.png draws what each pixel adds'}")
    else:
        click.echo()
        _print(table.to_dict("records"))


def _print(lines: list[dict[str, Any]]) -> None:
    names = [f"{line['column']}: {line['value']}" if line["value"] else line["column"]
             for line in lines]  # fmt: skip
    width = min(48, max(map(len, names), default=0))
    most = max((abs(line["contribution"]) for line in lines), default=0.0) or 1.0
    for name, line in zip(names, lines, strict=True):
        added = line["contribution"]
        bar = ("+" if added > 0 else "-") * round(_BAR * abs(added) / most)
        shown = name if len(name) <= width else name[: width - 3] + "..."
        click.echo(f"{shown:<{width}}  {added:+9.4f}  {bar}".rstrip())


def _asked(
    file: str, spec: Spec, model: Path, row: int, invert: bool, csv: dict[str, Any]
) -> tuple[Any, str | None]:
    """The row of a file that is to be explained, of an encoded table with its cells.

    Returns:
      The one row, and how many there are, in words; None of a picture.
    """
    from tfsoftmax.data.images import read_image
    from tfsoftmax.data.readers.unlabelled import (
        has_cells,
        locate_rows,
        read_cells,
        read_unlabelled,
    )

    said = {field: value for field, value in csv.items() if value is not None}
    location = locate_rows(file)
    if location is None:
        check_applicable(SourceOptions(**said), (), "pictures")
        if row > 1:
            raise UsageError(f"{file} is one picture; there is no row {row}")
        return read_image(Path(file), spec, invert=invert)[None], None
    check_applicable(SourceOptions(**said), location.kind.options, location.kind.name)
    recorded = recorded_data(model).get("options") or {}
    options = SourceOptions.from_json({**recorded, **said})
    read = read_cells if spec.encoding is not None and has_cells(location) else read_unlabelled
    done, parts = 0, iter(read(location, spec, options))
    for part in parts:
        n_rows = done + _length(part)
        if row <= n_rows:
            # The rest of a long file is not read to count it.
            more = any(map(_length, parts))
            return _row(part, row - 1 - done), ("more than " if more else "") + f"{n_rows:,}"
        done = n_rows
    raise DataError(f"{file}: has {done:,} rows, so there is no row {row:,}")


def _length(part: Any) -> int:
    return len(next(iter(part.values()))) if isinstance(part, dict) else len(part)


def _row(part: Any, index: int) -> Any:
    import numpy as np
    import pandas as pd

    own = slice(index, index + 1)
    if isinstance(part, dict):
        return pd.DataFrame({name: cells[own] for name, cells in part.items()})
    return np.asarray(part[own])
