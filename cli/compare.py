"""``tfsoftmax compare``: two models on the same rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfsoftmax.cli._console import TensorFlowCommand, common_options, print_json, set_verbosity
from tfsoftmax.cli._measured import Measured, split_option
from tfsoftmax.cli._models import describe
from tfsoftmax.cli._sources import Data, data_options, dataset_options

if TYPE_CHECKING:
    from tfsoftmax import Comparison


@click.command(cls=TensorFlowCommand, name="compare")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@dataset_options()
@data_options
@split_option("test; all if neither model was trained on this file")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the rows for which they predict different classes there, as CSV.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all of it as one JSON document.")
@common_options
def compare(
    a: Path,
    b: Path,
    dataset_name: str,
    data: Data,
    split: str | None,
    output: Path | None,
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Compare two exported models, A and B, on the same rows of DATASET.

    Prints accuracy and log-loss of both, by how much B's are higher with 95 % intervals, how many
    rows only one of them has right with McNemar's test (exact), for how many rows they predict
    different classes, and what that shows, in a sentence. Each model reads DATASET in its own
    way, so they may use different columns. --output and --json list the rows for which they
    differ; they are numbered from 1 among the rows measured, with training rows before test rows.

    \b
    Example:
      tfsoftmax compare savedmodels/loans/1 savedmodels/loans/2 loans.csv
    """
    set_verbosity(verbose, quiet)
    from tfsoftmax import compare as compare_scores
    from tfsoftmax.report.comparison import differing_rows

    for model in (a, b):
        describe(model)
    measured = [Measured.load(model, dataset_name, data) for model in (a, b)]
    usual = {each.usual_split for each in measured}
    split = split or ("test" if "test" in usual else "all")
    scores = [each.score(split) for each in measured]
    found = compare_scores(*scores)
    trained_on = [each.trained_on(split, data) for each in measured]
    rows = differing_rows(*scores)
    if output:
        from tfsoftmax.system.files import write_atomically

        text = rows.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        write_atomically(output, str(text).encode("utf-8"))
    paths = [str(each.predictor.path) for each in measured]
    if as_json:
        document = {"a": paths[0], "b": paths[1], "dataset": measured[0].dataset.name}
        counted = {"split": split, "training_rows": trained_on}
        listed = {"rows": rows.to_dict("records")}
        print_json({**document, **counted, **found.to_json(), **listed})
        return
    click.echo(f"A         {paths[0]}")
    click.echo(f"B         {paths[1]}")
    click.echo(f"rows      {found.n_samples:,} ({measured[0].dataset.name}, {split})")
    _print(found)


def _print(found: Comparison) -> None:
    click.echo()
    click.echo(f"{'':<10}{'A':>8}{'B':>10}{'B - A':>10}   95 % interval")
    lines = (
        ("accuracy", found.accuracy, found.accuracy_difference, found.accuracy_interval),
        ("log-loss", found.log_loss, found.log_loss_difference, found.log_loss_interval),
    )
    for name, (of_a, of_b), apart, interval in lines:
        between = f"{interval[0]:+.4f} to {interval[1]:+.4f}" if interval else "-"
        click.echo(f"{name:<10}{of_a:>8.4f}{of_b:>10.4f}{apart:>+10.4f}   {between}")
    click.echo()
    click.echo(
        f"only one is right  {found.only_a:,} rows A, {found.only_b:,} rows B "
        f"(McNemar's exact p {found.p:.2g})"
    )
    click.echo(f"classes differ     {found.differing:,} rows")
    click.echo()
    click.echo(found.verdict)
