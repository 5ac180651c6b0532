"""SavedModel: the form TensorFlow Serving takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from tfsoftmax.export import manifest, metadata
from tfsoftmax.export.pictures import decoded
from tfsoftmax.export.predictor import Predictor
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.system.startup import as_os_errors

# TensorFlow Serving's name for the signature that answers unless a request names another one.
SIGNATURE = "serving_default"
BYTES_SIGNATURE = "serving_bytes"
# For Serving's Classification API.
CLASSIFY_SIGNATURE = "classify"
# Serving's REST interface takes an input in base64 if its name ends in _bytes.
BYTES_INPUT = "image_bytes"
EXAMPLE_FEATURE = "inputs"
_CLASSIFY_METHOD = "tensorflow/serving/classify"
_OUTPUTS = ("probabilities", "class_index", "label")
ABSTAIN = "abstain"


class ExportedModel(tf.Module):
    """The model as it is served: raw examples in, the answer a client wants out."""

    def __init__(self, model: SoftmaxRegression, labels: Path):
        """Builds every signature.

        Args:
          model: the trained model.
          labels: a file of the class names, one a line, that goes with the SavedModel.
        """
        super().__init__(name="exported_model")
        self.model = model
        self.labels = tf.saved_model.Asset(str(labels))
        self.class_names = tf.constant(model.spec.class_names)
        inputs = tf.TensorSpec([None, *model.spec.example_shape], model.spec.dtype, name="inputs")
        self.predict = tf.function(self._predict, input_signature=[inputs], autograph=False)
        # For TFLite. Its one operation for softmax has an integer kernel; ours, written out,
        # would be five operations that have not.
        self.probabilities = tf.function(
            self._probabilities, input_signature=[inputs], autograph=False
        )
        floats = tf.TensorSpec([None, *model.spec.example_shape], tf.float32, name="inputs")
        self.scaled_probabilities = tf.function(
            self._scaled_probabilities,
            input_signature=[tf.TensorSpec([None, *model.spec.scaled_shape], name="inputs")],
            autograph=False,
        )
        self.probabilities_of_floats = tf.function(
            self._probabilities, input_signature=[floats], autograph=False
        )
        texts = tf.TensorSpec([None], tf.string, name="inputs")
        self.classify = tf.function(self._classify, input_signature=[texts], autograph=False)
        if model.spec.is_image:
            images = tf.TensorSpec([None], tf.string, name=BYTES_INPUT)
            self.predict_bytes = tf.function(
                self._predict_bytes, input_signature=[images], autograph=False
            )

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """Every signature by its name."""
        found = {SIGNATURE: self.predict, CLASSIFY_SIGNATURE: self.classify}
        if self.model.spec.is_image:
            found[BYTES_SIGNATURE] = self.predict_bytes
        return {name: function.get_concrete_function() for name, function in found.items()}

    def _rows(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.reshape(inputs, [-1, self.model.spec.n_features])

    def _probabilities(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        numbers = self.model.scaled(self._rows(inputs))
        if self.model.scale.ndim:
            # The converter would multiply each feature's scale into its weights, and scales that
            # are far apart are more than half-precision or integer weights can hold.
            numbers = tf.maximum(numbers, tf.float32.min)
        probabilities = tf.nn.softmax(tf.matmul(numbers, self.model.W) + self.model.b)
        return {"probabilities": probabilities, **self._abstention(probabilities)}

    def _abstention(self, probabilities: tf.Tensor) -> dict[str, tf.Tensor]:
        least = self.model.spec.reject_below
        if least is None:
            return {}
        # Not "is below": NaN, of scores that overflow, is neither, and no answer.
        answered = tf.reduce_max(probabilities, axis=-1) >= least
        return {ABSTAIN: tf.logical_not(answered)}

    def _scaled_probabilities(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        rows = tf.reshape(inputs, [-1, self.model.spec.n_inputs])
        return {"probabilities": tf.nn.softmax(tf.matmul(rows, self.model.W) + self.model.b)}

    def _predict(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        probabilities = self.model.probabilities(self._rows(inputs))
        class_index = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
        label = tf.gather(self.class_names, class_index)
        outputs = dict(zip(_OUTPUTS, (probabilities, class_index, label), strict=True))
        return {**outputs, **self._abstention(probabilities)}

    def _predict_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = self.model.spec
        images = tf.map_fn(
            lambda content: decoded(content, spec),
            image_bytes,
            fn_output_signature=tf.TensorSpec(spec.example_shape, spec.dtype),
        )
        return self._predict(images)

    def _classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = self.model.spec
        kind = tf.float32 if np.issubdtype(np.dtype(spec.dtype), np.floating) else tf.int64
        feature = tf.io.FixedLenFeature([spec.n_features], kind)
        rows = tf.io.parse_example(inputs, {EXAMPLE_FEATURE: feature})[EXAMPLE_FEATURE]
        scores = self.model.probabilities(tf.cast(rows, spec.dtype))
        classes = tf.tile(self.class_names[None], [tf.shape(scores)[0], 1])
        return {"classes": classes, "scores": scores}


def save(exported: ExportedModel, folder: Path) -> None:
    """Writes a SavedModel with its signatures, as TensorFlow Serving expects them.

    * ``serving_default`` takes ``inputs [n, *example_shape]`` in the dataset's own dtype,
      any n, and answers ``probabilities [n, n_classes]``, ``class_index [n]`` and
      ``label [n]``, and ``abstain [n]`` where the model may abstain: whether the class is
      too unsure to be an answer;
    * ``serving_bytes``, where examples are images, takes ``image_bytes [n]``, encoded PNG
      or JPEG of any size, and answers the same;
    * ``classify`` takes ``inputs [n]``, serialized ``tf.Example`` with a feature ``inputs``,
      and answers ``classes`` and ``scores``, both ``[n, n_classes]``: Serving's
      Classification API.

    Args:
      exported: the model.
      folder: an existing folder.

    Raises:
      OSError: if it cannot be written.
    """
    with as_os_errors():
        tf.saved_model.save(exported, str(folder), signatures=exported.signatures())
        # tf.saved_model.save calls every signature a prediction.
        updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(str(folder))
        updater.replace_method_name(signature_key=CLASSIFY_SIGNATURE, method_name=_CLASSIFY_METHOD)
        updater.save()


class SavedModelPredictor(Predictor):
    """A SavedModel folder, run by TensorFlow.

    Attributes:
      description: what its ``tfsoftmax.json`` says.
    """

    def __init__(self, folder: Path):
        """Loads it.

        Raises:
          ModelError: if it cannot be loaded, or does not answer as `save`'s do.
        """
        self.path = folder
        manifest.check(folder, metadata.FILE_NAME, "saved_model.pb", "variables", "assets")
        try:
            content = (folder / metadata.FILE_NAME).read_bytes()
            self.description = metadata.description_from_bytes(content)
            self.spec = metadata.spec_from_bytes(content)
        except OSError as error:
            reason = ValueError(f"no readable {metadata.FILE_NAME} in it")
            raise self.unusable(reason) from error
        except ValueError as error:
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

    def model(self) -> SoftmaxRegression:
        """The trained model, to go on training or to export again.

        Raises:
          ModelError: if there are no weights of the model's shape in it.
        """
        model = SoftmaxRegression(self.spec)
        try:
            for name in ("W", "b"):
                getattr(model, name).assign(getattr(self._root.model, name))
        except (AttributeError, ValueError) as error:
            raise self.unusable(error) from error
        return model

    def labels(self) -> tuple[str, ...] | None:
        """The class names in its graph; None where none of its signatures tells them all."""
        from tfsoftmax.export.serving import example_of

        if CLASSIFY_SIGNATURE not in self._root.signatures:
            return None
        row = example_of(np.zeros(self.spec.n_features, self.spec.dtype)).SerializeToString()
        answer = self._root.signatures[CLASSIFY_SIGNATURE](inputs=tf.constant([row]))
        return tuple(name.decode("utf-8") for name in answer["classes"].numpy()[0])

    def raw_probabilities(self, examples: np.ndarray) -> np.ndarray:
        """Probability of each class, as `RowClassifier.raw_probabilities`."""
        return self._answer(inputs=tf.constant(examples))["probabilities"].numpy()
