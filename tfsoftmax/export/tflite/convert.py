"""TFLite: the form phones and small devices run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.data.images import as_rgb
from tfsoftmax.errors import ExportError, UsageError
from tfsoftmax.export import manifest
from tfsoftmax.export.predictor import Predictor, answer_in_blocks
from tfsoftmax.export.tflite import attached
from tfsoftmax.export.tflite.half_precision import halved
from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec
from tfsoftmax.system.startup import silence_native_log

if TYPE_CHECKING:
    from tfsoftmax.export.saved_model import ExportedModel

SIGNATURE, INFER_SIGNATURE = "serving_default", "infer"
# Kinds of files: what their weights are, and of two their inputs and outputs too; TFLite
# Micro's takes float32, as Micro cannot turn bytes into numbers.
KINDS = ("float32", "float16", "dynamic", "int8", "uint8", "micro")
INTEGER_KINDS = ("int8", "uint8")
MEDIAPIPE_FILE = "model-mediapipe.tflite"
_IDENTIFIER = b"TFL3"
# The interpreter keeps its largest batch's memory; blocks bound it.
_BLOCK_ROWS = 1024
# Rows that show the converter which values occur; more of them change nothing.
_CALIBRATION_ROWS = 500
# The converter takes differences of such numbers, with some room, in float32.
_LARGEST = float(np.finfo(np.float32).max) / 4


def file_name(kind: str) -> str:
    """What a file of this kind is called.

    >>> file_name("float32"), file_name("int8")
    ('model.tflite', 'model-int8.tflite')
    """
    return "model.tflite" if kind == "float32" else f"model-{kind}.tflite"


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
      kind: one of `KINDS`.
      calibration: raw training rows ``[n, n_features]``, for the integer kinds.
      batch: how many rows it takes, no more and no fewer; None for any number.

    Raises:
      UsageError: if the kind is unknown, or needs rows and there are none.
      ExportError: if an integer kind is asked for and the rows are too large for it.
    """
    import tensorflow as tf

    if kind not in KINDS:
        raise UsageError(f"TFLite kind must be one of {', '.join(KINDS)}, not {kind!r}")
    integer = kind in INTEGER_KINDS
    function = exported.probabilities
    if integer:
        function = exported.scaled_probabilities
    elif kind == "micro":
        function = exported.probabilities_of_floats
    if batch:
        function = _of_batch(function, batch)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], exported
    )
    if kind == "dynamic" or integer:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        # One scale a class would name classes no better, and need TFLite 2.17 in place of 2.3.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = not integer
    if integer:
        if calibration is None or not len(calibration):
            raise UsageError(f"TFLite kind {kind} needs training rows to calibrate on")
        rows = _calibration_rows(calibration, exported.model.spec)
        _check_range(exported, rows)
        converter.representative_dataset = lambda: _batches(exported, rows, batch or 1)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.as_dtype(kind)
    with silence_native_log():
        content = converter.convert()
    return halved(content) if kind == "float16" else content


def _of_batch(function: Any, batch: int) -> Any:
    """A `tf.function` of one input, for exactly so many rows.

    It answers int32 for booleans, which LiteRT.js does not know.
    """
    import tensorflow as tf

    (inputs,) = function.input_signature
    fixed = tf.TensorSpec([batch, *inputs.shape[1:]], inputs.dtype, name=inputs.name)

    def answer(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
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
        [probabilities.get_concrete_function()], exported
    )
    with silence_native_log():
        return converter.convert()


def _calibration_rows(features: FeaturesLike, spec: Spec) -> np.ndarray:
    """Rows from all over, spanning the whole range of values where it is known.

    So the quantized input covers exactly that range: scale 1/255 for pixels.
    """
    places = np.linspace(0, len(features) - 1, min(_CALIBRATION_ROWS, len(features)))
    rows = np.array(features[np.unique(places.astype(np.int64))])
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


