"""What goes into a model and what comes out of it: the vocabulary all rooms share."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Spec:
    """The shape, type and meaning of one example and of its classes.

    Attributes:
      example_shape: shape of one raw example, ``(28, 28)`` for a gray image.
      dtype: NumPy name of the raw features' type, ``"uint8"`` for pixels.
      class_names: the name of each class, in the order of the model's outputs.
      value_range: smallest and largest value a raw feature can take where the source
        defines them (``(0, 255)`` for pixels), else None.

    >>> spec = Spec((28, 28), "uint8", ("cat", "dog"), (0, 255))
    >>> spec.n_features, spec.n_classes, spec.is_image
    (784, 2, True)
    >>> Spec.from_json(spec.to_json()) == spec
    True
    """

    example_shape: tuple[int, ...]
    dtype: str
    class_names: tuple[str, ...]
    value_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        # One spelling of the same range, whatever it was given as: it is hashed and kept.
        if self.value_range is not None:
            low, high = self.value_range
            object.__setattr__(self, "value_range", (float(low), float(high)))

    @property
    def n_features(self) -> int:
        """Length of one example once flattened."""
        return math.prod(self.example_shape)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def is_image(self) -> bool:
        """True for ``[height, width]`` and ``[height, width, 1 or 3]`` in a known range."""
        shape = self.example_shape
        pixels = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))
        return pixels and self.value_range is not None

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary; `from_json` turns it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Spec:
        """The spec that `to_json` described.

        Raises:
          KeyError, TypeError, ValueError: if the fields are not a spec's.
        """
        low_high = fields["value_range"]
        return cls(
            example_shape=tuple(int(size) for size in fields["example_shape"]),
            dtype=str(fields["dtype"]),
            class_names=tuple(str(name) for name in fields["class_names"]),
            value_range=None if low_high is None else (float(low_high[0]), float(low_high[1])),
        )
