"""``tfsoftmax export``: writes a trained model in other forms."""

from __future__ import annotations

from pathlib import Path

import click

from tfsoftmax.cli._console import (
    TensorFlowCommand,
    common_options,
    print_json,
    set_verbosity,
)
from tfsoftmax.cli._formats import Forms, format_options
from tfsoftmax.cli._models import (
    describe,
    export_to,
    failed_files,
    load_trained,
    print_parity,
)
from tfsoftmax.cli._sources import Data, data_options, dataset_of_model_option


@click.command(cls=TensorFlowCommand, name="export")
@click.argument("model", type=click.Path(path_type=Path))
@format_options
@dataset_of_model_option
@data_options
@click.option(
    "--output-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where models are kept, in NAME/VERSION/.  [default: where MODEL is]",
)
@click.option("--name", metavar="NAME", help="Name of the model.  [default: MODEL's]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document of all figures.")
@common_options
def export(
    model: Path,
    forms: Forms,
    dataset_name: str | None,
    data: Data,
    output_dir: Path | None,
    name: str | None,
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> int:
    """Write a trained MODEL in other forms, as its next version.

    MODEL is a SavedModel folder that tfsoftmax made, or a model's folder, whose highest
    version is taken; or NAME.rescued, the file of a run that could not export. Nothing is
    overwritten: the new version holds the same weights and the forms asked for here, no
    others, and appears once every file of it is proven on the
    dataset's test rows.

    \b
    Example:
      tfsoftmax export savedmodels/mnist5k --tflite float32,float16,dynamic,int8
    """
    set_verbosity(verbose, quiet)
    from tfsoftmax.export.formats import check_formats
    from tfsoftmax.export.versions import check_output, model_folder

    known = describe(model)
    place = known.path.resolve()
    folder = output_dir or (place.parent if place.is_file() else place.parent.parent)
    check_formats(forms.formats, known.spec)
    check_output(folder if name is None else model_folder(folder, name))
    trained = load_trained(model, dataset_name, data)
    target = folder, str(trained.description["name"]) if name is None else name
    result = export_to(trained.model, target, trained.dataset, forms, trained.record)
    if as_json:
        print_json(result.to_json())
    else:
        click.echo(f"{result.path}")
        print_parity(result)
    return failed_files(result)
