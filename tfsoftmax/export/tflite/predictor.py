"""TFLite files, loaded and run by LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.data.images import as_rgb
from tfsoftmax.export import manifest
from tfsoftmax.export.predictor import Predictor, answer_in_blocks
from tfsoftmax.export.tensors import DENSE, IDS, VALUES, tensors_of
from tfsoftmax.export.tflite import attached
from tfsoftmax.spec import Spec
from tfsoftmax.system.startup import silence_native_log

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# What a file's signature that answers is called: of a trainable file, the second.
SIGNATURE = "serving_default"
INFER_SIGNATURE = "infer"
_IDENTIFIER = b"TFL3"
# The interpreter keeps its largest batch's memory; blocks bound it.
_BLOCK_ROWS = 1024


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
            given = self._runner.get_input_details()
            inputs = given[VALUES if found.spec.sparse else DENSE]
            outputs = self._runner.get_output_details()["probabilities"]
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise self.unusable(error) from error
        spec = found.spec
        batch, *shape = (int(size) for size in inputs["shape_signature"])
        if spec.sparse and set(given) == {IDS, VALUES}:
            shape = list(spec.example_shape)  # It does not say how many features there are.
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

    def raw_probabilities(self, examples: np.ndarray | csr_array) -> np.ndarray:
        """Probability of each class, as `RowClassifier.raw_probabilities`."""
        return answer_in_blocks(self._answer, examples, self.batch, _BLOCK_ROWS)

    def _answer(self, rows: np.ndarray | csr_array) -> np.ndarray:
        tensors = tensors_of(self.spec, rows)
        if not self.spec.sparse:
            tensors = {DENSE: self.taken(tensors[DENSE])}
        return self.real(self._runner(**tensors)["probabilities"])

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
