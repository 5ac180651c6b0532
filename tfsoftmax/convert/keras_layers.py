"""The layers of a Keras model: a table from their names to what each computes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tfsoftmax.errors import ConversionError


class Found:
    """What the layers so far compute: ``(x - offset) * scale``, then ``W`` and ``b``.

    Attributes:
      shape: of one example.
      offset, scale: float64 ``[n_features]``.
      limit: beyond which scaled features are cut off; None does not cut off.
      W, b: None until Dense has been met.
      ended: whether the softmax has been met.
    """

    def __init__(self, shape: tuple[int, ...]):
        """Starts at the input."""
        self.shape = self._now = shape
        self.offset, self.scale = np.zeros(math.prod(shape)), np.ones(math.prod(shape))
        self.limit: float | None = None
        self.W: np.ndarray | None = None
        self.b: np.ndarray | None = None
        self.ended = False
        # What was added to all features, and where they were cut off, on the way to `limit`.
        self._cut: float | None = None

    def where(self, layer: Any) -> str:
        """What a layer is called in an error."""
        return f"layer {layer.name!r} ({type(layer).__name__})"

    def refuse(self, layer: Any, reason: str) -> None:
        """Says why a layer cannot be converted.

        Raises:
          ConversionError: naming the layer.
        """
        raise ConversionError(f"{self.where(layer)}: {reason}")

    def flatten(self) -> None:
        """The features of an example in a row."""
        self._now = (math.prod(self._now),)

    def rescale(self, layer: Any, scale: Any, shift: Any) -> None:
        """Adds ``x * scale + shift``, whose numbers are spread over the features as NumPy does."""
        if self.W is not None:
            self.refuse(layer, "it scales scores after Dense; scale before it")
        scale, shift = (
            np.broadcast_to(np.asarray(each, np.float64), (1, *self._now)).ravel()
            for each in (scale, shift)
        )
        if self._cut is not None:
            if not (np.all(scale == 1) and np.all(shift == -self._cut)):
                self.refuse(layer, "after ReLU, expected what was added before it to be taken away")
            self.limit, self._cut = self._cut, None
            self.offset = self.offset + self.limit / self.scale
            return
        if self.limit is not None or np.any(scale == 0):
            self.refuse(layer, "it scales what was cut off, or by 0; scale before that")
        self.scale = self.scale * scale
        self.offset = self.offset - shift / self.scale

    def cut_off(self, layer: Any) -> None:
        """Cuts off at 0 and a largest value, as a part of cutting off at both sides."""
        most, slope, threshold = layer.max_value, layer.negative_slope, layer.threshold
        plain = most is not None and slope == 0 and threshold == 0
        if not plain or self.W is not None or self.limit is not None:
            self.refuse(layer, "a hidden layer's activation is no part of a softmax regression")
        self._cut = float(most) / 2

    def multiply(self, layer: Any) -> None:
        """Takes the weights of Dense."""
        if self.W is not None:
            self.refuse(layer, "a second Dense layer; a softmax regression has one")
        if len(self._now) != 1:
            self.refuse(layer, "its input is not flat; put a Flatten before it")
        if self._cut is not None:
            self.refuse(
                layer, "its input is cut off at 0, which is no part of a softmax regression"
            )
        W = np.asarray(layer.get_weights()[0], np.float32)
        b = (
            np.asarray(layer.get_weights()[1], np.float32)
            if layer.use_bias
            else np.zeros_like(W[0])
        )
        self.W, self.b = W, b
        self.activate(layer, layer.activation)

    def activate(self, layer: Any, activation: Any) -> None:
        """Ends with softmax, or with the sigmoid of one score; linear goes on."""
        name = getattr(activation, "__name__", activation)
        if name == "linear":
            return
        if self.W is None or self.b is None:
            self.refuse(layer, f"the activation {name!r} before Dense")
        elif name == "sigmoid" and self.b.size == 1:
            self.W, self.b = (np.append(np.zeros_like(each), each, -1) for each in (self.W, self.b))
        elif name != "softmax" or self.b.size == 1:
            self.refuse(
                layer,
                f"the activation {name!r} of {self.b.size} outputs; expected softmax, none, or "
                "sigmoid of one output",
            )
        self.ended = True


def _normalization(found: Found, layer: Any) -> None:
    if layer.invert:
        found.refuse(layer, "invert=True; put what it undoes into the rows")
    if layer.mean is None:
        found.refuse(layer, "it has no mean yet; call adapt on it, or give it one")
    # As Keras has it, which divides by at least this.
    deviation = np.maximum(np.sqrt(np.asarray(layer.variance, np.float64)), 1e-7)
    mean = np.asarray(layer.mean, np.float64)
    found.rescale(layer, 1.0, -mean)
    found.rescale(layer, 1 / deviation, 0.0)


def _softmax(found: Found, layer: Any) -> None:
    if layer.axis not in (-1, 1):
        found.refuse(layer, f"axis={layer.axis}; expected that of the classes, -1")
    found.activate(layer, "softmax")


# From the name of a layer's class to what it does.
LAYERS: dict[str, Callable[[Found, Any], None]] = {
    "Flatten": lambda found, layer: found.flatten(),
    "Rescaling": lambda found, layer: found.rescale(layer, layer.scale, layer.offset),
    "Normalization": _normalization,
    "ReLU": Found.cut_off,
    "Dropout": lambda found, layer: None,  # which is for training
    "Dense": Found.multiply,
    "Activation": lambda found, layer: found.activate(layer, layer.activation),
    "Softmax": _softmax,
}
