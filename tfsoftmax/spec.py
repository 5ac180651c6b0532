"""Describes a model's inputs and outputs: shape, type, scaling, names of features and classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import chain, groupby, repeat
from typing import Any, cast, get_args

import numpy as np

from tfsoftmax.choices import Fill
from tfsoftmax.columns.column import Encoding

# One number for all features, or a number for each feature.
Numbers = float | tuple[float, ...]


@dataclass(frozen=True)
class Scaling:
    """Scales raw features to the inputs that W multiplies: ``(x - offset) * scale``.

    Attributes:
      offset, scale: one number for all features, or a number for each feature.
      fill: for each feature, the raw value that replaces a missing value (NaN); None if no
        value may be missing.
      indicators: indices of the features that have a missing-value indicator. Each indicator
        is an input of its own, 1 where the feature is missing and 0 elsewhere; they come after
        all features, in this order.
      limit: scaled features are clipped to ``[-limit, limit]``; None does not clip.

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
        """Scales rows ``[n_samples, n_features]``; returns float64 ``[n_samples, n_inputs]``."""
        raw = numbers = np.asarray(rows, np.float64)
        if self.fill is not None:
            numbers = np.where(np.isnan(raw), self.fill, raw)
        scaled = (numbers - self.offset) * self.scale
        if self.limit is not None:
            scaled = scaled.clip(-self.limit, self.limit)
        return np.column_stack([scaled, np.isnan(raw[:, list(self.indicators)])])

    def reorder(self, order: Sequence[int]) -> Scaling:
        """Returns the scaling of the same features in another order.

        Args:
          order: for each feature in the new order, its index in the old one.

        >>> Scaling((1.0, 2.0), 0.5, indicators=(1,)).reorder([1, 0])
        Scaling(offset=(2.0, 1.0), scale=0.5, fill=None, indicators=(0,), limit=None)
        """

        def permute(numbers: Any) -> Any:
            return tuple(numbers[old] for old in order) if isinstance(numbers, tuple) else numbers

        new_index = {old: new for new, old in enumerate(order)}
        return replace(
            self,
            offset=permute(self.offset),
            scale=permute(self.scale),
            fill=permute(self.fill),
            indicators=tuple(new_index[old] for old in self.indicators),
        )

    def spread(self, features: Sequence[int], n_features: int) -> Scaling:
        """The scaling of more features, of which it scales some and leaves the others.

        Args:
          features: which of them it scales, in its order.
          n_features: how many there are.

        >>> Scaling((1.0, 2.0), 0.5, indicators=(1,)).spread([3, 1], 4)
        Scaling(offset=(0.0, 2.0, 0.0, 1.0), scale=(1.0, 0.5, 1.0, 0.5), fill=None, indicators=(1,), limit=None)
        """  # noqa: E501

        def spread(numbers: Numbers, rest: float) -> Numbers:
            wide = np.full(n_features, rest)
            wide[list(features)] = numbers
            return tuple(wide.tolist()) if (wide != rest).any() else rest

        fill = None if self.fill is None else np.zeros(n_features)
        if fill is not None:
            fill[list(features)] = self.fill
        return replace(
            self,
            offset=spread(self.offset, 0.0),
            scale=spread(self.scale, 1.0),
            fill=None if fill is None else tuple(fill.tolist()),
            indicators=tuple(features[index] for index in self.indicators),
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary; `from_json` turns it back.

        Numbers of many features are written as ``{"runs": [[count, number], ...]}``.
        """
        found = {each.name: getattr(self, each.name) for each in fields(self)}.items()
        return {key: _runs(value) for key, value in found if value or key in _REQUIRED_SCALING_KEYS}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Scaling:
        """Makes a scaling of the dictionary that `to_json` returned."""
        fill, limit = fields["fill"], fields.get("limit")
        return cls(
            _numbers(fields["offset"]),
            _numbers(fields["scale"]),
            None if fill is None else _tuple(fill),
            tuple(map(int, fields.get("indicators", ()))),
            None if limit is None else float(limit),
        )


def _numbers(value: Any) -> Numbers:
    return _tuple(value) if isinstance(value, list | tuple | dict) else float(value)


def _tuple(value: Any) -> tuple[float, ...]:
    if isinstance(value, dict):
        value = chain.from_iterable(repeat(number, count) for count, number in value["runs"])
    return tuple(map(float, value))


def _runs(value: Any) -> Any:
    """A long tuple as runs of equal numbers, if there are few; anything else as it is."""
    if not isinstance(value, tuple) or len(value) <= _LONG:
        return value
    runs = [[len(list(run)), number] for number, run in groupby(value)]
    return {"runs": runs} if 2 * len(runs) < len(value) else value


@dataclass(frozen=True)
class Spec:
    """The shape, type and meaning of one example and of its classes.

    Attributes:
      example_shape: shape of one raw example, for instance ``(28, 28)`` for a gray image.
      dtype: NumPy name of the raw features' type, for instance ``"uint8"`` for pixels.
      class_names: the name of each class, in the order of the model's outputs.
      value_range: smallest and largest possible raw value, if the source defines them
        (``(0, 255)`` for pixels); otherwise None.
      feature_names: the names of a table's columns; None if the features have no names.
      missing: what replaces a missing value (NaN): the feature's ``"mean"`` (or True),
        ``"median"`` or ``"most_frequent"`` value in the training rows, or its mean together
        with a missing-value ``"indicator"``; None if no value may be missing. A model that was
        converted may fill in other numbers, such as a constant: `Scaling.fill` has those of any
        model, and ``"mean"`` says only that there are some.
      scaling: how the model scales its features; None scales them from `value_range` to
        [0, 1], or not at all if there is none.
      reject_below: the model abstains if the probability of the predicted class is below
        this; None never abstains.
      encoding: how the columns of a table become the features, where they are not all numbers;
        otherwise None.
      sparse_rows: whether it was trained on sparse rows that are no encoded table; they are
        served by their entries.

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
    encoding: Encoding | None = None
    sparse_rows: bool = False

    def __post_init__(self) -> None:
        # Always floats, so that equal ranges have equal checksums when they are saved.
        if self.value_range is not None:
            low, high = self.value_range
            object.__setattr__(self, "value_range", (float(low), float(high)))
        object.__setattr__(self, "missing", _check_fill(self.missing))

    @property
    def n_features(self) -> int:
        """Number of features of one example."""
        return math.prod(self.example_shape)

    @property
    def n_inputs(self) -> int:
        """Number of rows of W: one for each feature and one for each missing-value indicator."""
        return self.n_features + len(self.scaled_by.indicators)

    @property
    def shape_in_words(self) -> str:
        """The shape of one raw example, for people.

        >>> Spec((28, 28), "uint8", ("a", "b"), value_range=(0.0, 255.0)).shape_in_words
        '28x28'
        >>> Spec((262_160,), "float32", ("a", "b")).shape_in_words
        '262,160'
        """
        return "x".join(f"{size:,}" for size in self.example_shape)

    @property
    def scaled_shape(self) -> tuple[int, ...]:
        """Shape of one scaled example; flat if there are missing-value indicators."""
        return (self.n_inputs,) if self.scaled_by.indicators else self.example_shape

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def is_image(self) -> bool:
        """Whether examples are ``[height, width]`` or ``[height, width, 1 or 3]`` with a range."""
        shape = self.example_shape
        pixels = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))
        return pixels and self.value_range is not None

    @property
    def scaled_by(self) -> Scaling:
        """The scaling that the model applies: `scaling`, or else from the value range to [0, 1]."""
        low, high = self.value_range or (0.0, 1.0)
        return self.scaling or Scaling(low, 1.0 / (high - low))

    @cached_property
    def keeps_zeros(self) -> bool:
        """Whether what is not an entry of a sparse row is 0 when it is scaled, too.

        Numbers of an encoded table always are entries, even if they are 0.
        """
        offset = self.scaled_by.offset
        if not isinstance(offset, tuple):
            return offset == 0
        numbers = set(self.encoding.numbers if self.encoding else ())
        return not any(number and index not in numbers for index, number in enumerate(offset))

    @property
    def sparse(self) -> bool:
        """Whether an exported model takes the entries of its rows, not all their features."""
        of_table = self.encoding is not None and self.encoding.sparse
        return (of_table or self.sparse_rows) and self.keeps_zeros

    def feature_name(self, index: int) -> str:
        """Names an input of the model: a feature, or a missing-value indicator after them.

        >>> Spec((2,), "float32", ("a", "b")).feature_name(1)
        'feature 1'
        """
        if index >= self.n_features:
            feature = self.scaled_by.indicators[index - self.n_features]
            if self.encoding is not None:
                return f"{self.encoding.column_of(feature).name} is missing"
            return f"{self.feature_name(feature)} is missing"
        if self.encoding is not None:
            return self.encoding.feature_name(index)
        return self.feature_names[index] if self.feature_names else f"feature {index}"

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary; `from_json` turns it back.

        Attributes added since the first release are written only if they are set, so that
        the checksums of data do not change.
        """
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        found["scaling"] = self.scaling and self.scaling.to_json()
        found["encoding"] = self.encoding and self.encoding.to_json()
        # The first release could only fill in the mean, and wrote that as True.
        found["missing"] = True if self.missing == "mean" else self.missing
        return {key: value for key, value in found.items() if value or key in _REQUIRED_KEYS}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Spec:
        """Makes a spec of the dictionary that `to_json` returned.

        Raises:
          KeyError, TypeError, ValueError: if the dictionary is not that of a spec.
        """
        low_high, names = fields["value_range"], fields.get("feature_names")
        scaling, reject_below = fields.get("scaling"), fields.get("reject_below")
        encoding = fields.get("encoding")
        return cls(
            example_shape=tuple(int(size) for size in fields["example_shape"]),
            dtype=str(fields["dtype"]),
            class_names=tuple(str(name) for name in fields["class_names"]),
            value_range=None if low_high is None else (float(low_high[0]), float(low_high[1])),
            feature_names=None if names is None else tuple(str(name) for name in names),
            missing=_check_fill(fields.get("missing")),
            scaling=None if scaling is None else Scaling.from_json(scaling),
            reject_below=None if reject_below is None else float(reject_below),
            encoding=None if encoding is None else Encoding.from_json(encoding),
            sparse_rows=bool(fields.get("sparse_rows", False)),
        )


def _check_fill(value: Any) -> Fill | None:
    if value in (None, False):
        return None
    fill = "mean" if value is True else value
    if fill not in get_args(Fill):
        raise ValueError(f"missing must be one of {', '.join(get_args(Fill))}, not {value!r}")
    return cast(Fill, fill)


# Up to so many features a number for each is written, as the first versions wrote it.
_LONG = 2**12
# Keys that `to_json` writes even if they are empty.
_REQUIRED_SCALING_KEYS = ("offset", "scale", "fill")
_REQUIRED_KEYS = ("example_shape", "dtype", "class_names", "value_range")
