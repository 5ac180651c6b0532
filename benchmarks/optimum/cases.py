"""The sets, and what is asked of each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from made_large import LARGE
from solve import SOLVERS

from tfsoftmax import Dataset, Spec, Split, load_dataset

OWN = "tfsoftmax"
# Those that take l1.
_OF_L1 = (OWN, "saga", "cyanure")


class Case(NamedTuple):
    """A set and what is asked of it.

    Attributes:
      source: a dataset's name, or one of `LARGE`.
      C: strength as scikit-learn has it: ``1 / (C n)`` on the mean loss.
      gap: the relative gap to reach.
      bound: ours / the best of scikit-learn's, at most.
      seconds: of the processor's time that each of the others may take.
      passes: ours, at most.
      whole: whether compiling counts.
      l1: whether the penalty is on magnitudes.
    """

    source: str
    C: float
    gap: float
    bound: float
    seconds: float = 60.0
    passes: int | None = None
    whole: bool = False
    l1: bool = False

    @property
    def solvers(self) -> list[str]:
        """Who can solve it."""
        return [name for name in SOLVERS if not self.l1 or name in _OF_L1]


CASES = {
    "MNIST, C = 0.01": Case("mnist", 0.01, 1e-6, 0.1, seconds=100, passes=30),
    "MNIST, C = 1": Case("mnist", 1.0, 1e-6, 0.1, seconds=200, passes=130),
    "tall": Case("tall", 1.0, 1e-6, 0.15),
    "covtype-like": Case("covtype-like", 1.0, 1e-3, 0.15),
    "embeddings": Case("embeddings", 1.0, 1e-3, 0.15),
    "wide": Case("wide", 1.0, 1e-6, 1.0, seconds=120),
    "digits": Case("digits", 1.0, 1e-6, 1.0, whole=True),
    "mnist5k": Case("mnist5k", 1.0, 1e-6, 1.0, whole=True),
    "mnist5k, l1": Case("mnist5k", 0.25, 1e-3, 0.4, seconds=150, l1=True),
}


def dataset_of(case: Case, mnist: str, scale: float) -> Dataset:
    """The rows of a case; a generated set's test rows are a few of them."""
    if case.source not in LARGE:
        return load_dataset(mnist if case.source == "mnist" else case.source)
    features, labels = LARGE[case.source](scale)
    names = tuple(str(k) for k in range(int(labels.max()) + 1))
    rows = Split(features, labels)
    spec = Spec(features.shape[1:], "float32", names)
    return Dataset(case.source, spec, rows, rows.take(np.arange(100)))
