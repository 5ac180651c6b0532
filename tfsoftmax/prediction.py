"""Prediction, the same for models in memory and exported ones, and when a model abstains."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.data.dataset import check_finite
from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.data.inputs import rows_for
from tfsoftmax.data.sparse_rows import sparse_blocks, taken_sparse
from tfsoftmax.data.unknown_categories import UnknownCategories
from tfsoftmax.errors import UnansweredError
from tfsoftmax.metrics import rows_per_block
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    import tensorflow as tf
    from scipy.sparse import csr_array


_log = logging.getLogger(__name__)


class RowClassifier:
    """The predictions that every model makes, for rows of any form that `inputs.rows_for` takes.

    Attributes:
      spec: what goes in and what comes out.
    """

    spec: Spec
    _has_noted = False

    def raw_probabilities(self, examples: np.ndarray | csr_array) -> np.ndarray:
        """Probability of each class, as the model's own runtime computes it; nothing is checked.

        Args:
          examples: ``[n, *example_shape]`` in the spec's dtype; n is at least 1. Sparse rows are
            ``[n, n_features]``; a runtime that takes none fills in their zeros.

        Returns:
          float32 ``[n, n_classes]``.
        """
        raise NotImplementedError

    def _scores(self, examples: np.ndarray | csr_array) -> tuple[np.ndarray, np.ndarray]:
        """The scores that rank the classes, and their probabilities."""
        probabilities = self.raw_probabilities(examples)
        return probabilities, probabilities

    def predict_proba(
        self, features: Any, *, where: str = "rows", first_row: int = 0
    ) -> np.ndarray:
        """Probability of each class for each row.

        The first time that rows of a table have categories that the model does not know, a note
        is logged that counts them.

        Args:
          features: a table with the model's columns in any order, or an array
            ``[n_samples, n_features]`` or ``[n_samples, *example_shape]``.
          where: what the rows are called in an error.
          first_row: what the first of them is called.

        Returns:
          float32 ``[n_samples, n_classes]``, classes in the order of ``spec.class_names``. A row
          whose scores overflow is NaN if the model may abstain (`abstains`).

        Raises:
          ModelError: if the rows have not the model's columns or shape.
          DataError: naming row and feature of a value that the model does not take, or the row
            whose scores overflow, where the model may not abstain.
        """
        blocks = [found for _, found in self._asked(features, where, first_row)]
        return np.concatenate([np.empty((0, self.spec.n_classes), np.float32), *blocks])

    def predict(self, features: Any, *, where: str = "rows", first_row: int = 0) -> np.ndarray:
        """The most probable class's name for each row.

        Args:
          features: as for `predict_proba`.
          where: what the rows are called in an error.
          first_row: what the first of them is called.

        Returns:
          Array of class names ``[n_samples]``; where the model may abstain, of objects, with
          None for the rows that it does not answer.

        Raises:
          ModelError: as for `predict_proba`.
          DataError: as for `predict_proba`.
        """
        names = np.asarray(self.spec.class_names)
        if self.spec.reject_below is None:
            blocks = [names[s.argmax(axis=1)] for s, _ in self._asked(features, where, first_row)]
            return np.concatenate([names[:0], *blocks])
        blocks = []
        for scores, probabilities in self._asked(features, where, first_row):
            blocks.append(names[scores.argmax(axis=1)].astype(object))
            blocks[-1][abstains(probabilities, self.spec)] = None
        return np.concatenate([names[:0].astype(object), *blocks])

    def _asked(
        self, features: Any, where: str, first_row: int = 0
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields scores and probabilities, block by block."""
        unknown = UnknownCategories(self.spec.encoding)
        rows = rows_for(self.spec, features, where, first_row, unknown)
        self._note(unknown)
        for start, block in prediction_blocks(self.spec, rows):
            scores, found = self._scores(block)
            check_answered(self.spec, rows, found, where, first_row, start)
            yield scores, found

    def _note(self, unknown: UnknownCategories) -> None:
        """Logs a note of unknown categories, the first time that this model is given some."""
        if unknown.sentence and not self._has_noted:
            self._has_noted = True
            _log.warning("Note: %s (said once for each model)", unknown.sentence)

    def _asked_with(
        self, features: Any, labels: np.ndarray, where: str
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields probabilities and labels, block by block, for `RowScores.of`."""
        done = 0
        for _, probabilities in self._asked(features, where):
            yield probabilities, labels[done : done + len(probabilities)]
            done += len(probabilities)


def abstains(probabilities: np.ndarray, spec: Spec) -> np.ndarray:
    """The rows that a model does not answer, bool ``[n_samples]``.

    Args:
      probabilities: ``[n_samples, n_classes]``.
      spec: of the model, with the least probability that is an answer, if there is one.

    >>> abstains(np.array([[0.5, 0.5], [0.1, 0.9]]), Spec((1,), "float32", ("a", "b")))
    array([False, False])
    """
    if spec.reject_below is None:
        return np.zeros(len(probabilities), bool)
    # In float32, as the graphs compare; NaN is not at least anything.
    best = np.asarray(probabilities, np.float32).max(axis=1)
    return ~(best >= np.float32(spec.reject_below))


def check_answered(
    spec: Spec,
    rows: FeaturesLike | tf.Tensor,
    figures: np.ndarray,
    where: str,
    first_row: int = 0,
    start: int = 0,
) -> None:
    """Checks that every row of a block has a prediction, unless the model may abstain.

    Args:
      spec: of the model.
      rows: raw, ``[n_samples, n_features]``.
      figures: computed for each row of the block, ``[n, ...]``; not finite where its scores
        overflowed.
      where: what the rows are called in an error.
      first_row: what the first of all rows is called.
      start: of the block, in the rows.

    Raises:
      UnansweredError: naming the row, and its largest feature once it is scaled.
    """
    answered = np.isfinite(figures).reshape(len(figures), -1).all(axis=1)
    if answered.all() or spec.reject_below is not None:
        return
    index = start + int(np.argmin(answered))
    row = np.asarray(rows[index : index + 1])
    check_finite(where, row, spec, first_row + index)
    scaled = spec.scaled_by.apply(row)[0, : spec.n_features]
    largest = int(np.argmax(np.abs(scaled)))
    raise UnansweredError(
        f"{where}, row {first_row + index}: there is no prediction, because its scores overflow "
        f"float32; its largest value is {row[0, largest]:g} "
        f"({spec.feature_name(largest)}): correct it, or leave the row out"
    )


def prediction_blocks(
    spec: Spec, rows: FeaturesLike
) -> Iterator[tuple[int, np.ndarray | csr_array]]:
    """Blocks of rows as `RowClassifier.raw_probabilities` takes them, and where each starts.

    >>> spec = Spec((1, 1), "uint8", ("no", "yes"))
    >>> [(start, block.shape) for start, block in prediction_blocks(spec, np.zeros((2, 1)))]
    [(0, (2, 1, 1))]
    """
    if taken_sparse(rows, spec):
        for part, entries in sparse_blocks(rows, rows_per_block(spec.n_classes)):
            yield part.start, entries
        return
    block_rows = rows_per_block(spec.n_features, spec.n_classes)
    for start in range(0, len(rows), block_rows):
        block = np.asarray(rows[start : start + block_rows])
        yield start, block.reshape(len(block), *spec.example_shape)
