"""``tfsoftmax-train``: from a dataset's name to an exported model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from tfsoftmax.cli._checkpoints import checkpoint_options, checkpoints_from
from tfsoftmax.cli._console import (
    TensorFlowCommand,
    common_options,
    print_json,
    set_verbosity,
)
from tfsoftmax.cli._formats import Forms, format_options
from tfsoftmax.cli._models import failed_files, reading_options, recorded_data
from tfsoftmax.cli._outputs import check_outputs, note_another_task
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
    rows_to_calibrate_on,
    summarize,
    trained_on,
    write_history,
)
from tfsoftmax.cli._workers import assist, join, let_go, workers_options
from tfsoftmax.data.names import locate
from tfsoftmax.distributed.workers import ALONE

if TYPE_CHECKING:
    from tfsoftmax import SoftmaxRegression


def _check_history(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    if value is not None and value.suffix not in (".csv", ".json"):
        raise click.BadParameter(f"{value}: its name must end in .csv or .json")
    return value


@click.command(cls=TensorFlowCommand, name="train")
@dataset_options("mnist5k")
@data_options
@recipe_options
@click.option(
    "--from",
    "start_from",
    type=click.Path(path_type=Path),
    metavar="MODEL",
    help="Go on from an exported model's folder instead of beginning at zero; the data is read as "
    "the model's was, if nothing else is said, and columns are found by their names.",
)
@click.option(
    "--new-classes",
    type=click.Choice(["error", "add", "ignore"]),
    default="error",
    show_default=True,
    help="With --from, what to do with rows of classes that MODEL does not know.",
)
@checkpoint_options
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
    "--history",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_check_history,
    metavar="FILE",
    help="Write every epoch's figures there, as .csv or .json.",
)
@click.option(
    "--tensorboard",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write every epoch's figures, and the weights as pictures, for TensorBoard there.",
)
@workers_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document of all figures.")
@common_options
def train(
    dataset_name: str,
    data: Data,
    output_dir: Path,
    name: str | None,
    forms: Forms,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    history: Path | None,
    tensorboard: Path | None,
    start_from: Path | None,
    new_classes: Literal["error", "add", "ignore"],
    **options: Any,
) -> int:
    """Train softmax regression and export it.

    Without options it trains on 5,000 real handwritten digits, which takes a few seconds
    and needs no download. The model is written to OUTPUT_DIR/NAME/VERSION/ as a SavedModel
    for TensorFlow Serving, with a TFLite file for phones in it, once both are proven to
    answer as the trained model does.

    \b
    Examples:
      tfsoftmax-train
      tfsoftmax-train fashion_mnist --epochs 20
      tfsoftmax-train flowers.csv --label-column species
      tfsoftmax-train photos --image-size 32x32
      tfsoftmax-train idx:path/to/mnist --recipe tutorial
    """
    set_verbosity(verbose, quiet)
    started = time.perf_counter()
    sync_every = options["sync_every"]
    recipe_name, recipe = options["recipe_name"], recipe_from(options)
    recipe = recipe.but(**data.memory_limit())
    checkpoints = checkpoints_from(options)
    name = locate(dataset_name).model_name if name is None else name

    workers = join(options, sync_every)
    if workers.is_chief:
        place, files = (output_dir, name), {"--history": history}
        check_outputs(dataset_name, place, forms, files, tensorboard, checkpoints)
    else:
        quiet, tensorboard = True, None
    from tfsoftmax.data.dataset import check_unchanged
    from tfsoftmax.data.split import with_validation
    from tfsoftmax.export.formats import check_formats
    from tfsoftmax.export.versions import model_folder

    before, reading = _start(start_from) if start_from else (None, {})
    start = None
    with workers.peer_errors():
        # What a model is matched to is read whole.
        readers = ALONE if before else workers
        loaded = dataset = record_data(data.load(dataset_name, reading, workers=readers))
        if before:
            from tfsoftmax import warm_start

            start, dataset = warm_start(before, dataset, new_classes)
        if recipe.held_out:
            dataset = with_validation(dataset, recipe.held_out)
    if not quiet:
        announce(dataset, recipe_name)
    check_formats(forms.formats, dataset.model_spec)
    note_another_task(model_folder(output_dir, name), dataset.spec)
    trained = trained_on(dataset, recipe, quiet, start, checkpoints, tensorboard, workers)
    if not workers.is_chief:
        assist(trained, loaded, workers)
        # A scheduler may not start again what has succeeded, and the chief still has the export.
        workers.meet()
        return 0
    with rescue_on_failure(trained.model, output_dir, name, checkpoints):
        command = command_of(dataset, data, trained.history.recipe, recipe_name)
        if start_from:
            command += ["--from", str(start_from), "--new-classes", new_classes]
        with workers.peer_errors():
            record = complete_record(trained, command)
            check_unchanged(loaded, record.dataset.sha256)
            calibrate_on = rows_to_calibrate_on(trained.dataset)
        exported = export_trained(trained, (output_dir, name), forms, calibrate_on)
    if history:
        write_history(history, trained.history)
    let_go(workers)
    seconds = time.perf_counter() - started
    if as_json:
        document = {**record.to_json(), "model": exported.to_json(), "seconds": seconds}
        print_json(document)
    else:
        summarize(trained.history, record, exported)
        print_end(exported, dataset, data, seconds)
    return failed_files(exported)


def _start(place: Path) -> tuple[SoftmaxRegression, dict[str, Any]]:
    """The model to go on from, and how to read data for it."""
    from tfsoftmax.export.load import load_saved_model, version_folder

    predictor = load_saved_model(version_folder(place))
    return predictor.model(), reading_options(predictor.spec, recorded_data(place))


main = train
