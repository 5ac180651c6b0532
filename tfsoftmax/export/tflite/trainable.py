"""A TFLite file that goes on learning on the device it runs on."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import tensorflow as tf

from tfsoftmax import ops
from tfsoftmax.system.startup import as_os_errors, silence_native_log

if TYPE_CHECKING:
    from tfsoftmax.model import SoftmaxRegression

SIGNATURES = ("infer", "train", "get_weights", "set_weights")


class TrainableModel(tf.Module):
    """The model with its training step as functions of tensors alone.

    Gradients are written out, because TFLite has no tape: those of the mean cross-entropy
    are ``X' (softmax(X W + b) - one_hot) / n`` and the column means of the difference
    (Bishop, 2006, eq. 4.109).
    """

    def __init__(self, model: SoftmaxRegression, batch: int | None = None):
        super().__init__(name="trainable_model")
        spec = model.spec
        self.model = model
        self.W = tf.Variable(model.W, name="W")
        self.b = tf.Variable(model.b, name="b")
        inputs = tf.TensorSpec([batch, *spec.example_shape], spec.dtype, name="inputs")
        labels = tf.TensorSpec([batch], tf.int32, name="labels")
        # A list of one: LiteRT up to 2.3 crashes on arm64 when it is handed a scalar.
        rate = tf.TensorSpec([1], tf.float32, name="learning_rate")
        W, b = (tf.TensorSpec(p.shape, tf.float32, name=p.name[:1]) for p in (self.W, self.b))
        self.functions = {
            "infer": tf.function(self._infer, [inputs], autograph=False),
            "train": tf.function(self._train, [inputs, labels, rate], autograph=False),
            "get_weights": tf.function(self._get_weights, [], autograph=False),
            "set_weights": tf.function(self._set_weights, [W, b], autograph=False),
        }

    def _features(self, inputs: tf.Tensor) -> tf.Tensor:
        return self.model.scaled(tf.reshape(inputs, [-1, self.model.spec.n_features]))

    def _infer(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = tf.matmul(self._features(inputs), self.W) + self.b
        return {"probabilities": ops.softmax(logits)}

    def _train(
        self, inputs: tf.Tensor, labels: tf.Tensor, learning_rate: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        features = self._features(inputs)
        logits = tf.matmul(features, self.W) + self.b
        loss = tf.reduce_mean(ops.cross_entropy(logits, labels))
        difference = ops.softmax(logits) - tf.one_hot(labels, self.model.spec.n_classes)
        step = difference * (learning_rate / tf.cast(tf.shape(labels)[0], tf.float32))
        self.W.assign_sub(tf.matmul(features, step, transpose_a=True))
        self.b.assign_sub(tf.reduce_sum(step, axis=0))
        return {"loss": loss}

    def _get_weights(self) -> dict[str, tf.Tensor]:
        return {"W": self.W.read_value(), "b": self.b.read_value()}

    def _set_weights(self, W: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        self.W.assign(W)
        self.b.assign(b)
        return {"n_weights": tf.size(W) + tf.size(b)}


def convert(model: SoftmaxRegression, batch: int | None = None) -> bytes:
    """A TFLite file of built-in operations with four signatures.

    * ``infer``: ``inputs [n, *example_shape]``, raw, to ``probabilities [n, n_classes]``;
    * ``train``: ``inputs``, ``labels [n]`` int32 and ``learning_rate [1]``, one step of SGD
      down the mean cross-entropy of these rows, to ``loss``, their mean before the step;
    * ``get_weights``: to ``W [n_features, n_classes]`` and ``b [n_classes]``;
    * ``set_weights``: ``W`` and ``b``, to ``n_weights``, how many numbers were set.

    It starts from the trained model's weights. n is any number, unless `batch` fixes it.
    """
    trainable = TrainableModel(model, batch)
    signatures = {
        name: function.get_concrete_function() for name, function in trainable.functions.items()
    }
    with tempfile.TemporaryDirectory() as folder, silence_native_log(), as_os_errors():
        tf.saved_model.save(trainable, folder, signatures=signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, list(signatures))
        converter.experimental_enable_resource_variables = True
        return converter.convert()
