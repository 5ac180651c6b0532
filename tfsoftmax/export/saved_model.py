"""SavedModel: the form TensorFlow Serving takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfsoftmax.data.encoded import Cells
from tfsoftmax.explanation import Explanation
from tfsoftmax.export import manifest, metadata
from tfsoftmax.export.examples import serialized_examples
from tfsoftmax.export.exported_model import (
    CLASSIFY_SIGNATURE,
    ENCODED_SIGNATURE,
    EXAMPLES_SIGNATURE,
    OUTPUTS,
    SIGNATURE,
    ExportedModel,
)
from tfsoftmax.export.forms import argument_names
from tfsoftmax.export.packed import unpack
from tfsoftmax.export.predictor import Predictor
from tfsoftmax.export.tensors import DENSE, IDS, VALUES, any_row, tensors_of
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.report.drift import profile_of
from tfsoftmax.system.startup import as_os_errors

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_CLASSIFY_METHOD = "tensorflow/serving/classify"


def save(exported: ExportedModel, folder: Path) -> None:
    """Writes a SavedModel with its signatures, as TensorFlow Serving expects them.

    * ``serving_default`` takes ``inputs [n, *example_shape]`` in the dataset's own dtype,
      any n, and answers ``probabilities [n, n_classes]``, ``class_index [n]`` and
      ``label [n]``, and ``abstain [n]`` where the model may abstain: whether the class is
      too unsure to be an answer; of an encoded table it takes the columns, each ``[n]``, by
      their names; of sparse rows ``ids [n, k]`` and ``values [n, k]``, with ids of -1 where
      a row has fewer than k entries;
    * ``serving_examples``, of an encoded table, takes ``examples [n]``, serialized
      ``tf.Example``s with a feature for each column that is not missing, and
      ``serving_encoded`` the row of features that the columns become, both to the same answer;
    * ``serving_bytes``, where examples are images, takes ``image_bytes [n]``, encoded PNG
      or JPEG of any size, and answers the same;
    * ``classify`` takes ``inputs [n]``, serialized ``tf.Example``s with a feature for each
      input of ``serving_default``, and answers ``classes`` and ``scores``, both
      ``[n, n_classes]``: Serving's Classification API.

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
    if exported.model.spec.encoding:
        _name_inputs(folder / "saved_model.pb", argument_names(exported.model.spec.encoding.inputs))


def _name_inputs(path: Path, arguments: dict[str, str]) -> None:
    """Gives the inputs of `SIGNATURE` the names of their columns, whatever characters they have.

    `tf.saved_model.save` takes the names of arguments, and so not all names.
    """
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    content = SavedModel.FromString(path.read_bytes())
    for graph in content.meta_graphs:
        inputs = graph.signature_def[SIGNATURE].inputs
        found = {
            name: type(inputs[key]).FromString(inputs[key].SerializeToString())
            for name, key in arguments.items()
        }
        inputs.clear()
        for name, info in found.items():
            inputs[name].CopyFrom(info)
    path.write_bytes(content.SerializeToString(deterministic=True))


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
            encoded = ENCODED_SIGNATURE if self.spec.encoding else SIGNATURE
            self._answer = self._root.signatures[encoded]
            inputs = self._answer.structured_input_signature[1]
            outputs = {name: self._answer.structured_outputs[name] for name in OUTPUTS}
            if not self.spec.sparse:
                shape, dtype = tuple(inputs[DENSE].shape[1:]), inputs[DENSE].dtype.name
            elif set(inputs) == {IDS, VALUES}:
                shape, dtype = self._root.packed.places.shape, "float32"
        # A damaged file makes TensorFlow raise errors of many unrelated types.
        except Exception as error:
            reason = ValueError("its SavedModel is damaged or of another kind")
            raise self.unusable(reason) from error
        self.check_fit(self.spec, tuple(shape), dtype, outputs["probabilities"].shape[-1])

    def explain(self, rows: Any) -> Explanation:
        """What each feature adds to the score of each class, as `SoftmaxRegression.explain`."""
        return self.model().explain(rows)

    def model(self) -> SoftmaxRegression:
        """The trained model, to go on training or to export again.

        Raises:
          ModelError: if there are no weights of the model's shape in it.
        """
        try:
            if self.spec.sparse:
                model = unpack(self.spec, self._root.packed)
            else:
                model = SoftmaxRegression(self.spec)
                for name in ("W", "b"):
                    getattr(model, name).assign(getattr(self._root.model, name))
        except (AttributeError, ValueError, IndexError) as error:
            raise self.unusable(error) from error
        if self.description.get("profile"):
            model.profile = profile_of(self.description, str(self.path))
        return model

    def labels(self) -> tuple[str, ...] | None:
        """The class names in its graph; None where none of its signatures tells them all."""
        if CLASSIFY_SIGNATURE not in self._root.signatures:
            return None
        rows = serialized_examples(any_row(self.spec))
        answer = self._root.signatures[CLASSIFY_SIGNATURE](inputs=tf.constant(rows))
        return tuple(name.decode("utf-8") for name in answer["classes"].numpy()[0])

    def raw_probabilities(self, examples: np.ndarray | csr_array) -> np.ndarray:
        """Probability of each class, as `RowClassifier.raw_probabilities`."""
        tensors = tensors_of(self.spec, examples)
        answer = self._answer(**{name: tf.constant(each) for name, each in tensors.items()})
        return answer["probabilities"].numpy()

    def cell_answers(self) -> dict[str, Callable[[Cells], np.ndarray]]:
        """For each signature that takes rows of a table, what answers their cells through it."""
        signatures, encoding = self._root.signatures, self.spec.encoding
        if encoding is None:
            return {}
        arguments = argument_names(encoding.inputs)

        def by_columns(cells: Cells) -> np.ndarray:
            tensors = {arguments[name]: tf.constant(column) for name, column in cells.items()}
            return signatures[SIGNATURE](**tensors)["probabilities"].numpy()

        def by_examples(cells: Cells) -> np.ndarray:
            texts = tf.constant(serialized_examples(cells))
            return signatures[EXAMPLES_SIGNATURE](examples=texts)["probabilities"].numpy()

        def by_classify(cells: Cells) -> np.ndarray:
            texts = tf.constant(serialized_examples(cells))
            return signatures[CLASSIFY_SIGNATURE](inputs=texts)["scores"].numpy()

        return {
            SIGNATURE: by_columns,
            EXAMPLES_SIGNATURE: by_examples,
            CLASSIFY_SIGNATURE: by_classify,
        }
