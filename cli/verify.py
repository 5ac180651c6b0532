"""``tfsoftmax verify``: compares a model's files with the model, in every installed runtime."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfsoftmax.cli._console import (
    TensorFlowCommand,
    common_options,
    print_json,
    set_verbosity,
)
from tfsoftmax.cli._sources import Data, data_options, dataset_of_model_option

if TYPE_CHECKING:
    from tfsoftmax.export.verify import Check

_COLUMNS = "{:<24} {:<13} {:>9} {:>13} {:>10} {:>8} {:>9} {:>9}  {}"


@click.command(cls=TensorFlowCommand, name="verify")
@click.argument("model", type=click.Path(path_type=Path))
@dataset_of_model_option
@data_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document of all figures.")
@common_options
def verify(
    model: Path,
    dataset_name: str | None,
    data: Data,
    as_json: bool,
    verbose: bool,
    quiet: bool,
) -> int:
    """Compare every file of MODEL with the trained model, in every runtime installed.

    MODEL is a SavedModel folder that tfsoftmax made, or a model's folder, whose highest
    version is taken. Its test rows are asked of each file in TensorFlow, LiteRT, ONNX
    Runtime, OpenVINO, TFLite Micro and MediaPipe, as far as they are installed: of OpenVINO as
    it comes, where it may round to bfloat16 and only the class is judged, and in float32.
    Where all rows would take more than ten seconds, as many as fit are asked. A model of a
    table is also given rows of it as they are, and with cells missing and unknown. The exit code
    is 1 if anything disagrees.
    """
    set_verbosity(verbose, quiet)
    from tfsoftmax.cli._models import load_trained

    trained = load_trained(model, dataset_name, data)
    # After TensorFlow was started, quietly, by loading the model.
    from tfsoftmax.export.raw import MOST_ROWS
    from tfsoftmax.export.verify import RAW_ROWS
    from tfsoftmax.export.verify import verify as run

    if not as_json:
        # The SavedModel's bytes are its graph's and its weights'.
        click.echo(
            f"{trained.folder} against the model, {trained.dataset.name}, "
            f"{len(trained.dataset.test):,} rows"
        )
        click.echo(
            _COLUMNS.format(
                "file",
                "runtime",
                "bytes",
                "same class",
                "difference",
                "accuracy",
                "1 row",
                "256 rows",
                "",
            ).rstrip()
        )
    rows = len(trained.dataset.test)
    on_check = None if as_json else partial(_print, rows=rows)
    checks, missing = run(trained.folder, trained.dataset, on_check)
    failed = [check for check in checks if check.problem]
    if not as_json and any(check.runtime == RAW_ROWS for check in checks):
        click.echo(
            f"{RAW_ROWS}: rows of the table as they are, at most {MOST_ROWS:,}, and some more with "
            "each cell missing and each text unknown; counted once for each form in which the file "
            "takes them"
        )
    if as_json:
        document = {
            "model": str(trained.folder),
            "dataset": trained.dataset.name,
            "holds": not failed,
            "checks": [check.to_json() for check in checks],
            "not_installed": [runtime.name for runtime in missing],
        }
        print_json(document)
    installs = {runtime.install: runtime.name for runtime in reversed(missing)}
    for install, name in [] if quiet else reversed(installs.items()):
        click.echo(f"not installed: {name} ({install})", err=True)
    for check in failed:
        where = f"{check.file} in {check.runtime}" if check.runtime else check.file
        click.echo(f"Error: {where}: {check.problem}", err=True)
    return 1 if failed else 0


def _print(check: Check, rows: int) -> None:
    from tfsoftmax.export.verify import RAW_ROWS

    parity = check.parity
    asked = parity.n_samples if parity and check.runtime != RAW_ROWS else rows
    some = f"of {rows:,} rows" if asked < rows else ""
    click.echo(
        _COLUMNS.format(
            check.file,
            check.runtime,
            f"{check.bytes:,}",
            f"{parity.same_class:,}/{parity.n_samples:,}" if parity else "",
            f"{parity.max_difference:.0e}" if parity else "",
            f"{check.accuracy:.4f}" if check.accuracy is not None else "",
            _duration(check.seconds_1),
            _duration(check.seconds_256),
            "FAILS" if check.problem else some,
        ).rstrip()
    )


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1e6:.0f} us" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"
