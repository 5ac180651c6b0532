"""Exports a model: files in a new version folder, each checked against the model."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.data.inputs import rows_for
from tfsoftmax.errors import ExportError, IncompleteExportError, UsageError
from tfsoftmax.export import manifest, metadata
from tfsoftmax.export.formats import (
    DEFAULT,
    FORMATS,
    Ingredients,
    check_formats,
    check_options,
    find_formats,
    format_options,
)
from tfsoftmax.export.load import SAVED_MODEL
from tfsoftmax.export.raw import cells_of, with_gaps
from tfsoftmax.export.versions import is_text, model_folder, new_version
from tfsoftmax.messages import message_of

if TYPE_CHECKING:
    from tfsoftmax.data.encoded import Cells
    from tfsoftmax.data.features import FeaturesLike
    from tfsoftmax.export.parity import Parity
    from tfsoftmax.model import SoftmaxRegression
    from tfsoftmax.training.record import RunRecord

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExportResult:
    """What `export_model` wrote.

    Attributes:
      path: the version folder: a SavedModel, with the other files and metadata in it.
      tflite: the float32 TFLite file; None if it was not asked for.
      parity: for each artefact's file, how it compared with the model in memory; the
        SavedModel's is ``saved_model.pb``.
      failed: for each file asked for that is not there, why.
    """

    path: Path
    tflite: Path | None
    parity: dict[str, Parity] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of every figure and path."""
        return {
            "saved_model": str(self.path),
            "tflite": str(self.tflite) if self.tflite else None,
            "version": int(self.path.name),
            "parity": {name: parity.to_json() for name, parity in self.parity.items()},
            "failed": self.failed,
        }


