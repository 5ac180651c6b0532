"""What TensorFlow Serving likes to find beside a model: warm-up records, sample requests.

Serving replays the records of ``assets.extra/tf_serving_warmup_requests`` before it lets a
new version answer, so that the first client does not wait for lazy initialisation.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax.data.encoded import Cells
from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.data.images import levels_of
from tfsoftmax.export import metadata
from tfsoftmax.export.examples import example_of, present, rows_of, serialized_examples
from tfsoftmax.export.exported_model import (
    BYTES_INPUT,
    BYTES_SIGNATURE,
    CLASSIFY_SIGNATURE,
    ENCODED_SIGNATURE,
    EXAMPLES,
    EXAMPLES_SIGNATURE,
    SIGNATURE,
)
from tfsoftmax.export.tensors import DENSE, Tensors, first_rows, tensors_of
from tfsoftmax.prediction import prediction_blocks
from tfsoftmax.spec import Spec
from tfsoftmax.system.startup import as_os_errors

WARM_UP = Path("assets.extra", "tf_serving_warmup_requests")
REQUESTS = "requests"
_BATCHES = (1, 32)


class Samples(NamedTuple):
    """Some rows, at least one, to ask a served model.

    Attributes:
      served: as `serving_default` takes them.
      encoded: as features; not the same rows if the served ones are rows of an encoded table.
    """

    served: Tensors
    encoded: Tensors


def samples_of(spec: Spec, rows: FeaturesLike, cells: Cells | None) -> Samples:
    """Some rows.

    Args:
      spec: of the model.
      rows: of features, ``[n_samples, n_features]``.
      cells: of rows of the table that the model encodes; None if it encodes none.
    """
    _, block = next(prediction_blocks(spec, rows))
    encoded = tensors_of(spec, block[: max(_BATCHES)])
    return Samples(encoded if cells is None else cells, encoded)


def write_labels(folder: Path, spec: Spec) -> Path:
    """Writes the class names, one a line, for the SavedModel to take along; returns the file.

    It lies in a folder of its own, which Serving ignores.
    """
    path = folder / REQUESTS / metadata.LABELS_NAME
    path.parent.mkdir()
    path.write_text(metadata.labels_text(spec), "utf-8")
    return path


def write_warm_up(folder: Path, spec: Spec, name: str, samples: Samples) -> None:
    """Writes a record for every signature, single and in a batch.

    Args:
      folder: of the SavedModel.
      spec: of the model.
      name: of the model, as it will be served.
      samples: some rows.
    """
    from tensorflow_serving.apis import classification_pb2, predict_pb2, prediction_log_pb2

    def predict(signature: str, tensors: Mapping[str, Any]) -> Any:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = name
        request.model_spec.signature_name = signature
        for key, values in tensors.items():
            request.inputs[key].CopyFrom(tf.make_tensor_proto(values))
        log = prediction_log_pb2.PredictLog(request=request)
        return prediction_log_pb2.PredictionLog(predict_log=log)

    def classify(tensors: Tensors) -> Any:
        request = classification_pb2.ClassificationRequest()
        request.model_spec.name = name
        request.model_spec.signature_name = CLASSIFY_SIGNATURE
        request.input.example_list.examples.extend(map(example_of, rows_of(tensors)))
        log = prediction_log_pb2.ClassifyLog(request=request)
        return prediction_log_pb2.PredictionLog(classify_log=log)

    records = []
    for count in _BATCHES:
        served = first_rows(samples.served, count)
        records += [predict(SIGNATURE, served), classify(served)]
        if spec.encoding:
            records.append(predict(ENCODED_SIGNATURE, first_rows(samples.encoded, count)))
            examples = {EXAMPLES: serialized_examples(served)}
            records.append(predict(EXAMPLES_SIGNATURE, examples))
        if spec.is_image:
            pictures = [png_of(row, spec) for row in served[DENSE]]
            records.append(predict(BYTES_SIGNATURE, {BYTES_INPUT: pictures}))
    path = folder / WARM_UP
    path.parent.mkdir()
    with as_os_errors(), tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record.SerializeToString(deterministic=True))


def write_requests(folder: Path, spec: Spec, name: str, samples: Samples) -> None:
    """Writes ready REST bodies, and the commands that send them.

    Args:
      folder: of the SavedModel.
      spec: of the model.
      name: of the model, as it will be served.
      samples: some rows.
    """
    place = folder / REQUESTS
    place.mkdir(exist_ok=True)
    served, encoded = first_rows(samples.served, 2), first_rows(samples.encoded, 2)
    examples = [
        {key: _plain(np.ravel(value) if np.ndim(value) else value) for key, value in row.items()}
        for row in map(present, rows_of(served))
    ]
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        # Serving's "column" format names inputs, its "row" format only if there are several.
        "predict-rows.json": ("predict", {"instances": instances(served)}),
        "predict-columns.json": (
            "predict",
            {"inputs": {key: _plain(tensor) for key, tensor in served.items()}},
        ),
        "classify.json": (
            "classify",
            {"signature_name": CLASSIFY_SIGNATURE, "examples": examples},
        ),
    }
    if spec.encoding:
        bodies["predict-encoded.json"] = (
            "predict",
            {"signature_name": ENCODED_SIGNATURE, "instances": instances(encoded)},
        )
        bodies["predict-examples.json"] = (
            "predict",
            {
                "signature_name": EXAMPLES_SIGNATURE,
                "instances": [_base64(each) for each in serialized_examples(served)],
            },
        )
    if spec.is_image:
        pictures = [_base64(png_of(row, spec)) for row in served[DENSE]]
        bodies["predict-bytes.json"] = (
            "predict",
            {"signature_name": BYTES_SIGNATURE, "instances": pictures},
        )
    lines = [
        f"# TensorFlow Serving's REST interface, where '{name}' is served on this machine.",
        'cd "$(dirname "$0")" || exit',
    ]
    for file, (verb, body) in bodies.items():
        (place / file).write_text(json.dumps(body) + "\n", "utf-8")
        # KServe, which takes the same bodies, wants to be told that they are JSON.
        lines.append(
            f"curl -sS -H 'Content-Type: application/json' -d @{file} "
            f"http://127.0.0.1:8501/v1/models/{name}:{verb}; echo"
        )
    (place / "curl.sh").write_text("\n".join(lines) + "\n", "utf-8")


def instances(tensors: Tensors) -> list[Any]:
    """Rows in Serving's row format, which wants several inputs named, and one need not be."""
    if len(tensors) == 1:
        (only,) = tensors.values()
        return _plain(only)
    columns = zip(*map(_plain, tensors.values()), strict=True)
    return [dict(zip(tensors, row, strict=True)) for row in columns]


def _plain(value: Any) -> Any:
    """Numbers and texts for JSON, float32 as short as it can be written."""
    array = np.asarray(value)
    if array.dtype == np.float32:
        array = np.array([float(str(number)) for number in array.flat]).reshape(array.shape)
    return array.tolist()


def _base64(content: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(content).decode()}


def png_of(row: np.ndarray, spec: Spec) -> bytes:
    """One raw example as an encoded picture, black to white over the spec's range."""
    from PIL import Image

    pixels = levels_of(row, spec)
    picture = Image.fromarray(pixels.squeeze(-1) if pixels.shape[2:] == (1,) else pixels)
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
