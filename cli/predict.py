"""``tfsoftmax predict``: classifies pictures and rows with an exported model."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfsoftmax.cli._console import PlainCommand, common_options, print_json, set_verbosity
from tfsoftmax.cli._errors import explain
from tfsoftmax.cli._interrupt import raise_pending_interrupt
from tfsoftmax.cli._models import describe, recorded_data
from tfsoftmax.cli._sources import notation_options
from tfsoftmax.cli._unlabelled import check_file, check_files_options, locate_file, read_examples
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from tfsoftmax import Spec


_log = logging.getLogger("tfsoftmax.cli")


@click.command(cls=PlainCommand, name="predict")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
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
@notation_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@common_options
def predict(
    model: Path,
    files: tuple[str, ...],
    invert: bool,
    top: int,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    **csv: Any,
) -> int:
    """Print the label and its probability for each picture or row in FILE.

    MODEL is a .tflite or .onnx file, a SavedModel folder, or a model's folder, whose
    highest version is taken. A FILE is a PNG, JPEG or WebP picture, or holds rows: CSV
    (.gz, too), Parquet, .npy, svmlight or lines of text, with its kind before it where its name
    does not tell it, as in csv:new.dat. Pictures are scaled to the size the model was trained on;
    they should show what its training images show, as those show it. Columns are found by
    their names. Output is one line a picture or row (FILE:ROW, from 1), separated by tabs;
    'abstains' stands last where the model is too unsure to answer. A file that cannot be read
    is named on standard error, the others are still answered, and the exit code is 1, or 2 where
    there is no such file or nothing tells its kind.
    Rows with categories that the model does not know are answered, and counted on standard error.
    """
    set_verbosity(verbose, quiet)
    sources = [locate_file(file) for file in files]
    said = {field: value for field, value in csv.items() if value is not None}
    check_files_options(said, sources)
    known = describe(model)
    # Unless options say otherwise, rows are written as the training rows were.
    recorded = recorded_data(model).get("options") or {}
    options = SourceOptions.from_json({**recorded, **said})
    sources = [
        check_file(file, source, known.spec, options)
        for file, source in zip(files, sources, strict=True)
    ]
    problems = [source for source in sources if isinstance(source, DataError)]
    if len(problems) == len(sources):  # The model has nothing to answer.
        if as_json:
            print_json({"model": str(known.path), "answers": []})
        return max(map(_reported, problems))
    from tfsoftmax import load_predictor
    from tfsoftmax.data.unknown_categories import UnknownCategories

    predictor = load_predictor(model)
    answers: list[dict[str, Any]] = []
    unknown_in: dict[str, list[dict[str, Any]]] = {}
    code = 0
    for file, source in zip(files, sources, strict=True):
        unknown = UnknownCategories(predictor.spec.encoding)
        reading = (file, source, predictor.spec, options, invert, unknown)
        try:
            for rows, names, row in read_examples(*reading):
                found = predictor.predict_proba(rows, where=file, first_row=row)
                answers += _answers(predictor.spec, found, names, top, as_json)
        except DataError as error:
            raise_pending_interrupt()  # Reading may fail because it was interrupted.
            code = max(code, _reported(error))
        if unknown.sentence:
            _log.warning("Note: %s: %s", file, unknown.sentence)
            unknown_in[file] = unknown.to_json()
    if as_json:
        document = {"model": str(predictor.path), "answers": answers}
        print_json({**document, "unknown_categories": unknown_in} if unknown_in else document)
    return code


def _reported(error: DataError) -> int:
    """Prints the error of a file; returns the exit code of a command that it would have ended."""
    message, code = explain(error, None)
    click.echo(f"Error: {message}", err=True)
    return code


def _answers(
    spec: Spec, found: np.ndarray, names: list[str], top: int, as_json: bool
) -> list[dict[str, Any]]:
    """Prints the answers to some rows, or returns them to be printed as JSON."""
    import numpy as np

    from tfsoftmax.prediction import abstains

    answers: list[dict[str, Any]] = []
    for name, probabilities, silent in zip(names, found, abstains(found, spec), strict=True):
        best = probabilities.argsort(kind="stable")[::-1][:top]
        # Where scores overflow, no class is the best.
        best = best[np.isfinite(probabilities[best])]
        if as_json:
            labels = [
                {"label": spec.class_names[k], "probability": float(probabilities[k])} for k in best
            ]
            answer = {"file": name, "predictions": labels}
            answers.append({**answer, "abstains": True} if silent else answer)
            continue
        columns = [f"{spec.class_names[k]}\t{probabilities[k]:.4f}" for k in best]
        click.echo("\t".join([name, *columns, *(["abstains"] if silent else [])]))
    return answers