def export_model(
    model: SoftmaxRegression,
    output_dir: str | os.PathLike[str],
    name: str,
    *,
    check_on: Any,
    formats: str | Sequence[str] = DEFAULT,
    calibrate_on: Any = None,
    record: RunRecord | Mapping[str, Any] | None = None,
    on_step: Callable[[], None] | None = None,
    **options: int | None,
) -> ExportResult:
    """Writes ``output_dir/name/VERSION/``, VERSION the next free integer.

    The folder is a SavedModel for TensorFlow Serving, with warm-up records, sample requests,
    the files asked for, a model card, ``tfsoftmax.json`` and ``SHA256SUMS`` in it. Before it
    appears every artefact is loaded again and must answer as the model does on every row of
    `check_on` (the integer kinds: on 99 of 100). A file that does not is left out, and card
    and ``tfsoftmax.json`` say why. Where the SavedModel itself fails, or the disk, nothing
    appears.

    Args:
      model: the trained model.
      output_dir: made if it is missing.
      name: of the model: letters, digits, '.', '_' and '-'.
      check_on: raw rows, for example the test split's: an array ``[n_samples, n_features]`` or
        ``[n_samples, *example_shape]``, a table with the model's columns, or a `Split`. Of a
        model that encodes its columns a table is served to it as it is, too, and so are the
        rows that a `Split` brings (`Split.raw`); and, whatever is given, rows with cells that
        are missing, empty or unknown.
      formats: what to write beside the SavedModel, by their names, such as
        ``float32``, ``int8`` or ``onnx``; or one of them.
      calibrate_on: raw training rows, the same way, for ``int8`` and ``uint8``.
      record: how the model was made, for its card and ``tfsoftmax.json``; a dictionary must be
        JSON-ready. None takes what `fit` left in the model, unless W or b has changed since.
      on_step: called between files and before the folder appears; what it raises stops
        the export.
      options: of the formats. ``tflite_batch`` is how many rows the TFLite files take at a time,
        from 1 to 4,096; None, as without it, is any number, which runtimes of fixed shapes, such
        as LiteRT.js, refuse.

    Raises:
      UsageError: if `model` is none; if an option is unknown or out of range; if a format is
        unknown, does not suit the model, or lacks its package.
      ModelError: if rows have not the model's columns or shape, or `record` has other content
        than this package keeps there.
      DataError: naming row and feature of a value that the model does not take.
      IncompleteExportError: if a file was left out; the folder is there without it.
      ExportError: if the folder cannot be written, or the SavedModel disagrees.

    >>> import tempfile, tfsoftmax
    >>> spec = tfsoftmax.Spec((4,), "float32", ("no", "yes"))
    >>> rows = np.zeros((3, 4), np.float32)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = export_model(tfsoftmax.SoftmaxRegression(spec), folder, "tiny", check_on=rows)
    ...     tfsoftmax.load_predictor(result.tflite).probabilities(rows[:1]).tolist()
    [[0.5, 0.5]]
    """
    from tfsoftmax.export import serving
    from tfsoftmax.export.exported_model import ExportedModel
    from tfsoftmax.export.proof import write_proven
    from tfsoftmax.export.saved_model import save
    from tfsoftmax.model import check_model
    from tfsoftmax.report import card

    check_model(model)
    formats = (formats,) if isinstance(formats, str) else tuple(formats)
    check_formats(formats, model.spec)
    chosen = check_options(options)
    cells = cells_of(model.spec, check_on)
    check_on = rows_for(model.spec, check_on, "check_on")
    if not len(check_on):
        raise UsageError("check_on has no rows; give some that the files can be proven on")
    if calibrate_on is not None:
        calibrate_on = rows_for(model.spec, calibrate_on, "calibrate_on")
    if not all(np.isfinite(parameter.numpy()).all() for parameter in model.parameters):
        raise ExportError(
            f"{name}: W or b holds numbers that are not finite; train it again with a smaller "
            "learning rate"
        )
    if odd := [label for label in model.spec.class_names if not is_text(label)]:
        raise ExportError(f"{name}: the class name {odd[0]!r} is no text that UTF-8 can write")
    recorded = _recorded(model, record)
    card.check_record(recorded, model.spec)
    step = on_step or (lambda: None)
    if model.spec.encoding:
        cells = with_gaps(model.spec, cells)
    samples = serving.samples_of(model.spec, check_on, cells)
    needs: dict[str, str] = {}
    failed: dict[str, str] = {}
    with new_version(model_folder(Path(output_dir), name)) as version:
        folder = version.staging
        exported = ExportedModel(model, serving.write_labels(folder, model.spec))
        save(exported, folder)
        serving.write_warm_up(folder, model.spec, name, samples)
        serving.write_requests(folder, model.spec, name, samples)
        description = metadata.describe(model.spec, name, recorded)
        description |= {"compared_rows": len(check_on), "needs": needs, **chosen}
        _write(folder / metadata.FILE_NAME, description)
        parity = {SAVED_MODEL: _proven_saved_model(model, folder, check_on, cells)}
        ingredients = Ingredients(exported, name, calibrate_on, chosen)
        for form in find_formats(formats):
            step()
            path = folder / form.file
            try:
                proven = write_proven(form, ingredients, path, check_on, step, cells)
                needs[path.name], parity[path.name] = proven
            except ExportError as error:
                path.unlink(missing_ok=True)
                failed[path.name] = message_of(error)
        description["parity"] = {file: found.to_json() for file, found in parity.items()}
        if failed:
            description["failed"] = failed
        _write(folder / metadata.FILE_NAME, description)
        notes = [format_options()[option].note(value) for option, value in chosen.items()]
        (folder / card.FILE_NAME).write_text(card.card(description, folder, model, notes), "utf-8")
        manifest.write(folder)
        step()
    file = FORMATS["float32"].file
    tflite = version.path / file if file in parity else None
    result = ExportResult(version.path, tflite, parity, failed)
    if failed:
        raise IncompleteExportError(result)
    return result


def _proven_saved_model(
    model: SoftmaxRegression, folder: Path, rows: FeaturesLike, cells: Cells | None
) -> Parity:
    from tfsoftmax.export.parity import check_parity
    from tfsoftmax.export.saved_model import SavedModelPredictor

    try:
        return check_parity(model, SavedModelPredictor(folder), rows, cells=cells)
    except ExportError as error:
        raise ExportError(
            "nothing was exported, for the SavedModel failed: " + message_of(error)
        ) from error


def _recorded(
    model: SoftmaxRegression, record: RunRecord | Mapping[str, Any] | None
) -> dict[str, Any]:
    """How the model was made, JSON-ready; empty if that is not known."""
    if isinstance(record, Mapping):
        return dict(record)
    if record is None and model.record and not model.record.is_of(model):
        _log.warning(
            "Note: W or b has changed since the model was made, so its card does not say how it "
            "was made"
        )
        return {}
    known = record or model.record
    found = known.to_json() if known else {}
    if model.profile:
        found.setdefault("profile", model.profile.to_json())
    return found


def _write(path: Path, description: dict[str, Any]) -> None:
    path.write_bytes(metadata.to_bytes(description))
