"""Models as they were exported, loaded again: from any of their files, or their folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tfsoftmax.errors import ModelError, UnknownModelError
from tfsoftmax.export.formats import FORMATS, format_of
from tfsoftmax.export.predictor import Predictor
from tfsoftmax.export.versions import versions
from tfsoftmax.system.paths import check_regular, user_path

if TYPE_CHECKING:
    from tfsoftmax.export.saved_model import SavedModelPredictor

# The SavedModel, a folder, is listed in tfsoftmax.json under the name of its graph's file.
SAVED_MODEL = "saved_model.pb"


def load_predictor(path: str | os.PathLike[str]) -> Predictor:
    """Loads an exported model, whichever kind it is.

    Args:
      path: a ``.tflite`` or ``.onnx`` file; a SavedModel folder; or a model's folder,
        whose highest version is taken.

    Raises:
      UnknownModelError: if there is no such path.
      ModelError: if there is no model there that this package made.
    """
    place = user_path(path)
    _check_regular(place)
    if place.is_file():
        return format_of(place).load(place)
    return load_saved_model(version_folder(place))


def version_folder(place: Path) -> Path:
    """The SavedModel folder meant by a path: itself, or a model's highest version.

    Raises:
      UnknownModelError: if there is no such path.
      ModelError: if there is no SavedModel.
    """
    _check_regular(place)
    if not place.exists():
        raise UnknownModelError(f"{place}: no such file or folder")
    if place.is_file():
        raise ModelError(f"{place}: a file; give the model's folder, which has the SavedModel")
    if not (place / SAVED_MODEL).is_file():
        numbers = [n for n in versions(place) if (place / str(n) / SAVED_MODEL).is_file()]
        if not numbers:
            endings = " or ".join(dict.fromkeys(Path(row.file).suffix for row in FORMATS.values()))
            raise ModelError(
                f"{place}: no model here: expected a {endings} file, a SavedModel folder, "
                "or a folder with numbered versions of one"
            )
        place = place / str(numbers[-1])
    for file in place.rglob("*"):
        _check_regular(file)
    return place


def _check_regular(place: Path) -> None:
    try:
        check_regular(place)
    except OSError as error:
        raise ModelError(f"{place}: {error.strerror}") from error


def load_saved_model(folder: Path) -> SavedModelPredictor:
    """Loads a SavedModel folder that `export_model` made.

    Raises:
      ModelError: if it is not one.
    """
    from tfsoftmax.system.startup import import_tensorflow

    import_tensorflow()
    from tfsoftmax.export.saved_model import SavedModelPredictor

    return SavedModelPredictor(folder)
