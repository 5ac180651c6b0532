"""SavedModel: the form TensorFlow Serving takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from tfsoftmax.export import metadata
from tfsoftmax.export.predictor import Predictor
from tfsoftmax.model import SoftmaxRegression

SIGNATURE = "serving_default"
_OUTPUTS = ("probabilities", "class_index", "label")


class ExportedModel(tf.Module):
    """The model as it is served: raw examples in, the answer a client wants out."""

    def __init__(self, model: SoftmaxRegression):
        super().__init__(name="exported_model")
        self.model = model
        self.class_names = tf.constant(model.spec.class_names)
        inputs = tf.TensorSpec([None, *model.spec.example_shape], model.spec.dtype, name="inputs")
        self.predict = tf.function(self._predict, input_signature=[inputs], autograph=False)
        self.probabilities = tf.function(
            self._probabilities, input_signature=[inputs], autograph=False
        )

    def _rows(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.reshape(inputs, [-1, self.model.spec.n_features])

    def _probabilities(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": self.model.probabilities(self._rows(inputs))}

    def _predict(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        probabilities = self.model.probabilities(self._rows(inputs))
        class_index = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
        label = tf.gather(self.class_names, class_index)
        return dict(zip(_OUTPUTS, (probabilities, class_index, label), strict=True))


def save(exported: ExportedModel, folder: Path) -> None:
    """Writes a SavedModel with the signature ``serving_default``.

    It takes ``inputs [n, *example_shape]`` in the dataset's own dtype, any n, and answers
    ``probabilities [n, n_classes]``, ``class_index [n]`` and ``label [n]``.

    Args:
      exported: the model.
      folder: an existing folder.

    Raises:
      OSError: if it cannot be written.
    """
    signatures = {SIGNATURE: exported.predict.get_concrete_function()}
    try:
        tf.saved_model.save(exported, str(folder), signatures=signatures)
    except tf.errors.OpError as error:
        # TensorFlow's own files fail in its own way: 'FILE; No space left on device'.
        raise OSError(error.message.rpartition(";")[2].strip()) from error


class SavedModelPredictor(Predictor):
    """A SavedModel folder, run by TensorFlow."""

    def __init__(self, folder: Path):
        """Loads it.

        Raises:
          ModelError: if it cannot be loaded, or does not answer as `save`'s do.
        """
        self.path = folder
        try:
            self.spec = metadata.spec_from_bytes((folder / metadata.FILE_NAME).read_bytes())
        except (OSError, ValueError) as error:
            raise self.unusable(error) from error
        try:
            self._root = tf.saved_model.load(str(folder))
            self._answer = self._root.signatures[SIGNATURE]
            inputs = self._answer.structured_input_signature[1]["inputs"]
            outputs = {name: self._answer.structured_outputs[name] for name in _OUTPUTS}
        # A damaged file makes TensorFlow raise errors of many unrelated types.
        except Exception as error:
            reason = ValueError("its SavedModel is damaged or of another kind")
            raise self.unusable(reason) from error
        n_classes = outputs["probabilities"].shape[-1]
        self.check_fit(self.spec, tuple(inputs.shape[1:]), inputs.dtype.name, n_classes)

    def probabilities(self, examples: np.ndarray) -> np.ndarray:
        """Probability of each class, as `Predictor.probabilities`."""
        return self._answer(inputs=tf.constant(examples))["probabilities"].numpy()
