"""TFLite: the form phones and small devices run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfsoftmax.export import metadata
from tfsoftmax.export.predictor import Predictor
from tfsoftmax.spec import Spec
from tfsoftmax.startup import honour_log_level

SIGNATURE = "serving_default"
_IDENTIFIER = b"TFL3"
# The interpreter keeps its largest batch's memory; blocks bound it.
_BLOCK_ROWS = 1024


def convert(exported: object) -> bytes:
    """A float32 TFLite model of built-in operations only, labels and spec attached.

    Its one signature takes ``inputs [n, *example_shape]`` in the dataset's own dtype and
    answers ``probabilities [n, n_classes]``; the batch may be resized.

    Args:
      exported: a `saved_model.ExportedModel`.
    """
    import tensorflow as tf

    concrete = exported.probabilities.get_concrete_function()  # type: ignore[attr-defined]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], exported)
    return converter.convert()


class TFLitePredictor(Predictor):
    """A ``.tflite`` file, run by LiteRT; TensorFlow is not needed."""

    def __init__(self, path: Path):
        """Loads it.

        Raises:
          ModelError: if it is not a TFLite file, or does not answer as `convert`'s do.
        """
        from ai_edge_litert.interpreter import Interpreter

        self.path = path
        try:
            content = path.read_bytes()
            if content[4:8] != _IDENTIFIER:
                raise ValueError("it does not start like a TFLite file")
            spec = metadata.spec_of_tflite(content)
            if spec is None:
                raise ValueError("no labels are attached to it, or it is cut short")
            with honour_log_level():
                self._interpreter = Interpreter(model_content=content)
                self._interpreter.allocate_tensors()
                self._runner = self._interpreter.get_signature_runner(SIGNATURE)
            inputs = self._runner.get_input_details()["inputs"]
            outputs = self._runner.get_output_details()["probabilities"]
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise self.unusable(error) from error
        shape = tuple(int(size) for size in inputs["shape_signature"][1:])
        self.check_fit(spec, shape, np.dtype(inputs["dtype"]).name, int(outputs["shape"][-1]))
        self.spec: Spec = spec

    def probabilities(self, examples: np.ndarray) -> np.ndarray:
        """Probability of each class, as `Predictor.probabilities`."""
        blocks = [
            self._runner(inputs=examples[start : start + _BLOCK_ROWS])["probabilities"]
            for start in range(0, len(examples), _BLOCK_ROWS)
        ]
        return np.concatenate(blocks)
