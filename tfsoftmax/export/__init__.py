"""Out to where models live: artefacts, written whole and proven equal to the model."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.errors import ModelError
from tfsoftmax.export import metadata
from tfsoftmax.export.predictor import Predictor
from tfsoftmax.export.versions import model_folder, new_version, versions

if TYPE_CHECKING:
    from tfsoftmax.export.parity import Parity
    from tfsoftmax.model import SoftmaxRegression

__all__ = ["ExportResult", "Predictor", "export_model", "load_predictor"]

TFLITE_NAME = "model.tflite"
_SAVED_MODEL_FILE = "saved_model.pb"


@dataclass(frozen=True)
class ExportResult:
    """What `export_model` wrote.

    Attributes:
      path: the version folder: a SavedModel, with the TFLite file and metadata in it.
      tflite: the TFLite file.
      parity: for each artefact, how it compared with the model in memory.
    """

    path: Path
    tflite: Path
    parity: dict[str, Parity] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of every figure and path."""
        return {
            "saved_model": str(self.path),
            "tflite": str(self.tflite),
            "version": int(self.path.name),
            "parity": {name: parity.to_json() for name, parity in self.parity.items()},
        }


def export_model(
    model: SoftmaxRegression,
    output_dir: str | os.PathLike[str],
    name: str,
    *,
    check_on: np.ndarray,
    record: dict[str, Any] | None = None,
) -> ExportResult:
    """Writes ``output_dir/name/VERSION/``, VERSION the next free integer.

    The folder is a SavedModel for TensorFlow Serving with ``model.tflite`` and
    ``tfsoftmax.json`` in it. Before it appears both artefacts are loaded again and must
    give the model's own answers on every row of `check_on`. It appears whole or, on any
    failure, not at all.

    Args:
      model: the trained model.
      output_dir: made if it is missing.
      name: of the model: letters, digits, '.', '_' and '-'.
      check_on: raw rows ``[n_samples, n_features]``, for example the test split's.
      record: how the model was made, kept in ``tfsoftmax.json``; JSON-ready.

    Raises:
      ExportError: if the folder cannot be written, or an artefact disagrees.

    >>> import tempfile, tfsoftmax
    >>> spec = tfsoftmax.Spec((4,), "float32", ("no", "yes"))
    >>> rows = np.zeros((3, 4), np.float32)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = export_model(tfsoftmax.SoftmaxRegression(spec), folder, "tiny", check_on=rows)
    ...     load_predictor(result.tflite).probabilities(rows[:1]).tolist()
    [[0.5, 0.5]]
    """
    from tfsoftmax.export.parity import check_parity
    from tfsoftmax.export.saved_model import ExportedModel, SavedModelPredictor, save
    from tfsoftmax.export.tflite import TFLitePredictor, convert

    exported = ExportedModel(model)
    with new_version(model_folder(Path(output_dir), name)) as version:
        folder = version.staging
        save(exported, folder)
        tflite = metadata.append_to_tflite(convert(exported), model.spec, name)
        (folder / TFLITE_NAME).write_bytes(tflite)
        description = metadata.describe(model.spec, name, record or {})
        (folder / metadata.FILE_NAME).write_bytes(metadata.to_bytes(description))
        parity = {
            "saved_model": check_parity(model, SavedModelPredictor(folder), check_on),
            "tflite": check_parity(model, TFLitePredictor(folder / TFLITE_NAME), check_on),
        }
        description["parity"] = {kind: found.to_json() for kind, found in parity.items()}
        (folder / metadata.FILE_NAME).write_bytes(metadata.to_bytes(description))
    return ExportResult(version.path, version.path / TFLITE_NAME, parity)


def load_predictor(path: str | os.PathLike[str]) -> Predictor:
    """Loads an exported model, whichever kind it is.

    Args:
      path: a ``.tflite`` file; a SavedModel folder; or a model's folder, whose highest
        version is taken.

    Raises:
      ModelError: if there is no such path, or no model that this package made.
    """
    place = Path(path)
    if place.is_file():
        from tfsoftmax.export.tflite import TFLitePredictor

        return TFLitePredictor(place)
    if not place.exists():
        raise ModelError(f"{place}: no such file or folder")
    if not (place / _SAVED_MODEL_FILE).is_file():
        numbers = [n for n in versions(place) if (place / str(n) / _SAVED_MODEL_FILE).is_file()]
        if not numbers:
            raise ModelError(
                f"{place}: no model here: expected a .tflite file, a SavedModel folder, or a "
                "folder with numbered versions of one"
            )
        place = place / str(numbers[-1])
    from tfsoftmax.startup import import_tensorflow

    import_tensorflow()
    from tfsoftmax.export.saved_model import SavedModelPredictor

    return SavedModelPredictor(place)
