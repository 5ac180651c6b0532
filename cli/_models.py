"""Loads a trained model, its record and its dataset for a command, and exports it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from tfsoftmax.cli._flags import render
from tfsoftmax.errors import UnknownDatasetError, UsageError
from tfsoftmax.system.paths import check_regular

if TYPE_CHECKING:
    from tfsoftmax import Dataset, ExportResult, SoftmaxRegression, Spec
    from tfsoftmax.cli._formats import Forms
    from tfsoftmax.cli._sources import Data
    from tfsoftmax.export.rescue import RescuedModel
    from tfsoftmax.export.saved_model import SavedModelPredictor


class Described(NamedTuple):
    """What a model says of itself before TensorFlow is started.

    Attributes:
      path: the file, or the folder of the version.
      spec: what it takes and answers; None where only loading it tells.
    """

    path: Path
    spec: Spec | None


def describe(place: Path) -> Described:
    """Finds a model, so that what does not suit it is an error before TensorFlow is started.

    Raises:
      ModelError: if there is no model.
    """
    from tfsoftmax.export.load import load_predictor, version_folder
    from tfsoftmax.export.metadata import FILE_NAME, spec_from_bytes

    if place.is_file():
        return Described(place, None if _is_rescued(place) else load_predictor(place).spec)
    folder = version_folder(place)
    try:
        return Described(folder, spec_from_bytes((folder / FILE_NAME).read_bytes()))
    except (OSError, ValueError):
        return Described(folder, None)


class Trained(NamedTuple):
    """A model from a version folder or a rescued file, and the dataset to check it on."""

    folder: Path
    model: SoftmaxRegression
    dataset: Dataset
    description: dict[str, Any]

    @property
    def record(self) -> dict[str, Any]:
        """How the model was made, for the record of what is exported from it."""
        from tfsoftmax.report.converted import CONVERTED
        from tfsoftmax.training.record import recorded_names

        known = (*recorded_names(), CONVERTED)
        names = [name for name in known if name in self.description]
        return {name: self.description[name] for name in names}


def load_trained(place: Path, dataset_name: str | None, data: Data) -> Trained:
    """Loads a model and its dataset, by name or else the one it was trained on.

    Raises:
      ModelError: if there is no such model, or the dataset does not suit it.
      UsageError: if the model does not say what it was trained on, or that cannot be found.
      DataError: if the dataset cannot be loaded.
    """
    if dataset_name:
        data.options(dataset_name)
    folder, predictor, description = _load(place)
    recorded = description.get("dataset") or {}
    name = dataset_name or recorded.get("name")
    if not name:
        raise UsageError(f"{folder} does not say what it was trained on: give --dataset")
    # A table is encoded as the model has it, not as could be learned from this one.
    model = predictor.spec if predictor.spec.encoding else None
    try:
        dataset = data.load(name, reading_options(predictor.spec, recorded), model)
    except UnknownDatasetError as error:
        if dataset_name:
            raise
        raise UsageError(
            f"{folder} was trained on {name!r}, which is not a file or dataset that can be found: "
            "give --dataset"
        ) from error
    predictor.positions_of(dataset)
    return Trained(folder, predictor.model(), dataset, description)


def _is_rescued(place: Path) -> bool:
    from tfsoftmax.export.metadata import RESCUED

    return place.suffix == RESCUED and place.is_file()


def _load(place: Path) -> tuple[Path, SavedModelPredictor | RescuedModel, dict[str, Any]]:
    """Loads a model; returns its path, the model, and the content of its ``tfsoftmax.json``."""
    from tfsoftmax.export.load import load_saved_model, version_folder
    from tfsoftmax.system.startup import import_tensorflow

    folder = place if _is_rescued(place) else version_folder(place)
    import_tensorflow()
    if folder.is_file():
        from tfsoftmax.export.rescue import RescuedModel

        rescued = RescuedModel(place)
        return place, rescued, rescued.description
    predictor = load_saved_model(folder)
    return folder, predictor, predictor.description


def load_weights(place: Path) -> tuple[Path, SoftmaxRegression]:
    """Loads a model's weights, of a ``.tflite`` or ``.onnx`` file from the SavedModel beside it.

    Returns:
      Where they were found, and the model.

    Raises:
      ModelError: if there is no such model.
    """
    from tfsoftmax.errors import ModelError
    from tfsoftmax.export.load import SAVED_MODEL

    if not place.is_file() or _is_rescued(place):
        folder, predictor, _ = _load(place)
        return folder, predictor.model()
    spec = describe(place).spec
    if not (place.parent / SAVED_MODEL).is_file():
        raise ModelError(
            f"{place}: its weights are read from the SavedModel that it was exported with, and "
            "there is none beside it; give the model's folder"
        )
    folder, predictor, _ = _load(place.parent)
    if predictor.spec != spec:
        raise ModelError(f"{place}: the SavedModel beside it is of another model")
    return folder, predictor.model()


def reading_options(spec: Spec, recorded: dict[str, Any]) -> dict[str, Any]:
    """The options to read data for a model: those of its training data, matched to its spec.

    Args:
      spec: of the model.
      recorded: what the model's record says of its data; may be empty.
    """
    options = dict(recorded.get("options") or {})
    if spec.feature_names:
        options["features"] = spec.feature_names
    if spec.missing:
        options["missing"] = spec.missing
    if spec.is_image:
        options["image_size"] = spec.example_shape[:2]
        options["color"] = "rgb" if spec.example_shape[2:] == (3,) else "gray"
    return options


def recorded_data(place: Path) -> dict[str, Any]:
    """What the model in a folder, or beside a file, has recorded of its data; may be empty."""
    recorded = recorded_of(place).get("dataset")
    return recorded if isinstance(recorded, dict) else {}


def recorded_of(place: Path) -> dict[str, Any]:
    """The content of ``tfsoftmax.json`` in a model's folder, or beside a file; may be empty."""
    from tfsoftmax.errors import ModelError
    from tfsoftmax.export.load import version_folder
    from tfsoftmax.export.metadata import FILE_NAME

    try:
        folder = place.parent if place.is_file() else version_folder(place)
        check_regular(folder / FILE_NAME)
        recorded = json.loads((folder / FILE_NAME).read_bytes())
    except (OSError, ValueError, ModelError):
        return {}
    return recorded if isinstance(recorded, dict) else {}


