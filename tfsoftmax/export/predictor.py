"""What every exported model can be asked, whichever runtime answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.rows import Features
from tfsoftmax.errors import ModelError
from tfsoftmax.metrics import BLOCK_ROWS, Evaluation, evaluate_probabilities
from tfsoftmax.spec import Spec


class Predictor(ABC):
    """An exported model, loaded in its own runtime.

    Attributes:
      path: where it was loaded from.
      spec: what goes in and what comes out.
    """

    path: Path
    spec: Spec

    @abstractmethod
    def probabilities(self, examples: np.ndarray) -> np.ndarray:
        """Probability of each class.

        Args:
          examples: raw, ``[n, *example_shape]`` in the spec's dtype; n is at least 1.

        Returns:
          float32 ``[n, n_classes]``.
        """

    def evaluate(self, dataset: Dataset, *splits: Split) -> Evaluation:
        """Accuracy, log-loss and confusion matrix on some rows.

        Classes are matched by name, so their order in the dataset does not matter.

        Args:
          dataset: what the splits belong to.
          splits: the rows to measure on, all together.

        Raises:
          ModelError: if the model does not take the dataset's examples, or does not know
            its classes.
        """
        positions = self.positions_of(dataset)
        blocks = [
            self.probabilities(np.reshape(rows, (len(rows), *self.spec.example_shape)))
            for split in splits
            for rows in _blocks(split.features)
        ]
        probabilities = np.concatenate(blocks)
        labels = positions[np.concatenate([split.labels for split in splits])]
        return evaluate_probabilities(probabilities, labels, self.spec.reject_below)

    def positions_of(self, dataset: Dataset) -> np.ndarray:
        """For each class of the dataset, its place among the model's classes.

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
        unknown = [name for name in theirs.class_names if name not in ours.class_names]
        if unknown:
            raise ModelError(
                f"{self.path}: does not know class {unknown[0]!r} of {dataset.name}; its "
                f"classes are {', '.join(ours.class_names[:10])}"
            )
        return np.array([ours.class_names.index(name) for name in theirs.class_names])

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
    answer: Callable[[np.ndarray], np.ndarray],
    examples: np.ndarray,
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
    for start in range(0, len(examples), block_rows):
        rows = examples[start : start + block_rows]
        short = batch is not None and len(rows) < batch
        asked = np.resize(rows, (batch, *rows.shape[1:])) if short else rows
        results.append(answer(asked)[: len(rows)])
    return np.concatenate(results)


def _blocks(features: Features) -> Iterator[np.ndarray]:
    return (features[start : start + BLOCK_ROWS] for start in range(0, len(features), BLOCK_ROWS))
