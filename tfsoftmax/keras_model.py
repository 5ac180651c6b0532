"""The model in Keras's own layers; Keras is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.errors import UsageError
from tfsoftmax.spec import Numbers, Spec

if TYPE_CHECKING:
    import keras


def keras_model(spec: Spec, W: np.ndarray, b: np.ndarray) -> keras.Sequential:
    """A Keras model of built-in layers: scaling, Dense, softmax.

    Its operations are those of our model, in the same order, so it has the same probabilities.

    Args:
      spec: of the model.
      W: float32 ``[n_inputs, n_classes]``.
      b: float32 ``[n_classes]``.

    Raises:
      UsageError: if the model does what no layer of Keras does.
    """
    _check(spec)
    import keras

    scaling = spec.scaled_by
    layers = [keras.Input(spec.example_shape, dtype=spec.dtype, name="features")]
    if len(spec.example_shape) != 1:
        layers.append(keras.layers.Flatten(name="flat"))
    # Two layers, as one computes x * scale + offset, which loses digits of x far from 0.
    if np.any(scaling.offset):
        layers.append(keras.layers.Rescaling(1.0, _negative(scaling.offset), name="centered"))
    if np.any(np.asarray(scaling.scale) != 1) or spec.dtype != "float32":
        layers.append(keras.layers.Rescaling(_float32(scaling.scale), name="scaled"))
    if scaling.limit is not None:
        layers += [
            keras.layers.Rescaling(1.0, scaling.limit, name="above_limit"),
            keras.layers.ReLU(max_value=2 * scaling.limit, name="limited"),
            keras.layers.Rescaling(1.0, -scaling.limit, name="within_limits"),
        ]
    dense = keras.layers.Dense(spec.n_classes, activation="softmax", name="probabilities")
    model = keras.Sequential([*layers, dense], name="softmax_regression")
    dense.set_weights([W, b])
    return model


def _check(spec: Spec) -> None:
    if spec.sparse:
        raise UsageError(
            f"the model takes the entries of sparse rows of {spec.n_features:,} features, and "
            "Keras's Dense would need all of them: export it, and ask what load_predictor loads"
        )
    if spec.scaled_by.fill is not None:
        endpoint = "serving_encoded" if spec.encoding else "serving_default"
        raise UsageError(
            "the model fills in missing values, and Keras has no layer for that: train a model of "
            "rows that have none; or export it, and load its version folder as a layer that is "
            f"not trained, with keras.layers.TFSMLayer(folder, call_endpoint={endpoint!r})"
        )


def _float32(numbers: Numbers) -> Any:
    return np.asarray(numbers, np.float32) if isinstance(numbers, tuple) else numbers


def _negative(numbers: Numbers) -> Any:
    return -_float32(numbers)
