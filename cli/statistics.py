"""``tfsoftmax statistics``: standard errors, tests and intervals of coefficients."""

from __future__ import annotations

from pathlib import Path

import click

from tfsoftmax.cli._console import (
    TensorFlowCommand,
    common_options,
    set_verbosity,
)
from tfsoftmax.cli._sources import Data, data_options, dataset_options
from tfsoftmax.cli._tables import put_table, table_options


@click.command(cls=TensorFlowCommand, name="statistics")
@dataset_options()
@data_options
@click.option(
    "--reference",
    metavar="CLASS",
    help="The class that the others are compared with.  [default: the first]",
)
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="Of the intervals.",
)
@table_options
@common_options
def statistics(
    dataset_name: str,
    data: Data,
    reference: str | None,
    confidence: float,
    output: Path | None,
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Print standard errors, p-values and intervals of a DATASET's coefficients, as CSV.

    The model is fitted to all rows without penalties, which is where such statistics hold. A row
    of the table has the column; the feature, which is the column itself or one of its categories;
    the class; how much a unit of the feature adds to the log odds of the class against the
    reference class; its standard error, z and p (Wald, two-sided); the confidence interval; and
    the odds ratio. Columns of categories are compared with their first one. Where statistics do
    not hold, because columns follow from each other or separate the classes, it says so.

    \b
    Examples:
      tfsoftmax statistics titanic.csv --label-column survived
      tfsoftmax statistics loans.csv --label-column status --reference repaid --json
    """
    set_verbosity(verbose, quiet)
    from tfsoftmax import statistics as statistics_of

    dataset = data.load(dataset_name)
    found = statistics_of(dataset, reference=reference, confidence=confidence)
    document = {"dataset": dataset.name, **found.to_json()}
    put_table(found.table, document, as_json, output)
    if not quiet and not as_json:
        click.echo(
            f"{found.n_samples:,} rows; log-likelihood {found.log_likelihood:.6g}, "
            f"{found.null_log_likelihood:.6g} without columns: chi2 "
            f"{2 * (found.log_likelihood - found.null_log_likelihood):.4g}, "
            f"{found.degrees_of_freedom} degrees of freedom, p {found.p:.3g}; log odds against "
            f"{found.reference!r}",
            err=True,
        )
        for why in ("constant", "reference"):
            names = [name for name, reason in found.left_out.items() if reason == why]
            if names:
                shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
                click.echo(f"without a coefficient ({why}): {shown}", err=True)