def export_to(
    model: SoftmaxRegression,
    place: tuple[Path, str],
    dataset: Dataset,
    forms: Forms,
    record: dict[str, Any] | None = None,
) -> ExportResult:
    """Exports to (output folder, name); Ctrl-C and SIGTERM leave nothing half-written.

    A model that was loaded needs its `record`; one that was trained in this run carries it.
    The result names files that failed: `failed_files` prints them and gives the exit code.
    """
    return export_rows(model, place, dataset.test, dataset.train.features, forms, record)


def export_rows(
    model: SoftmaxRegression,
    place: tuple[Path, str],
    check_on: Any,
    calibrate_on: Any,
    forms: Forms,
    record: dict[str, Any] | None = None,
) -> ExportResult:
    """As `export_to`, of a model that comes with rows rather than a dataset."""
    from tfsoftmax import IncompleteExportError, export_model
    from tfsoftmax.cli._interrupt import defer_interrupts, ignore_further_signals

    with defer_interrupts() as check_interrupt:
        try:
            result = export_model(
                model,
                *place,
                check_on=check_on,
                calibrate_on=calibrate_on,
                formats=forms.formats,
                **forms.options,
                record=record,
                on_step=check_interrupt,
            )
        except IncompleteExportError as error:
            result = error.result
        ignore_further_signals()
        return result


def failed_files(result: ExportResult) -> int:
    """Prints an error for each file that could not be exported; returns the exit code."""
    for file, why in result.failed.items():
        click.echo(f"Error: {result.path} is without {file}: {render(why)}", err=True)
    return 1 if result.failed else 0


def print_parity(exported: ExportResult) -> None:
    """Prints, for each artefact, how its predictions compare with the model's."""
    for file, parity in exported.parity.items():
        click.echo(
            f"  {file:<24} same class on {parity.same_class:,} of {parity.n_samples:,} rows, "
            f"probabilities within {parity.max_difference:.0e}"
        )
