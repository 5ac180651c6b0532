"""``tfsoftmax tune``: from a grid of penalties and learning rates to an exported model."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from tfsoftmax.cli._console import (
    TensorFlowCommand,
    common_options,
    print_json,
    set_verbosity,
)
from tfsoftmax.cli._formats import Forms, format_options
from tfsoftmax.cli._grid import SWEPT, grid_from, grid_options
from tfsoftmax.cli._models import failed_files
from tfsoftmax.cli._outputs import AfterTheModel, check_outputs
from tfsoftmax.cli._recipe import recipe_from, recipe_options
from tfsoftmax.cli._rescue import rescue_on_failure
from tfsoftmax.cli._sources import Data, data_options, dataset_options
from tfsoftmax.cli._training import (
    announce,
    command_of,
    complete_record,
    export_trained,
    print_end,
    record_data,
    summarize,
    trained_on,
)
from tfsoftmax.cli._tuning import print_table, write_tuning
from tfsoftmax.data.names import locate

if TYPE_CHECKING:
    from tfsoftmax import Dataset, Recipe
    from tfsoftmax.tuning.tune import Tuning


_log = logging.getLogger("tfsoftmax.cli")


def _check_suffix(*suffixes: str) -> Callable[..., Path | None]:
    def check(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
        if value is not None and value.suffix not in suffixes:
            *others, last = suffixes
            raise click.BadParameter(f"{value}: its name must end in {', '.join(others)} or {last}")
        return value

    return check


@click.command(cls=TensorFlowCommand, name="tune")
@dataset_options("mnist5k")
@data_options
@grid_options
@click.option(
    "--folds",
    type=click.IntRange(min=2),
    default=5,
    show_default=True,
    help="Parts of the training rows, each held out in turn from models that it scores.",
)
@click.option(
    "--scoring",
    type=click.Choice(["log_loss", "accuracy"]),
    default="log_loss",
    show_default=True,
    help="Figure of the held-out rows to choose by.",
)
@click.option(
    "--choose",
    type=click.Choice(["best", "one_standard_error"]),
    default="best",
    show_default=True,
    help="The best mean, or the strongest penalty within a standard error of it.",
)
@partial(recipe_options, without={*SWEPT, "sync_every"})
@click.option(
    "--output-dir",
    type=click.Path(path_type=Path),
    default="savedmodels",
    show_default=True,
    metavar="DIR",
    help="Where models are kept, in NAME/VERSION/.",
)
@click.option(
    "--name", metavar="NAME", help="Name of the model.  [default: from the dataset's name]"
)
@format_options
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_check_suffix(".png", ".svg", ".pdf"),
    metavar="FILE",
    help="Draw the scores against the penalty there, as .png, .svg or .pdf.",
)
@click.option(
    "--table",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_check_suffix(".csv", ".json"),
    metavar="FILE",
    help="Write every candidate's figures there, fold by fold, as .csv or .json.",
)
@click.option("--no-refit", is_flag=True, help="Only measure: train and export no final model.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document of all figures.")
@common_options
def tune(
    dataset_name: str,
    data: Data,
    folds: int,
    scoring: Literal["log_loss", "accuracy"],
    choose: Literal["best", "one_standard_error"],
    output_dir: Path,
    name: str | None,
    forms: Forms,
    plot: Path | None,
    table: Path | None,
    no_refit: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Choose penalties and learning rate by cross-validation, then train and export.

    Every combination is trained on all folds but one, scored on that one, and so for each
    fold; all of it happens in one training run, or with --solver newton on a path from the
    strongest penalty to the weakest. The best then trains on all training rows
    and is exported as train does it. Test rows are never looked at to choose.

    \b
    Examples:
      tfsoftmax tune
      tfsoftmax tune digits --l2 0,1e-6..1:20 --plot tuning.png
      tfsoftmax tune --l2 1e-4,1e-3 --learning-rate 0.1,0.5,auto --no-refit
    """
    set_verbosity(verbose, quiet)
    started = time.perf_counter()
    grid = grid_from(options)
    recipe_name, recipe = options["recipe_name"], recipe_from(options)
    recipe = recipe.but(**data.memory_limit())
    name = locate(dataset_name).model_name if name is None else name
    if plot:
        from tfsoftmax.system.figures import check_plot

        check_plot(plot)
    model = None if no_refit else (output_dir, name)
    check_outputs(dataset_name, model, forms, {"--plot": plot, "--table": table})
    from tfsoftmax.data.dataset import check_unchanged
    from tfsoftmax.export.formats import check_formats

    dataset = record_data(data.load(dataset_name))
    if not quiet:
        announce(dataset, recipe_name)
    if model:
        check_formats(forms.formats, dataset.model_spec)
    tuning = _tune(
        dataset, recipe, {**grid, "folds": folds, "scoring": scoring, "choose": choose}, quiet
    )
    beside = AfterTheModel()
    beside.attempt(lambda: write_tuning(tuning, plot, table))
    if not as_json:
        beside.attempt(lambda: print_table(tuning))
    if no_refit:
        if tuning.beyond:
            _log.warning("Note: %s", tuning.beyond)
        if as_json:
            measured = {
                "dataset": dataset.origin.to_json() if dataset.origin else None,
                "tuning": tuning.to_json(),
                "recipe": {"name": recipe_name, **tuning.best.to_json()},
                "seconds": time.perf_counter() - started,
            }
            print_json(measured)
        beside.end()
        return 0
    trained = trained_on(dataset, tuning.best, quiet)
    with rescue_on_failure(trained.model, output_dir, name):
        command = command_of(dataset, data, trained.history.recipe, recipe_name)
        record = complete_record(trained, command, tuning)
        check_unchanged(dataset, record.dataset.sha256)
        exported = export_trained(trained, (output_dir, name), forms)
    beside.end()
    seconds = time.perf_counter() - started
    if as_json:
        document = {**record.to_json(), "model": exported.to_json(), "seconds": seconds}
        print_json(document)
    else:
        summarize(trained.history, record, exported)
        print_end(exported, dataset, data, seconds)
    return failed_files(exported)


def _tune(dataset: Dataset, recipe: Recipe, choices: dict[str, Any], quiet: bool) -> Tuning:
    from tfsoftmax.cli._interrupt import defer_interrupts
    from tfsoftmax.cli._progress import counted_progress
    from tfsoftmax.system.startup import import_tensorflow

    with counted_progress("tuning", "steps", quiet) as advance:
        import_tensorflow()
        from tfsoftmax.tuning.tune import tune

        with defer_interrupts() as check_interrupt:

            def on_progress(step: int, total_steps: int) -> None:
                check_interrupt()
                advance(step, total_steps)

            return tune(dataset, recipe, on_progress=on_progress, **choices)
