"""``tfsoftmax convert``: exports a fitted model of scikit-learn or Keras."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfsoftmax.cli._console import (
    TensorFlowCommand,
    common_options,
    print_json,
    set_verbosity,
)
from tfsoftmax.cli._formats import Forms, format_options
from tfsoftmax.cli._types import Names
from tfsoftmax.errors import UsageError
from tfsoftmax.messages import setting

if TYPE_CHECKING:
    from tfsoftmax import SoftmaxRegression

_log = logging.getLogger("tfsoftmax.cli")


@click.command(cls=TensorFlowCommand, name="convert")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER/NAME",
    help="The folder of the model's versions; its last part is the model's name.",
)
@click.option(
    "--check-on",
    metavar="DATA",
    help="Rows that FILE's model takes, in a CSV, Parquet, .npy or text file: the converted model "
    "must have its probabilities on every one, within 1e-5. Without, files are proven on "
    "made-up rows, and not compared with FILE.",
)
@click.option(
    "--class-names",
    type=Names(),
    help="What the classes of a .keras file are called, in the order of its outputs.  "
    "[default: 0,1,2,...]",
)
@format_options
@click.option(
    "--allow-pickle",
    is_flag=True,
    help="Read .joblib, .pkl and .pickle files. Whoever made such a file can have this machine run "
    "any code by it: only for files that you made, or whose maker you trust.",
)
@click.option(
    "--trust",
    multiple=True,
    metavar="TYPE",
    help="A type that a .skops file may have, beside those known to be harmless; may be given "
    "several times.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document of all figures.")
@common_options
def convert(
    file: Path,
    output: Path,
    check_on: str | None,
    class_names: tuple[str, ...] | None,
    forms: Forms,
    allow_pickle: bool,
    trust: tuple[str, ...],
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> int:
    """Export the fitted scikit-learn or Keras model in FILE: as a SavedModel, TFLite, ONNX.

    FILE is a .skops file (pip install 'tfsoftmax[skops]'), which is read without running
    any code of its own, or with --allow-pickle a .joblib or .pkl file. It holds a classifier
    that is a softmax regression, such as LogisticRegression, alone or at the end of a Pipeline. Its
    scalers, imputers and encoders become part of the exported files, which so take the rows that
    the pipeline takes. A step that cannot be converted is named, with the reason.

    A .keras file holds a model that ends in Dense and softmax, and has no hidden layer. It has no
    names of classes: --class-names gives them. It is read in Keras's safe mode, which runs no
    code of the file's own.

    \b
    Examples:
      tfsoftmax convert model.skops -o savedmodels/birds --check-on birds.csv
      tfsoftmax convert tuned.keras -o savedmodels/tuned --check-on rows.npy
      tfsoftmax convert tuned.keras -o savedmodels/tuned --class-names no,yes
    """
    set_verbosity(verbose, quiet)
    from tfsoftmax.cli._models import export_rows, failed_files, print_parity
    from tfsoftmax.export.formats import check_formats
    from tfsoftmax.export.versions import check_output, model_folder

    place = output.parent, output.name
    check_formats(forms.formats)
    check_output(model_folder(*place))
    model, given = _converted(file, check_on, class_names, allow_pickle, trust)
    if check_on is None:
        _log.warning(
            "Note: the files are proven on made-up rows, and not compared with %s: --check-on "
            "compares them on yours",
            file,
        )
    # Imported only now, as TensorFlow comes with it, which has been started without its log.
    from tfsoftmax.convert.assemble import rows_of
    from tfsoftmax.convert.example_rows import example_rows
    from tfsoftmax.report.converted import ConversionRecord

    rows = example_rows(model.spec) if given is None else rows_of(model.spec, given)
    result = export_rows(model, place, rows, rows, forms)
    record = model.record
    compared = None
    if isinstance(record, ConversionRecord) and record.compared_rows:
        compared = {"rows": record.compared_rows, "max_difference": record.max_difference}
    if as_json:
        print_json({**result.to_json(), "compared": compared})
    else:
        click.echo(f"{result.path}")
        if compared:
            within = f"probabilities within {compared['max_difference']:.0e}"
            click.echo(f"  {file.name} and the model: {within}")
        print_parity(result)
    return failed_files(result)


def _converted(
    file: Path,
    check_on: str | None,
    class_names: tuple[str, ...] | None,
    allow_pickle: bool,
    trust: tuple[str, ...],
) -> tuple[SoftmaxRegression, Any]:
    """The model, and the rows that it was compared on."""
    from tfsoftmax.convert.files import KERAS, load_fitted, numbers_of, read_rows
    from tfsoftmax.system.startup import import_tensorflow

    fitted = load_fitted(file, allow_pickle=allow_pickle, trust=trust)
    given = None if check_on is None else read_rows(check_on, fitted)
    if file.suffix == KERAS:
        from tfsoftmax.convert.from_keras import from_keras

        given = None if given is None else numbers_of(given, str(check_on))
        return from_keras(fitted, class_names=class_names, check_on=given), given
    if class_names is not None:
        raise UsageError(
            f"{file}: its classes have names of their own; "
            + setting("class_names")
            + f" is for {KERAS} files, which have none"
        )
    import_tensorflow()
    from tfsoftmax.convert.from_sklearn import from_sklearn

    return from_sklearn(fitted, check_on=given), given
