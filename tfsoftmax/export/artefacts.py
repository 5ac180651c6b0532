"""Every form a model is written in beside the SavedModel: how to make, load and judge it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.errors import ExportError, ModelError, UsageError
from tfsoftmax.export import onnx
from tfsoftmax.export.parity import EXACT, HALF, INTEGER, Demand, Parity, check_parity
from tfsoftmax.export.predictor import Predictor
from tfsoftmax.export.tflite import attached, trainable
from tfsoftmax.export.tflite import convert as tflite
from tfsoftmax.export.tflite import metadata as tflite_metadata
from tfsoftmax.export.tflite import version as tflite_version

if TYPE_CHECKING:
    from tfsoftmax.export.saved_model import ExportedModel


# Of a file with a fixed number of rows; a device has no use for more at a time.
MOST_ROWS = 4096

T = TypeVar("T")


class Source(NamedTuple):
    """What an artefact is made from.

    Attributes:
      exported: the model.
      name: of the model.
      calibration: raw training rows, for the integer kinds.
      batch: how many rows a TFLite file takes; None for any number.
    """

    exported: ExportedModel
    name: str
    calibration: FeaturesLike | None
    batch: int | None = None


def _tflite_needs(content: bytes) -> str:
    return f"TFLite {tflite_version.oldest_runtime(content)}"


class Artefact(NamedTuple):
    """One form: its file, how it is made and loaded, what is asked of it.

    Attributes:
      needs: from the file's content, the oldest runtime that runs it.
    """

    file: str
    make: Callable[[Source], bytes]
    load: Callable[[Path], Predictor]
    demand: Demand
    needs: Callable[[bytes], str] = _tflite_needs


def _tflite(kind: str, source: Source) -> bytes:
    spec = source.exported.model.spec
    content = tflite.convert(source.exported, kind, source.calibration, source.batch)
    described = tflite_metadata.attach(content, spec, source.name, spec.example_shape)
    return attached.append(described, spec, source.name, source.batch)


def _mediapipe(source: Source) -> bytes:
    spec = source.exported.model.spec
    content = tflite.convert_for_mediapipe(source.exported)
    picture = (*spec.example_shape[:2], 3)
    described = tflite_metadata.attach(content, spec, source.name, picture)
    return attached.append(described, spec, source.name)


def _trainable(source: Source) -> bytes:
    model = source.exported.model
    content = trainable.convert(model, source.batch)
    return attached.append(content, model.spec, source.name, source.batch)


_DEMANDS = {
    "float32": EXACT,
    "float16": HALF,
    "dynamic": INTEGER,
    "int8": INTEGER,
    "uint8": INTEGER,
    "micro": EXACT,
}

ARTEFACTS = {
    **{
        kind: Artefact(
            tflite.file_name(kind), partial(_tflite, kind), tflite.TFLitePredictor, demand
        )
        for kind, demand in _DEMANDS.items()
    },
    "mediapipe": Artefact(tflite.MEDIAPIPE_FILE, _mediapipe, tflite.TFLitePredictor, EXACT),
    "trainable": Artefact(trainable.FILE_NAME, _trainable, tflite.TFLitePredictor, EXACT),
    "onnx": Artefact(
        onnx.FILE_NAME,
        lambda source: onnx.convert(source.exported.model, source.name),
        onnx.OnnxPredictor,
        EXACT,
        lambda content: onnx.NEEDS,
    ),
}


def chosen(formats: Sequence[str]) -> list[Artefact]:
    """The artefacts of these names, each once.

    Raises:
      UsageError: if a name is unknown.
    """
    unknown = [name for name in formats if name not in ARTEFACTS]
    if unknown:
        raise UsageError(f"format must be one of {', '.join(ARTEFACTS)}, not {unknown[0]!r}")
    return [ARTEFACTS[name] for name in dict.fromkeys(formats)]


def check_batch(batch: int | None) -> None:
    """Refuses what is no number of rows for a TFLite file.

    Raises:
      UsageError: if it is not a whole number from 1 to 4,096, or None.
    """
    whole = isinstance(batch, Integral) and not isinstance(batch, bool)
    if batch is not None and not (whole and 1 <= batch <= MOST_ROWS):
        raise UsageError(
            f"tflite_batch must be a whole number from 1 to {MOST_ROWS}, not {batch!r}"
        )


def proven(
    artefact: Artefact, source: Source, path: Path, rows: FeaturesLike, on_step: Callable[[], None]
) -> tuple[str, Parity]:
    """Writes an artefact, loads it again and compares it with the model.

    Args:
      artefact: which one.
      source: what it is made from.
      path: where to write it.
      rows: raw rows ``[n_samples, n_features]`` to ask both.
      on_step: called once it is written.

    Returns:
      The oldest runtime that runs it, and how it compared.

    Raises:
      UsageError: if it does not suit the model, or lacks its package.
      ExportError: if it cannot be made, or loaded, or disagrees with the model.
      OSError: if it cannot be written.
    """
    content = _attempt("made", lambda: artefact.make(source))
    path.write_bytes(content)
    on_step()
    predictor = _attempt("loaded again", lambda: artefact.load(path))
    model = source.exported.model
    parity = _attempt("run", lambda: check_parity(model, predictor, rows, artefact.demand))
    return artefact.needs(content), parity


def _attempt(what: str, act: Callable[[], T]) -> T:
    try:
        return act()
    except (UsageError, ExportError):
        raise
    # Converters and runtimes have errors of many kinds; all mean that this file is no good.
    except Exception as error:
        reason = error.__cause__ if isinstance(error, ModelError) else None
        lines = str(reason or error).strip().splitlines()
        raise ExportError(f"it cannot be {what}: {(lines or [type(error).__name__])[0]}") from error
