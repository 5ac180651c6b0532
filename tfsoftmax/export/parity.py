"""Proof that what was written answers as the trained model does."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tfsoftmax.errors import ExportError
from tfsoftmax.export.predictor import Predictor
from tfsoftmax.metrics import BLOCK_ROWS
from tfsoftmax.model import SoftmaxRegression

TOLERANCE = 1e-5
# Logits beyond hundreds, as a wild learning rate gives, differ by their own rounding
# between two orders of summation; this many roundings of the largest are allowed, up to
# a difference nobody would call equal.
_ROUNDINGS, _LOOSEST = 4, 1e-3


@dataclass(frozen=True)
class Parity:
    """How an artefact's answers compare with the model's, over the rows compared.

    Attributes:
      n_samples: rows compared.
      same_class: rows on which the most probable class is the same.
      max_difference: largest absolute difference of any probability.
      tolerance: what it may be: `TOLERANCE`, or float32's rounding of the largest logit
        where that is more.
    """

    n_samples: int
    same_class: int
    max_difference: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Every row the same class, every probability within the tolerance."""
        return self.same_class == self.n_samples and self.max_difference <= self.tolerance

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of every figure."""
        return {**asdict(self), "holds": self.holds}


def check_parity(model: SoftmaxRegression, predictor: Predictor, features: np.ndarray) -> Parity:
    """Asks model and artefact the same, row by row.

    Args:
      model: in memory.
      predictor: what was written, loaded again.
      features: raw rows ``[n_samples, n_features]``.

    Raises:
      ExportError: if they disagree by more than rounding.
    """
    import tensorflow as tf

    from tfsoftmax import ops

    same, difference, largest_logit = 0, 0.0, 0.0
    for start in range(0, len(features), BLOCK_ROWS):
        rows = np.asarray(features[start : start + BLOCK_ROWS])
        logits = model.logits(tf.constant(rows))
        expected = ops.softmax(logits).numpy()
        largest_logit = max(largest_logit, float(tf.reduce_max(tf.abs(logits))))
        found = predictor.probabilities(rows.reshape(len(rows), *model.spec.example_shape))
        same += int(np.sum(expected.argmax(axis=1) == found.argmax(axis=1)))
        # nan_to_num: a NaN answer must fail the comparison, not slip through it.
        gap = np.nan_to_num(np.abs(expected - found), nan=np.inf)
        difference = max(difference, float(gap.max()))
    rounding = min(_LOOSEST, _ROUNDINGS * float(np.finfo(np.float32).eps) * largest_logit)
    parity = Parity(len(features), same, difference, max(TOLERANCE, rounding))
    if not parity.holds:
        raise ExportError(
            f"{type(predictor).__name__} disagrees with the trained model: same class on "
            f"{same} of {len(features)} rows, largest difference {difference:.2g}; nothing "
            "was exported"
        )
    return parity
