"""The graphs of a model that is exported: its signatures, and what TFLite files are made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfsoftmax.columns.entries import Entries
from tfsoftmax.export.forms import CellsForm, Tensors, form_of
from tfsoftmax.export.packed import PackedModel
from tfsoftmax.export.pictures import decoded
from tfsoftmax.export.tensors import DENSE, IDS, VALUES
from tfsoftmax.model import SoftmaxRegression

# TensorFlow Serving's name for the signature that answers unless a request names another one.
SIGNATURE = "serving_default"
BYTES_SIGNATURE = "serving_bytes"
# For Serving's Classification API.
CLASSIFY_SIGNATURE = "classify"
# Rows of features, where `SIGNATURE` takes the columns of a table; and those in tf.Examples.
ENCODED_SIGNATURE = "serving_encoded"
EXAMPLES_SIGNATURE = "serving_examples"
# Serving's REST interface takes an input in base64 if its name ends in _bytes.
BYTES_INPUT = "image_bytes"
EXAMPLES = "examples"
# The Classification API prescribes it.
_CLASSIFY_INPUT = "inputs"
_TEXTS = (_CLASSIFY_INPUT, BYTES_INPUT, EXAMPLES)
OUTPUTS = ("probabilities", "class_index", "label")
ABSTAIN = "abstain"


class ExportedModel(tf.Module):
    """The model as it is served: raw examples in, the answer a client wants out.

    Attributes:
      model: the trained model. Of sparse rows it is not part of what is saved; `packed` is.
      encoded: how rows of features come in.
      served: how the rows of ``serving_default`` come in: as the columns of an encoded table, or
        as `encoded` says.
    """

    def __init__(self, model: SoftmaxRegression, labels: Path):
        """Builds every signature.

        Args:
          model: the trained model.
          labels: a file of the class names, one a line, that goes with the SavedModel.
        """
        super().__init__(name="exported_model")
        spec = model.spec
        if spec.sparse:
            object.__setattr__(self, "model", model)
            self.packed = PackedModel(model)
        else:
            self.model = model
        self.labels = tf.saved_model.Asset(str(labels))
        self.class_names = tf.constant(spec.class_names)
        self.encoded = form_of(spec)
        self.served = self.encoded
        if spec.encoding:
            self.served = cells = CellsForm(spec.encoding)
            self.encoder = cells.encoder
        one_text = {name: tf.TensorSpec([None], tf.string, name=name) for name in _TEXTS}
        self.predict = _function(self._predict, self.served.specs)
        self.classify = _function(self._classify, one_text[_CLASSIFY_INPUT])
        # For TFLite. Its one operation for softmax has an integer kernel; ours, written out,
        # would be five operations that have not.
        self.probabilities = _function(self._probabilities, self.encoded.specs)
        if not spec.sparse:
            floats = tf.TensorSpec([None, *spec.example_shape], tf.float32, name=DENSE)
            self.probabilities_of_floats = _function(self._probabilities, {DENSE: floats})
            scaled = tf.TensorSpec([None, *spec.scaled_shape], tf.float32, name=DENSE)
            self.scaled_probabilities = _function(self._scaled_probabilities, scaled)
        if spec.is_image:
            self.predict_bytes = _function(self._predict_bytes, one_text[BYTES_INPUT])
        if spec.encoding:
            self.predict_encoded = _function(self._predict_encoded, self.encoded.specs)
            self.predict_examples = _function(self._predict_examples, one_text[EXAMPLES])

    @property
    def weights(self) -> SoftmaxRegression | PackedModel:
        """What answers rows of features, and all that TFLite files need to be made of."""
        return self.packed if self.model.spec.sparse else self.model

    def signatures(self) -> dict[str, Any]:
        """Every signature by its name; `tf.saved_model.save` traces them."""
        found = {SIGNATURE: self.predict, CLASSIFY_SIGNATURE: self.classify}
        if self.model.spec.is_image:
            found[BYTES_SIGNATURE] = self.predict_bytes
        if self.model.spec.encoding:
            found[ENCODED_SIGNATURE] = self.predict_encoded
            found[EXAMPLES_SIGNATURE] = self.predict_examples
        return found

    def _probabilities(self, tensors: Tensors) -> Tensors:
        if self.model.spec.sparse:
            probabilities = tf.nn.softmax(self.packed.padded_logits(tensors[IDS], tensors[VALUES]))
            return {"probabilities": probabilities, **self._abstention(probabilities)}
        numbers = self.model.scaled(self.encoded.rows(tensors))
        if self.model.scale.ndim:
            # The converter would multiply each feature's scale into its weights, and scales that
            # are far apart are more than half-precision or integer weights can hold.
            numbers = tf.maximum(numbers, tf.float32.min)
        probabilities = tf.nn.softmax(tf.matmul(numbers, self.model.W) + self.model.b)
        return {"probabilities": probabilities, **self._abstention(probabilities)}

    def _abstention(self, probabilities: tf.Tensor) -> Tensors:
        least = self.model.spec.reject_below
        if least is None:
            return {}
        # Not "is below": NaN, of scores that overflow, is neither, and no answer.
        answered = tf.reduce_max(probabilities, axis=-1) >= least
        return {ABSTAIN: tf.logical_not(answered)}

    def _scaled_probabilities(self, inputs: tf.Tensor) -> Tensors:
        rows = tf.reshape(inputs, [-1, self.model.spec.n_inputs])
        return {"probabilities": tf.nn.softmax(tf.matmul(rows, self.model.W) + self.model.b)}

    def _scores(self, rows: tf.Tensor | Entries) -> tf.Tensor:
        return self.weights.probabilities(rows)

    def _predict(self, tensors: Tensors) -> Tensors:
        return self._answer(self.served.rows(tensors))

    def _predict_encoded(self, tensors: Tensors) -> Tensors:
        return self._answer(self.encoded.rows(tensors))

    def _predict_examples(self, examples: tf.Tensor) -> Tensors:
        return self._predict(self.served.parsed(examples))

    def _answer(self, rows: tf.Tensor | Entries) -> Tensors:
        probabilities = self._scores(rows)
        class_index = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
        label = tf.gather(self.class_names, class_index)
        outputs = dict(zip(OUTPUTS, (probabilities, class_index, label), strict=True))
        return {**outputs, **self._abstention(probabilities)}

    def _predict_bytes(self, image_bytes: tf.Tensor) -> Tensors:
        spec = self.model.spec
        images = tf.map_fn(
            lambda content: decoded(content, spec),
            image_bytes,
            fn_output_signature=tf.TensorSpec(spec.example_shape, spec.dtype),
        )
        return self._predict({DENSE: images})

    def _classify(self, inputs: tf.Tensor) -> Tensors:
        scores = self._scores(self.served.rows(self.served.parsed(inputs)))
        classes = tf.tile(self.class_names[None], [tf.shape(scores)[0], 1])
        return {"classes": classes, "scores": scores}


def _function(answer: Callable[..., Tensors], specs: Any) -> Any:
    """A function of one input, or of several by name, each an argument of its own signature."""
    return tf.function(answer, input_signature=[specs], autograph=False)
