"""TFLite: the form phones and small devices run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.errors import ExportError, UsageError
from tfsoftmax.export.tflite.half_precision import halve_weights
from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec
from tfsoftmax.system.startup import silence_native_log

if TYPE_CHECKING:
    from tfsoftmax.export.exported_model import ExportedModel

# Of these all numbers are integers: weights, inputs and outputs.
_INTEGER_KINDS = ("int8", "uint8")
# Rows that show the converter which values occur; more of them change nothing.
_CALIBRATION_ROWS = 500
# The converter takes differences of such numbers, with some room, in float32.
_LARGEST = float(np.finfo(np.float32).max) / 4


def convert(
    exported: ExportedModel,
    kind: str = "float32",
    calibration: FeaturesLike | None = None,
    batch: int | None = None,
) -> bytes:
    """A TFLite model of built-in operations only.

    Its one signature takes ``inputs [n, *example_shape]`` and answers ``probabilities
    [n, n_classes]``; n may be resized, unless `batch` fixes it. Of the kinds ``float32``,
    ``float16`` (half the weights' bytes) and ``dynamic`` (weights int8, a quarter), inputs are
    raw, in the dataset's own dtype, and probabilities float32; ``micro`` takes the same raw
    values as float32. Of the kinds ``int8`` and ``uint8`` all is integer: inputs scaled as the
    model does it, pixels to [0, 1], and then quantized, so that raw pixels feed straight into
    ``uint8``. Where the model may abstain, all kinds but the integer ones answer ``abstain
    [n]``, too; files of a fixed batch as int32, 0 or 1.

    Args:
      exported: the model.
      kind: as said.
      calibration: raw training rows ``[n, n_features]``, for the integer kinds.
      batch: how many rows it takes, no more and no fewer; None for any number.

    Raises:
      UsageError: if the kind needs rows and there are none.
      ExportError: if an integer kind is asked for and the rows are too large for it.
    """
    import tensorflow as tf

    integer = kind in _INTEGER_KINDS
    function = exported.probabilities
    if integer:
        function = exported.scaled_probabilities
    elif kind == "micro":
        function = exported.probabilities_of_floats
    if batch:
        function = _of_batch(function, batch)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], exported.weights
    )
    if kind == "dynamic" or integer:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        # A scale for each class would be no more accurate, and need TFLite 2.17 instead of 2.3.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = not integer
    if integer:
        if calibration is None or not len(calibration):
            raise UsageError(
                f"{kind} needs training rows to find the ranges of numbers in; give them with "
                + setting("calibrate_on")
            )
        rows = _calibration_rows(calibration, exported.model.spec)
        _check_range(exported, rows)
        converter.representative_dataset = lambda: _batches(exported, rows, batch or 1)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.as_dtype(kind)
    with silence_native_log():
        content = converter.convert()
    return halve_weights(content) if kind == "float16" else content


def _of_batch(function: Any, batch: int) -> Any:
    """A `tf.function` for exactly so many rows.

    It answers int32 for booleans, which LiteRT.js does not know.
    """
    import tensorflow as tf

    (inputs,) = function.input_signature
    fixed = tf.nest.map_structure(
        lambda each: tf.TensorSpec([batch, *each.shape[1:]], each.dtype, name=each.name), inputs
    )

    def answer(inputs: Any) -> dict[str, tf.Tensor]:
        found = function.python_function(inputs)
        return {
            name: tf.cast(tensor, tf.int32) if tensor.dtype == tf.bool else tensor
            for name, tensor in found.items()
        }

    return tf.function(answer, input_signature=[fixed], autograph=False)


def convert_for_mediapipe(exported: ExportedModel) -> bytes:
    """A float32 TFLite model that takes one RGB picture, as MediaPipe Tasks hand it over.

    ``inputs [1, height, width, 3]`` uint8, black to white 0 to 255, answers
    ``probabilities [1, n_classes]``; a gray model's luma is taken in the graph.

    Args:
      exported: a model of images.
    """
    import tensorflow as tf

    from tfsoftmax.export.pictures import from_levels, luma

    spec = exported.model.spec
    picture = tf.TensorSpec([1, *spec.example_shape[:2], 3], tf.uint8, name="inputs")

    @tf.function(input_signature=[picture], autograph=False)
    def probabilities(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        levels = tf.cast(inputs, tf.float32)
        if spec.example_shape[2:] != (3,):
            levels = luma(levels)
        rows = tf.reshape(from_levels(levels, spec), [1, spec.n_features])
        return {"probabilities": exported.model.probabilities(rows)}

    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [probabilities.get_concrete_function()], exported.weights
    )
    with silence_native_log():
        return converter.convert()


def _calibration_rows(features: FeaturesLike, spec: Spec) -> np.ndarray:
    """Rows from all over, spanning the whole range of values where it is known.

    So the quantized input covers exactly that range: scale 1/255 for pixels.
    """
    indices = np.linspace(0, len(features) - 1, min(_CALIBRATION_ROWS, len(features)))
    rows = np.array(features[np.unique(indices.astype(np.int64))])
    if spec.value_range:
        rows[0, 0], rows[0, -1] = spec.value_range
    return rows


def _check_range(exported: ExportedModel, rows: np.ndarray) -> None:
    """Refuses rows whose range is beyond float32, which crash the converter.

    Raises:
      ExportError: naming the largest number.
    """
    scaled = exported.model.scaled(rows).numpy().astype(np.float64)
    logits = scaled @ exported.model.W.numpy().astype(np.float64) + exported.model.b.numpy()
    for what, numbers in (("scaled features", scaled), ("logits", logits)):
        largest = float(np.abs(numbers).max())
        if not largest <= _LARGEST:
            raise ExportError(
                f"its rows to calibrate on have {what} up to {largest:.1e}, and integers can "
                f"stand for numbers up to {_LARGEST:.1e}: train with "
                + setting("standardize", "on")
                + ", or leave this format out"
            )


def _batches(exported: ExportedModel, rows: np.ndarray, batch: int) -> Iterator[list[Any]]:
    spec = exported.model.spec
    for row in exported.model.scaled(rows).numpy():
        yield [np.resize(row, (batch, *spec.scaled_shape))]
