"""``from_keras``: a Keras model that is a softmax regression, as ours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import softmax

from tfsoftmax.convert.compared import compared
from tfsoftmax.convert.keras_layers import LAYERS, Found
from tfsoftmax.errors import ConversionError, DataError, UsageError
from tfsoftmax.messages import setting
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.report.converted import ConversionRecord
from tfsoftmax.spec import Scaling, Spec
from tfsoftmax.training.record import parameters_sha256
from tfsoftmax.training.scaling import to_float32


def from_keras(
    keras_model: Any,
    *,
    class_names: Sequence[str] | None = None,
    like: SoftmaxRegression | None = None,
    check_on: Any = None,
) -> SoftmaxRegression:
    """Converts a Keras model that is a softmax regression.

    That is a Sequential or a functional model of one input, with the layers Flatten, Rescaling,
    Normalization and Dropout, and at the end Dense with softmax, or without (logits), or Dense
    and Softmax; or Dense(1) with a sigmoid, for two classes.

    Args:
      keras_model: built; Keras's own, not one of TensorFlow before 2.16.
      class_names: of its outputs; None is those of `like`, or else ``0, 1, 2, ...``.
      like: the model that it was made of by `SoftmaxRegression.to_keras`; the names of columns and
        classes, the encoding of a table and the type of rows are taken from it.
      check_on: rows to compare on, ``[n_samples, n_features]`` or as `keras_model` takes them; None
        compares nothing.

    Returns:
      The model; `export_model` writes it.

    Raises:
      ConversionError: naming the layer that cannot be converted, or the row of `check_on` whose
        probabilities differ by more than 1e-5.
      UsageError: if there is not one name, unlike the others, for each class.

    >>> import keras
    >>> layers = [keras.Input((2,)), keras.layers.Dense(3, activation="softmax")]
    >>> model = from_keras(keras.Sequential(layers), class_names=["a", "b", "c"])
    >>> model.predict_proba([[0.0, 0.0]]).round(2)
    array([[0.33, 0.33, 0.33]], dtype=float32)
    """
    layers = _chain(keras_model)
    found = Found(tuple(map(int, keras_model.inputs[0].shape[1:])))
    for layer in layers:
        if found.ended:
            raise ConversionError(f"{found.where(layer)}: it comes after the probabilities")
        read = LAYERS.get(type(layer).__name__)
        if read is None or not type(layer).__module__.startswith("keras."):
            raise ConversionError(
                f"{found.where(layer)}: it is not known how to make it a part of a softmax "
                f"regression; what can be converted is {', '.join(LAYERS)}"
            )
        read(found, layer)
    if found.W is None or found.b is None:
        raise ConversionError(f"model {keras_model.name!r} has no Dense layer at its end")
    model = SoftmaxRegression(_spec(found, keras_model.inputs[0].dtype, class_names, like))
    model.W.assign(found.W)
    model.b.assign(found.b)
    import keras

    kinds = ", ".join(type(layer).__name__ for layer in layers)
    record = ConversionRecord(
        "Keras",
        keras.__version__,
        f"{type(keras_model).__name__}({kinds})",
        parameters_sha256=parameters_sha256(model),
    )
    if check_on is not None:
        rows = np.asarray(check_on).reshape(len(check_on), -1)
        expected = _probabilities(keras_model, rows, found)
        n_rows, difference = compared(model, rows, expected)
        record = replace(record, compared_rows=n_rows, max_difference=difference)
    model.record = record
    return model


def _probabilities(keras_model: Any, rows: np.ndarray, found: Found) -> np.ndarray:
    """What a Keras model says of flat rows, float64 ``[n_samples, n_classes]``."""
    if rows.shape[1] != math.prod(found.shape):
        raise DataError(
            f"check_on: the Keras model takes rows of {math.prod(found.shape):,} numbers, and "
            f"these have {rows.shape[1]:,}"
        )
    given = rows.reshape(-1, *found.shape).astype(keras_model.inputs[0].dtype)
    answers = np.asarray(keras_model.predict(given, verbose=0), np.float64)
    if answers.shape[1] == 1:
        return np.column_stack([1 - answers, answers])
    probabilities: np.ndarray = answers if found.ended else softmax(answers, axis=1)
    return probabilities


def _chain(keras_model: Any) -> list[Any]:
    """The layers of a model, each fed by the one before it alone."""
    if not getattr(keras_model, "inputs", None):
        raise ConversionError(
            "the Keras model is not built, or defined by a class of its own: give it an Input, "
            "as in keras.Sequential([keras.Input((4,)), ...])"
        )
    layers = [layer for layer in keras_model.layers if type(layer).__name__ != "InputLayer"]
    if type(keras_model).__name__ == "Sequential":
        return layers
    one = len(keras_model.inputs) == len(keras_model.outputs) == 1
    last = keras_model.inputs[0]
    for layer in layers:
        try:
            one = one and layer.input is last
            last = layer.output
        except (AttributeError, ValueError):  # of a layer that is used several times
            one = False
        if not one:
            raise ConversionError(
                f"layer {layer.name!r} ({type(layer).__name__}): expected a model of one input "
                "and one output, whose layers follow each other"
            )
    if last is not keras_model.outputs[0]:
        raise ConversionError(f"model {keras_model.name!r}: its last layer is not its output")
    return layers


def _spec(
    found: Found, dtype: str, class_names: Sequence[str] | None, like: SoftmaxRegression | None
) -> Spec:
    n_classes = found.b.size if found.b is not None else 0
    given: Sequence[Any] = range(n_classes)
    if class_names is not None:
        given = class_names
    elif like is not None:
        given = like.spec.class_names
    names = tuple(map(str, given))
    if len(names) != n_classes or len(set(names)) < len(names) or isinstance(given, str):
        raise UsageError(
            setting("class_names")
            + f" must be {n_classes} different names, one for each class of the Keras model, not "
            f"{given!r}"
        )
    if like is not None:
        if like.spec.example_shape != found.shape:
            raise UsageError(
                f"like takes rows of shape {like.spec.example_shape}, and the Keras model of "
                f"shape {found.shape}"
            )
        spec = replace(like.spec, class_names=names, missing=None)
    else:
        whole = np.issubdtype(np.dtype(dtype), np.integer)
        spec = Spec(found.shape, dtype if whole else "float32", names)
        pixels = np.all(found.offset == 0) and np.all(
            np.float32(found.scale) == np.float32(1 / 255)
        )
        if pixels and replace(spec, value_range=(0, 255)).is_image:
            return replace(spec, value_range=(0, 255))
    scaling = _scaling(found)
    return spec if scaling == spec.scaled_by else replace(spec, scaling=scaling)


def _scaling(found: Found) -> Scaling:
    """One number for all features where it is the same."""

    def numbers(of_each: np.ndarray) -> float | tuple[float, ...]:
        rounded = to_float32(of_each)
        return float(of_each[0]) if len(set(rounded)) == 1 else rounded

    return Scaling(numbers(found.offset), numbers(found.scale), limit=found.limit)
