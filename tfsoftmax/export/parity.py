"""Proof that what was written answers as the trained model does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.errors import ExportError
from tfsoftmax.export.predictor import Predictor
from tfsoftmax.export.tolerances import EXACT, Demand
from tfsoftmax.metrics import rows_per_block
from tfsoftmax.model import SoftmaxRegression

# Logits beyond hundreds, as too large a learning rate gives, differ by their own rounding between
# two orders of summation: so many roundings of the largest logit are allowed,
_ROUNDINGS = 4
# and this difference of a probability at most.
_LARGEST_TOLERANCE = 1e-3
# Which of two equally probable classes is the larger is a matter of rounding: a probability so far
# below the largest counts as equal to it.
_TIE = 1e-6


@dataclass(frozen=True)
class Parity:
    """How an artefact's answers compare with the model's, over the rows compared.

    Attributes:
      n_samples: rows compared.
      same_class: rows on which the most probable class is the same, or as probable.
      max_difference: largest absolute difference of any probability.
      tolerance: what it may be: the demand's, or float32's rounding of the largest logit
        where that is more.
      demanded: rows on which the class must be the same.
    """

    n_samples: int
    same_class: int
    max_difference: float
    tolerance: float
    demanded: int

    @property
    def holds(self) -> bool:
        """The same class on as many rows as demanded, every probability within tolerance."""
        return self.same_class >= self.demanded and self.max_difference <= self.tolerance

    def shortfall(self) -> str:
        """What was found and what is asked, in words."""
        return (
            f"same class on {self.same_class} of {self.n_samples} rows, {self.demanded} are "
            f"asked; largest difference of a probability {self.max_difference:.2g}"
            + (f", {self.tolerance:.2g} is allowed" if self.tolerance < 1 else "")
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of every figure."""
        return {**asdict(self), "holds": self.holds}


def compare(
    model: SoftmaxRegression,
    answer: Callable[[np.ndarray], np.ndarray],
    features: FeaturesLike,
    demand: Demand = EXACT,
) -> Parity:
    """Asks model and artefact the same, row by row.

    Args:
      model: in memory.
      answer: from raw examples ``[n, *example_shape]`` to probabilities.
      features: raw rows ``[n_samples, n_features]``.
      demand: what is asked of the artefact.
    """
    import tensorflow as tf

    from tfsoftmax import ops

    same, difference, largest_logit = 0, 0.0, 0.0
    block_rows = rows_per_block(model.spec.n_features, model.spec.n_classes)
    for start in range(0, len(features), block_rows):
        rows = np.asarray(features[start : start + block_rows])
        logits = model.logits(tf.constant(rows))
        expected = ops.softmax(logits).numpy()
        largest_logit = max(largest_logit, float(tf.reduce_max(tf.abs(logits))))
        found = answer(rows.reshape(len(rows), *model.spec.example_shape))
        named = expected[np.arange(len(rows)), found.argmax(axis=1)]
        # Where scores overflow neither has an answer: they agree, if that is an abstention.
        silent = ~(np.isfinite(expected).all(axis=1) | np.isfinite(found).all(axis=1))
        silent &= model.spec.reject_below is not None
        same += int(np.sum((named >= expected.max(axis=1) - _TIE) | silent))
        # nan_to_num: a NaN answer must fail the comparison, not slip through it.
        gap = np.nan_to_num(np.abs(expected - found), nan=np.inf)
        gap[silent] = 0
        difference = max(difference, float(gap.max()))
    rounding = min(_LARGEST_TOLERANCE, _ROUNDINGS * float(np.finfo(np.float32).eps) * largest_logit)
    n_samples = len(features)
    demanded = n_samples
    if demand.same_class < 1:
        demanded = min(n_samples - 1, int(np.ceil(demand.same_class * n_samples)))
    return Parity(n_samples, same, difference, max(demand.tolerance, rounding), demanded)


def check_parity(
    model: SoftmaxRegression, predictor: Predictor, features: FeaturesLike, demand: Demand = EXACT
) -> Parity:
    """`compare`, where falling short is an error.

    Args:
      model: in memory.
      predictor: what was written, loaded again.
      features: raw rows ``[n_samples, n_features]``.
      demand: what is asked of the artefact.

    Raises:
      ExportError: if they disagree by more than the demand allows.
    """
    parity = compare(model, predictor.raw_probabilities, features, demand)
    if not parity.holds:
        raise ExportError(f"it disagrees with the trained model: {parity.shortfall()}")
    return parity
