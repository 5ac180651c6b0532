"""``tfsoftmax predict``: what an exported model sees in pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from tfsoftmax.cli._console import PlainCommand, common_options, set_verbosity


@click.command(cls=PlainCommand, name="predict")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)
@click.option(
    "--invert",
    is_flag=True,
    help="For dark strokes on light paper, where the training images have it the other way "
    "round, as MNIST does.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="K",
    help="Print the K most probable labels of each picture.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@common_options
def predict(
    model: Path,
    files: tuple[Path, ...],
    invert: bool,
    top: int,
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> int:
    """Print the label and its probability for each PNG or JPEG FILE.

    MODEL is a .tflite or .onnx file, a SavedModel folder, or a model's folder, whose
    highest version is taken. Pictures are scaled to the size the model was trained on; they
    should show what its training images show, as those show it. Output is one line a
    picture, separated by tabs. A picture that cannot be read is named on standard error,
    the others are still answered, and the exit code is 1.
    """
    set_verbosity(verbose, quiet)
    from tfsoftmax import DataError, load_predictor
    from tfsoftmax.data.images import read_image

    predictor = load_predictor(model)
    answers: list[dict[str, Any]] = []
    failed = 0
    for file in files:
        try:
            image = read_image(file, predictor.spec, invert=invert)
        except DataError as error:
            click.echo(f"Error: {error}", err=True)
            failed += 1
            continue
        probabilities = predictor.probabilities(image[None])[0]
        best = probabilities.argsort(kind="stable")[::-1][:top]
        names = predictor.spec.class_names
        labels = [{"label": names[k], "probability": float(probabilities[k])} for k in best]
        answers.append({"file": str(file), "predictions": labels})
        if not as_json:
            columns = [f"{one['label']}\t{one['probability']:.4f}" for one in labels]
            click.echo("\t".join([str(file), *columns]))
    if as_json:
        click.echo(json.dumps({"model": str(predictor.path), "pictures": answers}, indent=2))
    return 1 if failed else 0
