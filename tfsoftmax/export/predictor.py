"""What every exported model can be asked, whichever runtime answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.encoded import Cells
from tfsoftmax.data.inputs import positions_of
from tfsoftmax.errors import ModelError
from tfsoftmax.metrics import Evaluation
from tfsoftmax.prediction import RowClassifier
from tfsoftmax.row_scores import RowScores
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Predictor(RowClassifier, ABC):
    """An exported model, loaded in its own runtime.

    Attributes:
      path: where it was loaded from.
      spec: what goes in and what comes out.
    """

    path: Path
    spec: Spec

    @abstractmethod
    def raw_probabilities(self, examples: np.ndarray | csr_array) -> np.ndarray:
        """Probability of each class, as `RowClassifier.raw_probabilities`."""

    def cell_answers(self) -> dict[str, Callable[[Cells], np.ndarray]]:
        """For each way to ask it for rows of a table that it encodes, what answers their cells."""
        return {}

    def probabilities(self, features: Any) -> np.ndarray:
        """Probability of each class: the same as `predict_proba`."""
        return self.predict_proba(features)

    def evaluate(self, dataset: Dataset, *splits: Split) -> Evaluation:
        """All metrics on some rows.

        Classes are matched by name, so their order in the dataset does not matter. Rows are
        asked some at a time, so memory does not grow with them.

        Args:
          dataset: what the splits belong to.
          splits: the rows to measure on, all together.

        Raises:
          ModelError: if the model does not take the dataset's examples, or does not know
            its classes.
          DataError: naming a row whose scores overflow, if the model may not abstain.
        """
        return self.score(dataset, *splits).evaluation()

    def score(self, dataset: Dataset, *splits: Split) -> RowScores:
        """What there is to know of each row's answer; all as for `evaluate`."""
        positions = self.positions_of(dataset)
        names = {id(split): name for name, split in dataset.splits().items()}

        def blocks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for split in splits:
                labels = positions[split.labels]
                where = f"{dataset.name}: {names.get(id(split), 'given')} rows"
                yield from self._asked_with(split.features, labels, where)

        return RowScores.of(blocks(), self.spec.class_names, self.spec.reject_below)

    def positions_of(self, dataset: Dataset) -> np.ndarray:
        """For each class of the dataset, its index among the model's classes.

        Raises:
          ModelError: if the model does not take the dataset's examples, or does not know
            its classes.
        """
        theirs, ours = dataset.spec, self.spec
        if (theirs.example_shape, theirs.dtype) != (ours.example_shape, ours.dtype):
            raise ModelError(
                f"{self.path}: takes examples of shape {ours.example_shape} and type "
                f"{ours.dtype}, but {dataset.name} has {theirs.example_shape} {theirs.dtype}"
            )
        return positions_of(theirs.class_names, ours, f"{self.path}, measured on {dataset.name}")

    def unusable(self, error: BaseException) -> ModelError:
        """The error for an artefact this class cannot run, in one line."""
        text = str(error.args[0] if isinstance(error, KeyError) else error)
        line = next((part.strip() for part in text.splitlines() if part.strip()), "")
        return ModelError(
            f"{self.path}: not a model made by tfsoftmax ({line or type(error).__name__})"
        )

    def check_fit(self, spec: Spec, shape: tuple[int, ...], dtype: str, n_classes: int) -> None:
        """Compares what an artefact says of itself with what its graph takes.

        Raises:
          ModelError: if they differ.
        """
        said = (tuple(spec.example_shape), spec.dtype, spec.n_classes)
        found = (tuple(shape), dtype, n_classes)
        if said != found:
            raise self.unusable(
                ValueError(f"its metadata says {said}, its graph {found}: shape, type, classes")
            )


def answer_in_blocks(
    answer: Callable[[np.ndarray | csr_array], np.ndarray],
    examples: np.ndarray | csr_array,
    batch: int | None,
    most_rows: int,
) -> np.ndarray:
    """Asks block by block.

    Args:
      answer: from examples ``[n, ...]`` to their results, ``[n, ...]``.
      examples: at least one.
      batch: how many it must be asked at once, if it takes no other number: the last block is
        filled up with examples whose results are dropped.
      most_rows: how many it is asked at most, if it takes any number.
    """
    block_rows, results = batch or most_rows, []
    for start in range(0, examples.shape[0], block_rows):
        rows = examples[start : start + block_rows]
        n_rows = rows.shape[0]
        asked = rows
        if batch is not None and n_rows < batch:
            asked = rows[np.resize(np.arange(n_rows), batch)]
        results.append(answer(asked)[:n_rows])
    return np.concatenate(results)