class TFLitePredictor(Predictor):
    """A ``.tflite`` file, run by LiteRT; TensorFlow is not needed.

    Attributes:
      batch: how many rows the file takes, no more and no fewer; None for any number.
    """

    def __init__(self, path: Path):
        """Loads it.

        Raises:
          ModelError: if it is not a TFLite file, or does not answer as `convert`'s do.
        """
        from ai_edge_litert.interpreter import Interpreter

        self.path = path
        manifest.check_file(path)
        try:
            content = path.read_bytes()
            if content[4:8] != _IDENTIFIER:
                raise ValueError("it does not start like a TFLite file")
            found = attached.read(content)
            if found is None:
                raise ValueError("no labels are attached to it, or it is cut short")
            with silence_native_log():
                self._interpreter = Interpreter(model_content=content)
                self._interpreter.allocate_tensors()
                signatures = self._interpreter.get_signature_list()
                signature = SIGNATURE if SIGNATURE in signatures else INFER_SIGNATURE
                self._runner = self._interpreter.get_signature_runner(signature)
            inputs = self._runner.get_input_details()["inputs"]
            outputs = self._runner.get_output_details()["probabilities"]
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise self.unusable(error) from error
        spec = found.spec
        batch, *shape = (int(size) for size in inputs["shape_signature"])
        self.batch = None if batch < 0 else batch
        # A file for MediaPipe takes one RGB picture, whatever the model does.
        pictures = batch == 1 and not found.batch and shape[2:] == [3]
        self._takes_pictures = pictures and spec.is_image
        if self._takes_pictures:
            shape = [*shape[:2], *spec.example_shape[2:]]
        self._input, self._output = Quantization.of(inputs), Quantization.of(outputs)
        if self._input.scale and tuple(shape) == spec.scaled_shape:
            shape = list(spec.example_shape)  # It takes what is scaled.
        converted = self._input.scale or self._takes_pictures or inputs["dtype"] == np.float32
        dtype = spec.dtype if converted else np.dtype(inputs["dtype"]).name
        self.check_fit(spec, tuple(shape), dtype, int(outputs["shape"][-1]))
        self.spec: Spec = spec

    def raw_probabilities(self, examples: np.ndarray) -> np.ndarray:
        """Probability of each class, as `Answering.raw_probabilities`."""
        return answer_in_blocks(self._answer, examples, self.batch, _BLOCK_ROWS)

    def _answer(self, rows: np.ndarray) -> np.ndarray:
        return self.real(self._runner(inputs=self.taken(rows))["probabilities"])

    def taken(self, examples: np.ndarray) -> np.ndarray:
        """Raw examples as the file's input takes them, in whichever runtime."""
        if self._takes_pictures:
            examples = as_rgb(examples, self.spec)
        return self._input.taken(examples, self.spec)

    def real(self, answers: np.ndarray) -> np.ndarray:
        """The file's output, of whichever runtime, as float32 probabilities."""
        return self._output.real(answers)


class Quantization:
    """How integers of a tensor stand for numbers, ``scale * (integer - zero)``.

    Attributes:
      scale: 0 where the tensor is not quantized.
    """

    def __init__(self, dtype: type, scale: float, zero: int):
        self.dtype, self.scale, self.zero = np.dtype(dtype), scale, zero

    @classmethod
    def of(cls, details: dict[str, Any]) -> Quantization:
        """From an interpreter's details of a tensor."""
        scale, zero = details["quantization"]
        return cls(details["dtype"], float(scale), int(zero))

    def taken(self, examples: np.ndarray, spec: Spec) -> np.ndarray:
        """Raw examples as the tensor takes them: where it is quantized, scaled as the model
        does it and then rounded.
        """
        if not self.scale:
            return examples.astype(self.dtype, copy=False)
        numbers = spec.scaled_by.apply(examples.reshape(len(examples), -1))
        limits = np.iinfo(self.dtype.name)
        integers = np.rint(numbers / self.scale) + self.zero
        quantized = integers.clip(limits.min, limits.max).astype(self.dtype)
        return quantized.reshape(-1, *spec.scaled_shape)

    def real(self, integers: np.ndarray) -> np.ndarray:
        """The numbers a tensor's content stands for, as float32."""
        if not self.scale:
            return integers
        return ((integers.astype(np.float32) - self.zero) * self.scale).astype(np.float32)
