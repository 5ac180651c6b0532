"""``tfsoftmax statistics``: standard errors, tests and intervals of coefficients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfsoftmax.cli._console import (
    TensorFlowCommand,
    common_options,
    set_verbosity,
)
from tfsoftmax.cli._sources import Data, data_options, dataset_options
from tfsoftmax.cli._tables import put_table, table_options

if TYPE_CHECKING:
    from tfsoftmax import Dataset, Statistics


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
@click.option(
    "--bootstrap",
    type=click.IntRange(min=2),
    metavar="N",
    help="Take errors and intervals from fits of N resamples of the rows, such as 1000.",
)
@click.option(
    "--l2",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Strength of the penalty on squares, as for 'tfsoftmax train'; needs --bootstrap.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of the resamples.",
)
@table_options
@common_options
def statistics(
    dataset_name: str,
    data: Data,
    reference: str | None,
    confidence: float,
    bootstrap: int | None,
    l2: float,
    seed: int,
    output: Path | None,
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Print standard errors, p-values and intervals of a DATASET's coefficients, as CSV.

    The model is fitted to all rows. A row
    of the table has the column; the feature, which is the column itself or one of its categories;
    the class; how much a unit of the feature adds to the log odds of the class against the
    reference class; its standard error, z and p (Wald, two-sided); the confidence interval; and
    the odds ratio with its interval. Columns of categories are compared with their first one.

    These figures hold without penalties only. Where they do not hold, because columns follow from
    each other or separate the classes, it says so. --bootstrap, with --l2 or without, fits
    resamples of the rows instead; there is then no z and no p, intervals go from percentile to
    percentile, and with --l2 each category has coefficients of its own.

    \b
    Examples:
      tfsoftmax statistics titanic.csv --label-column survived
      tfsoftmax statistics loans.csv --label-column status --reference repaid
      tfsoftmax statistics wine.csv --label-column grape --l2 0.01 --bootstrap 500
    """
    set_verbosity(verbose, quiet)
    from tfsoftmax.report.statistics_choices import check_choices, reference_index

    check_choices(confidence, l2, bootstrap)
    dataset = data.load(dataset_name)
    reference_index(dataset.spec, reference)
    found = _found(
        dataset, quiet, bootstrap, reference=reference, confidence=confidence, l2=l2, seed=seed
    )
    document = {"dataset": dataset.name, **found.to_json()}
    put_table(found.table, document, as_json, output)
    if not quiet and not as_json:
        click.echo(_summary(found), err=True)
        if found.note:
            click.echo(f"Note: {found.note}", err=True)
        for why in ("constant", "reference"):
            names = [name for name, reason in found.left_out.items() if reason == why]
            if names:
                shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
                click.echo(f"without a coefficient ({why}): {shown}", err=True)


def _found(dataset: Dataset, quiet: bool, bootstrap: int | None, **choices: Any) -> Statistics:
    from tfsoftmax.system.startup import import_tensorflow

    import_tensorflow()
    from tfsoftmax import statistics
    from tfsoftmax.cli._progress import counted_progress

    with counted_progress("bootstrap", "resamples", quiet or not bootstrap) as advance:
        return statistics(dataset, bootstrap=bootstrap, on_progress=advance, **choices)


def _summary(found: Statistics) -> str:
    """What the whole fit is worth, in a line."""
    test = (
        f"{found.bootstrap:,} resamples"
        if found.p is None
        else f"chi2 {2 * (found.log_likelihood - found.null_log_likelihood):.4g}, "
        f"{found.degrees_of_freedom} degrees of freedom, p {found.p:.3g}"
    )
    return (
        f"{found.n_samples:,} rows; log-likelihood {found.log_likelihood:.6g}, "
        f"{found.null_log_likelihood:.6g} without columns: {test}; log odds against "
        f"{found.reference!r}"
    )
