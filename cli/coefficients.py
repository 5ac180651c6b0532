"""``tfsoftmax coefficients``: the coefficients of a model as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from tfsoftmax.cli._console import (
    TensorFlowCommand,
    common_options,
    set_verbosity,
)
from tfsoftmax.cli._tables import put_table, table_options
from tfsoftmax.messages import counted


@click.command(cls=TensorFlowCommand, name="coefficients")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--class",
    "classes",
    multiple=True,
    metavar="NAME",
    help="Only those of this class. Give it again for more.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="K",
    help="Only the K of the largest magnitude of each class, without the intercepts.",
)
@click.option(
    "--sort",
    type=click.Choice(["column", "magnitude"]),
    help="In the order of the table's columns, or those of the largest magnitude first.  "
    "[default: magnitude with --top, else column]",
)
@click.option(
    "--centred",
    is_flag=True,
    help="Subtract from a feature's coefficients their mean over all classes.",
)
@table_options
@common_options
def coefficients(
    model: Path,
    classes: tuple[str, ...],
    top: int | None,
    sort: Literal["column", "magnitude"] | None,
    centred: bool,
    output: Path | None,
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Print the coefficients of MODEL by column, category and class, as CSV.

    MODEL is a SavedModel folder that tfsoftmax made, a model's folder, whose highest version is
    taken, or a file of such a folder. A row has the column of the table; the feature, which is
    the column itself, one of its categories, a hash bucket, a part of its date, or that it is
    missing; the class; the coefficient of the scaled feature, which tells how much it matters;
    and the one of the raw feature, for each unit of its column. The raw ones, with the
    raw intercept, give the same logits from the table's own numbers. Hash buckets with the
    coefficient 0 in every class, as those have into which no training row fell, are left out.

    Only differences between classes mean something: adding the same number to a feature's
    coefficients in all classes changes no probability. Where they add up to 0, as they do unless
    training used l1 or did not start at zero, and with --centred, each says how far its class is
    from the mean of all. Of two classes one then has the other's coefficients with the opposite
    sign, and the log odds of a class have twice its own.
    """
    set_verbosity(verbose, quiet)
    from tfsoftmax.cli._models import describe, load_weights
    from tfsoftmax.report.coefficients import check_chosen

    if spec := describe(model).spec:
        check_chosen(spec, classes or None, top, sort)
    folder, trained = load_weights(model)
    from tfsoftmax import coefficients as coefficients_of
    from tfsoftmax.report.coefficients import unused_buckets

    table = coefficients_of(trained, classes=classes or None, top=top, sort=sort, centred=centred)
    document = {"model": str(folder), "coefficients": table.to_dict("records")}
    put_table(table, document, as_json, output)
    unused = unused_buckets(trained)
    if unused and not quiet:
        click.echo(
            f"left out: {counted(unused, 'hash bucket')} with the coefficient 0 in every class",
            err=True,
        )
