"""What TensorFlow Serving likes to find beside a model: warm-up records, sample requests.

Serving replays the records of ``assets.extra/tf_serving_warmup_requests`` before it lets a
new version answer, so that the first client does not wait for lazy initialisation.
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfsoftmax.data.images import levels_of
from tfsoftmax.export import metadata, saved_model
from tfsoftmax.spec import Spec
from tfsoftmax.system.startup import as_os_errors

WARM_UP = Path("assets.extra", "tf_serving_warmup_requests")
REQUESTS = "requests"
_BATCHES = (1, 32)


def write_labels(folder: Path, spec: Spec) -> Path:
    """Writes the class names, one a line, for the SavedModel to take along; returns the file.

    It lies in a folder of its own, which Serving ignores.
    """
    path = folder / REQUESTS / metadata.LABELS_NAME
    path.parent.mkdir()
    path.write_text(metadata.labels_text(spec), "utf-8")
    return path


def write_warm_up(folder: Path, spec: Spec, name: str, examples: np.ndarray) -> None:
    """Writes a record for every signature, single and in a batch.

    Args:
      folder: of the SavedModel.
      spec: of the model.
      name: of the model, as it will be served.
      examples: raw, ``[n, *example_shape]``, n at least 1.
    """
    from tensorflow_serving.apis import classification_pb2, predict_pb2, prediction_log_pb2

    def predict(signature: str, key: str, values: Any) -> Any:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = name
        request.model_spec.signature_name = signature
        request.inputs[key].CopyFrom(tf.make_tensor_proto(values))
        log = prediction_log_pb2.PredictLog(request=request)
        return prediction_log_pb2.PredictionLog(predict_log=log)

    def classify(rows: np.ndarray) -> Any:
        request = classification_pb2.ClassificationRequest()
        request.model_spec.name = name
        request.model_spec.signature_name = saved_model.CLASSIFY_SIGNATURE
        request.input.example_list.examples.extend(map(example_of, rows))
        log = prediction_log_pb2.ClassifyLog(request=request)
        return prediction_log_pb2.PredictionLog(classify_log=log)

    records = []
    for count in _BATCHES:
        rows = np.resize(examples, (count, *spec.example_shape))
        records += [predict(saved_model.SIGNATURE, "inputs", rows), classify(rows)]
        if spec.is_image:
            pictures = [png_of(row, spec) for row in rows]
            records.append(predict(saved_model.BYTES_SIGNATURE, saved_model.BYTES_INPUT, pictures))
    path = folder / WARM_UP
    path.parent.mkdir()
    with as_os_errors(), tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record.SerializeToString(deterministic=True))


def write_requests(folder: Path, spec: Spec, name: str, examples: np.ndarray) -> None:
    """Writes ready REST bodies, and the commands that send them.

    Args:
      folder: of the SavedModel.
      spec: of the model.
      name: of the model, as it will be served.
      examples: raw, ``[n, *example_shape]``, n at least 1.
    """
    place = folder / REQUESTS
    place.mkdir(exist_ok=True)
    rows = examples[:2]
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        # Serving's "row" format names one input and so needs no name for it; its "column"
        # format names inputs.
        "predict-rows.json": ("predict", {"instances": rows.tolist()}),
        "predict-columns.json": ("predict", {"inputs": {"inputs": rows.tolist()}}),
        "classify.json": (
            "classify",
            {
                "signature_name": saved_model.CLASSIFY_SIGNATURE,
                "examples": [{saved_model.EXAMPLE_FEATURE: row.ravel().tolist()} for row in rows],
            },
        ),
    }
    if spec.is_image:
        pictures = [{"b64": base64.b64encode(png_of(row, spec)).decode()} for row in rows]
        bodies["predict-bytes.json"] = (
            "predict",
            {"signature_name": saved_model.BYTES_SIGNATURE, "instances": pictures},
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


def example_of(row: np.ndarray) -> tf.train.Example:
    """One raw example as the ``tf.Example`` that the signature ``classify`` takes."""
    values = row.ravel().tolist()
    if np.issubdtype(row.dtype, np.floating):
        feature = tf.train.Feature(float_list=tf.train.FloatList(value=values))
    else:
        feature = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Example(
        features=tf.train.Features(feature={saved_model.EXAMPLE_FEATURE: feature})
    )


def png_of(row: np.ndarray, spec: Spec) -> bytes:
    """One raw example as an encoded picture, black to white over the spec's range."""
    from PIL import Image

    pixels = levels_of(row, spec)
    picture = Image.fromarray(pixels.squeeze(-1) if pixels.shape[2:] == (1,) else pixels)
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
