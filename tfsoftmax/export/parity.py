"""Proof that what was written answers as the trained model does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfsoftmax.data.encoded import Cells, features_of_cells
from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.errors import ExportError
from tfsoftmax.export.predictor import Predictor
from tfsoftmax.export.tolerances import EXACT, Demand
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.prediction import prediction_blocks
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    from scipy.sparse import csr_array

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
      raw: the same of rows of the table, in each way that the artefact takes them; None if it
        takes none.
    """

    n_samples: int
    same_class: int
    max_difference: float
    tolerance: float
    demanded: int
    raw: Parity | None = None

    @property
    def holds(self) -> bool:
        """The same class on as many rows as demanded, every probability within tolerance."""
        close = self.same_class >= self.demanded and self.max_difference <= self.tolerance
        return close and (self.raw is None or self.raw.holds)

    def shortfall(self) -> str:
        """What was found and what is asked, in words."""
        if self.raw and not self.raw.holds:
            return f"of rows of the table, {self.raw.shortfall()}"
        return (
            f"same class on {self.same_class} of {self.n_samples} rows, {self.demanded} are "
            f"asked; largest difference of a probability {self.max_difference:.2g}"
            + (f", {self.tolerance:.2g} is allowed" if self.tolerance < 1 else "")
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of every figure."""
        found = {**asdict(self), "raw": self.raw and self.raw.to_json(), "holds": self.holds}
        return {key: value for key, value in found.items() if key != "raw" or value}


def compare(
    model: SoftmaxRegression,
    answer: Callable[[np.ndarray | csr_array], np.ndarray],
    features: FeaturesLike,
    demand: Demand = EXACT,
) -> Parity:
    """Asks model and artefact the same, row by row.

    Args:
      model: in memory.
      answer: from raw examples, as `RowClassifier.raw_probabilities` takes them, to probabilities.
      features: raw rows ``[n_samples, n_features]``.
      demand: what is asked of the artefact.
    """
    answers = (
        (model.raw_logits(block), answer(block))
        for _, block in prediction_blocks(model.spec, features)
    )
    return _judged(model.spec, answers, len(features), demand)


def compare_cells(
    model: SoftmaxRegression,
    answers: Iterable[Callable[[Cells], np.ndarray]],
    cells: Cells,
    demand: Demand = EXACT,
) -> Parity:
    """Asks the model, and what takes rows of the table that it encodes, the same.

    Args:
      model: in memory.
      answers: from cells to probabilities, in each of the ways that there are.
      cells: of the rows.
      demand: what is asked of each way.

    Returns:
      Of a row the worst of its answers counts.
    """
    spec = model.spec
    assert spec.encoding is not None
    features = features_of_cells(spec.encoding, cells)
    logits = np.concatenate(
        [model.raw_logits(block) for _, block in prediction_blocks(spec, features)]
    )
    found = [_judged(spec, [(logits, answer(cells))], len(logits), demand) for answer in answers]
    return replace(
        found[0],
        same_class=min(each.same_class for each in found),
        max_difference=max(each.max_difference for each in found),
    )


def _judged(
    spec: Spec,
    answers: Iterable[tuple[np.ndarray, np.ndarray]],
    n_samples: int,
    demand: Demand,
) -> Parity:
    """Compares the model's logits with an artefact's probabilities, block by block."""
    from tfsoftmax import ops

    same, difference, largest_logit = 0, 0.0, 0.0
    for logits, found in answers:
        expected = ops.softmax(tf.constant(logits)).numpy()
        largest_logit = max(largest_logit, float(np.abs(logits).max()))
        named = expected[np.arange(len(found)), found.argmax(axis=1)]
        # Where scores overflow neither has an answer: they agree, if that is an abstention.
        silent = ~(np.isfinite(expected).all(axis=1) | np.isfinite(found).all(axis=1))
        silent &= spec.reject_below is not None
        same += int(np.sum((named >= expected.max(axis=1) - _TIE) | silent))
        # nan_to_num: a NaN answer must fail the comparison, not slip through it.
        gap = np.nan_to_num(np.abs(expected - found), nan=np.inf)
        gap[silent] = 0
        difference = max(difference, float(gap.max()))
    rounding = min(_LARGEST_TOLERANCE, _ROUNDINGS * float(np.finfo(np.float32).eps) * largest_logit)
    demanded = n_samples
    if demand.same_class < 1:
        demanded = min(n_samples - 1, int(np.ceil(demand.same_class * n_samples)))
    return Parity(n_samples, same, difference, max(demand.tolerance, rounding), demanded)


def check_parity(
    model: SoftmaxRegression,
    predictor: Predictor,
    features: FeaturesLike,
    demand: Demand = EXACT,
    cells: Cells | None = None,
) -> Parity:
    """`compare`, where falling short is an error.

    Args:
      model: in memory.
      predictor: what was written, loaded again.
      features: raw rows ``[n_samples, n_features]``.
      demand: what is asked of the artefact.
      cells: of rows of the table that the model encodes, for what takes those.

    Raises:
      ExportError: if they disagree by more than the demand allows.
    """
    parity = compare(model, predictor.raw_probabilities, features, demand)
    if answers := predictor.cell_answers():
        assert cells is not None
        raw = compare_cells(model, answers.values(), cells, demand)
        parity = replace(parity, raw=raw)
    if not parity.holds:
        raise ExportError(f"it disagrees with the trained model: {parity.shortfall()}")
    return parity
