"""What goes into a model and what comes out of it: the vocabulary all rooms share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, cast, get_args

import numpy as np

from tfsoftmax.choices import Fill

# One number for all features, or one for each.
Numbers = float | tuple[float, ...]


@dataclass(frozen=True)
class Scaling:
    """From raw features to the numbers that W multiplies: ``(x - offset) * scale``.

    Attributes:
      offset, scale: one number for all features, or one for each.
      fill: what a missing value, NaN, is taken for, raw, one for each feature; None where
        no value may be missing.
      indicators: indices of the features that are followed, after the last feature, by a
        number that is 1 where the feature is missing and else 0.
      limit: scaled numbers beyond it, or its negative, are set to it; None has no limit.

    >>> Scaling(2.0, 0.5, fill=(2.0, 4.0)).apply(np.array([[3.0, np.nan]])).tolist()
    [[0.5, 1.0]]
    >>> Scaling(fill=(2.0, 4.0), indicators=(1,)).apply(np.array([[3.0, np.nan]])).tolist()
    [[3.0, 4.0, 1.0]]
    """

    offset: Numbers = 0.0
    scale: Numbers = 1.0
    fill: tuple[float, ...] | None = None
    indicators: tuple[int, ...] = ()
    limit: float | None = None

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Rows ``[n_samples, n_features]`` as W takes them, float64 ``[n_samples, n_inputs]``."""
        raw = numbers = np.asarray(rows, np.float64)
        if self.fill is not None:
            numbers = np.where(np.isnan(raw), self.fill, raw)
        scaled = (numbers - self.offset) * self.scale
        if self.limit is not None:
            scaled = scaled.clip(-self.limit, self.limit)
        return np.column_stack([scaled, np.isnan(raw[:, list(self.indicators)])])

    def reorder(self, order: Sequence[int]) -> Scaling:
        """The scaling of the same features in another order.

        Args:
          order: for each feature, where it was before.

        >>> Scaling((1.0, 2.0), 0.5, indicators=(1,)).reorder([1, 0])
        Scaling(offset=(2.0, 1.0), scale=0.5, fill=None, indicators=(0,), limit=None)
        """

        def moved(numbers: Any) -> Any:
            return tuple(numbers[p] for p in order) if isinstance(numbers, tuple) else numbers

        now = {place: index for index, place in enumerate(order)}
        return replace(
            self,
            offset=moved(self.offset),
            scale=moved(self.scale),
            fill=moved(self.fill),
            indicators=tuple(now[place] for place in self.indicators),
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary; `from_json` turns it back."""
        fields = asdict(self)
        return {key: value for key, value in fields.items() if value or key in _ALWAYS_SCALING}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Scaling:
        """The scaling that `to_json` described."""
        fill, limit = fields["fill"], fields.get("limit")
        return cls(
            _numbers(fields["offset"]),
            _numbers(fields["scale"]),
            None if fill is None else tuple(map(float, fill)),
            tuple(map(int, fields.get("indicators", ()))),
            None if limit is None else float(limit),
        )


def _numbers(value: Any) -> Numbers:
    return tuple(map(float, value)) if isinstance(value, list | tuple) else float(value)


@dataclass(frozen=True)
class Spec:
    """The shape, type and meaning of one example and of its classes.

    Attributes:
      example_shape: shape of one raw example, ``(28, 28)`` for a gray image.
      dtype: NumPy name of the raw features' type, ``"uint8"`` for pixels.
      class_names: the name of each class, in the order of the model's outputs.
      value_range: smallest and largest value a raw feature can take where the source
        defines them (``(0, 255)`` for pixels), else None.
      feature_names: of the columns of a table, else None.
      missing: what a feature that is NaN is taken for, found in the training rows: its
        ``"mean"`` (or True), ``"median"``, ``"most_frequent"`` value, or the mean with an
        ``"indicator"`` beside it; None where no feature may be NaN.
      scaling: how a model scales its features; None is by the value range, if there is one.
      reject_below: the least probability of the predicted class that is an answer; below
        it the model abstains. None always answers.

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
    feature_names: tuple[str, ...] | None = None
    missing: Fill | None = None
    scaling: Scaling | None = None
    reject_below: float | None = None

    def __post_init__(self) -> None:
        # One spelling of the same range, whatever it was given as: it is hashed and kept.
        if self.value_range is not None:
            low, high = self.value_range
            object.__setattr__(self, "value_range", (float(low), float(high)))
        object.__setattr__(self, "missing", _fill(self.missing))

    @property
    def n_features(self) -> int:
        """Length of one example once flattened."""
        return math.prod(self.example_shape)

    @property
    def n_inputs(self) -> int:
        """Rows of W: a number for each feature, and one for each that says what is missing."""
        return self.n_features + len(self.scaled_by.indicators)

    @property
    def scaled_shape(self) -> tuple[int, ...]:
        """Shape of one example once scaled; flat where indicators follow the features."""
        return (self.n_inputs,) if self.scaled_by.indicators else self.example_shape

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

    @property
    def scaled_by(self) -> Scaling:
        """How features are scaled: as `scaling` says, or else from their range to [0, 1]."""
        low, high = self.value_range or (0.0, 1.0)
        return self.scaling or Scaling(low, 1.0 / (high - low))

    def feature_name(self, index: int) -> str:
        """What to call a feature, by its index, or what says that one is missing, after them.

        >>> Spec((2,), "float32", ("a", "b")).feature_name(1)
        'feature 1'
        """
        if index >= self.n_features:
            absent = self.scaled_by.indicators[index - self.n_features]
            return f"{self.feature_name(absent)} is missing"
        return self.feature_names[index] if self.feature_names else f"feature {index}"

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary; `from_json` turns it back.

        What came after the first release stands in it only where it is set, so that
        checksums of data stay what they were.
        """
        fields = asdict(self)
        fields["scaling"] = self.scaling and self.scaling.to_json()
        # The first way to fill it in had no name.
        fields["missing"] = True if self.missing == "mean" else self.missing
        return {key: value for key, value in fields.items() if value or key in _ALWAYS}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Spec:
        """The spec that `to_json` described.

        Raises:
          KeyError, TypeError, ValueError: if the fields are not a spec's.
        """
        low_high, names = fields["value_range"], fields.get("feature_names")
        scaling, reject_below = fields.get("scaling"), fields.get("reject_below")
        return cls(
            example_shape=tuple(int(size) for size in fields["example_shape"]),
            dtype=str(fields["dtype"]),
            class_names=tuple(str(name) for name in fields["class_names"]),
            value_range=None if low_high is None else (float(low_high[0]), float(low_high[1])),
            feature_names=None if names is None else tuple(str(name) for name in names),
            missing=_fill(fields.get("missing")),
            scaling=None if scaling is None else Scaling.from_json(scaling),
            reject_below=None if reject_below is None else float(reject_below),
        )


def _fill(value: Any) -> Fill | None:
    if value in (None, False):
        return None
    found = "mean" if value is True else value
    if found not in get_args(Fill):
        raise ValueError(f"missing must be one of {', '.join(get_args(Fill))}, not {value!r}")
    return cast(Fill, found)


_ALWAYS_SCALING = ("offset", "scale", "fill")
_ALWAYS = ("example_shape", "dtype", "class_names", "value_range")
