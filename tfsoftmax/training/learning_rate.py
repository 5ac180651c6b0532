"""A learning rate derived from the rows, and the point that training is centred on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse
import tensorflow as tf
from scipy.sparse.linalg import LinearOperator, eigsh

from tfsoftmax.data.dataset import Split
from tfsoftmax.data.features import features_of, read_rows
from tfsoftmax.data.sharded_rows import in_memory
from tfsoftmax.data.sparse_rows import taken_sparse
from tfsoftmax.errors import DataError, UsageError
from tfsoftmax.messages import setting
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.system.threads import one_thread
from tfsoftmax.training.occurring import scale_of, scaled
from tfsoftmax.training.recipe import Recipe
from tfsoftmax.training.resolved_recipe import ResolvedRecipe
from tfsoftmax.training.sample_weights import full_row_weights

# Numbers in a sample, or entries of sparse rows; its largest eigenvalue takes a few milliseconds.
_SAMPLED_NUMBERS = 2**20
_FEWEST_ROWS = 64
# Up to this many columns, all eigenvalues cost no more than the largest alone.
_FEW_COLUMNS = 100
# Relative error that is accepted in the largest eigenvalue.
_EIGENVALUE_ERROR = 1e-3
# The first step's length, in units of the longest step that never overshoots. Where the rate
# falls, 2 is still stable even at the bound of the curvature, which is seldom reached.
_BOLDNESS_FALLING = 2
_BOLDNESS_CONSTANT = 1
# Times the size of an entry, AdaGrad's rate; and as how many rows that had a feature its sum of
# squares starts. Of 0 to 1,000 rows and first moves of 0.05 to 1.6, these came nearest to the
# minimum, in the epochs that the default takes, on five sets of texts and on generated ones.
_ADAGRAD_RATE = 1.0
_ADAGRAD_ROWS = 100
# FTRL's first move of a logit by an entry, about (measured on click logs and documents).
_FTRL_MOVE = 0.4
_SMALLEST_RATE = 1e-30


@dataclass(frozen=True, eq=False)
class Inputs:
    """A sample of the training rows as training sees them, float64.

    Attributes:
      rows: scaled, ``[n, n_inputs]``, not centred; of sparse rows a matrix of their entries.
      weights: what each counts in the objective, ``[n]``.
    """

    rows: np.ndarray | scipy.sparse.csr_array
    weights: np.ndarray

    @property
    def entry_size(self) -> float:
        """Root mean square of what is not 0; 1 if all is."""
        rows = self.rows
        values = rows[rows != 0] if isinstance(rows, np.ndarray) else rows.data[rows.data != 0]
        return float(np.sqrt(np.square(values).mean())) if len(values) else 1.0

    def row_size(self, without: list[int]) -> float:
        """Root mean square of the lengths of rows, some features left out; 1 if all are 0."""
        kept = scipy.sparse.csr_array(self.rows)
        values = kept.data[~np.isin(kept.indices, without)]
        return float(np.sqrt(np.square(values).sum() / kept.shape[0])) or 1.0

    @property
    def center(self) -> np.ndarray:
        """The rows' weighted mean, ``[n_features]``; 0 where no row counts."""
        total = self.weights.sum()
        return self.weights @ self.rows / total if total else np.zeros(self.rows.shape[1])

    @cached_property
    def curvatures(self) -> tuple[float, float]:
        """The largest eigenvalue of the rows, and the mean of their squared lengths (`curvature`).

        They take longer than all else of a learning rate, and are the same for every l2.
        """
        return _curvatures(_with_ones(self, centered=False))

    @cached_property
    def centered_curvatures(self) -> tuple[float, float]:
        """The same of centred rows."""
        return _curvatures(_with_ones(self, centered=True))


def sample_rows(
    model: SoftmaxRegression, split: Split, recipe: Recipe, n_rows: int | None = None
) -> Inputs:
    """Evenly spaced training rows, the same at every call.

    Args:
      model: for its scaling and its classes.
      split: training rows.
      recipe: for the classes' weights.
      n_rows: how many at most; None is as many as make about a million numbers.
    """
    features, n_samples = split.features, len(split)
    wanted = n_rows or max(_FEWEST_ROWS, _SAMPLED_NUMBERS // numbers_a_row(model, split))
    indices = np.unique(np.linspace(0, n_samples - 1, min(wanted, n_samples)).astype(np.int64))
    if taken_sparse(features, model.spec):
        raw = in_memory(features.take(indices))
        rows = scaled(raw, scale_of(model), model.spec.n_inputs).astype(np.float64)
    else:
        source = features_of(features)
        if not source.here:
            sample = in_memory(source.take(indices))
        elif source.in_file and len(indices) < n_samples:
            # One by one: `take` would read all that is between.
            sample = read_rows(source, [slice(index, index + 1) for index in indices])
        else:
            sample = np.asarray(source.take(indices))
        rows = model.scaled(tf.constant(sample)).numpy().astype(np.float64)
    weights = full_row_weights(split, model.spec.class_names, recipe.class_weight)
    return Inputs(rows, weights[indices])


def numbers_a_row(model: SoftmaxRegression, split: Split) -> int:
    """How many numbers a row costs: those that are not 0, of sparse rows."""
    if taken_sparse(split.features, model.spec):
        return max(1, int(split.features.entries_a_row))
    return split.features.shape[1]


def center_of(model: SoftmaxRegression, split: Split, recipe: Recipe) -> np.ndarray | None:
    """What a run subtracts from the scaled features, float32 ``[n_features]``.

    Any point has the same minimum, because the bias adapts; at the mean the loss curves least.

    Args:
      model: for its scaling.
      split: training rows.
      recipe: whether it centres; if not, the result is None, as it is for sparse rows, whose
        zeros would be lost.
    """
    if not recipe.center or taken_sparse(split.features, model.spec):
        return None
    return sample_rows(model, split, recipe).center.astype(np.float32)


def learning_rate_for(
    recipe: Recipe, l2: float, inputs: Inputs, n_samples: int, name: str
) -> float:
    """The learning rate that suits the rows, to two digits.

    It is 2 / (curvature + 2 l2) where the rate falls, and 1 / (curvature + l2) where it is
    constant, divided by the step's `reach`. AdaGrad and FTRL find each feature's curvature by
    themselves: theirs is 1 and 0.4 / the root mean square of all that is not 0.

    Args:
      recipe: how to train.
      l2: the penalty's strength.
      inputs: training rows.
      n_samples: how many training rows there are in all.
      name: of the dataset, for messages.

    Raises:
      DataError: if features are so large that no learning rate suits them.
      UsageError: if l2 is so large.
    """
    sparse = not isinstance(inputs.rows, np.ndarray)
    optimizer = recipe.optimizer_for(sparse)
    if optimizer in ("adagrad", "ftrl"):
        # Whatever the rows' unit, a feature's weights first move as far against its entries.
        first = _ADAGRAD_RATE if optimizer == "adagrad" else _FTRL_MOVE
        return float(f"{first / inputs.entry_size:.2g}")
    batch_size = min(recipe.batch_size_for(n_samples, sparse), n_samples)
    bound = curvature(inputs, batch_size, recipe.center)
    bound /= _BOLDNESS_CONSTANT if recipe.schedule == "constant" else _BOLDNESS_FALLING
    rate = 1 / (bound + l2) / reach(recipe, batch_size)
    if not rate > _SMALLEST_RATE and l2 > bound:
        raise UsageError(
            setting("l2") + f" {l2:g} is so strong that no learning rate suits it: lower it"
        )
    if not rate > _SMALLEST_RATE:
        raise DataError(
            f"{name}: features are so large that no learning rate suits them; scale them to about 1"
        )
    # Two digits are the same on every machine, although sums are ordered differently.
    return float(f"{rate:.2g}")


def feature_unit(model: SoftmaxRegression, rows: Split, recipe: Recipe) -> float:
    """The root mean square of all that is not 0, to two digits.

    Args:
      model: for its scaling.
      rows: training rows.
      recipe: how to train.
    """
    plain = Split(rows.features, rows.labels)
    size = sample_rows(model, plain, replace(recipe, class_weight=None)).entry_size
    return float(f"{size:.2g}")


def adagrad_start(unit: float, batch_size: int) -> float:
    """What AdaGrad's sums of squared gradients start at.

    It is what a hundred rows that have a feature add to its sum, each in a batch of its own. So
    rare features do not outrun frequent ones.

    >>> adagrad_start(1.0, batch_size=4)
    6.25
    """
    return _ADAGRAD_ROWS * (unit / batch_size) ** 2


def reach(recipe: Recipe, batch_size: int) -> float:
    """The total effect of a step, in units of a plain gradient step on the mean loss.

    The sum of a batch's losses is as many times as steep as the batch has rows, and momentum
    makes a step 1 / (1 - momentum) times as long.
    """
    rows = batch_size if recipe.loss_reduction == "sum" else 1
    return rows / (1 - recipe.momentum)


def relative_step(
    recipe: ResolvedRecipe, inputs: Inputs, n_samples: int, workers: int = 1
) -> float:
    """A run's longest step, in units of the longest step that can never overshoot.

    Args:
      recipe: how it was trained.
      inputs: training rows.
      n_samples: how many training rows there are in all.
      workers: how many trained together.
    """
    batch_size = min(recipe.rows_a_step(recipe.batch_size, workers), n_samples)
    bound = curvature(inputs, batch_size, recipe.center) + recipe.l2
    return recipe.rate * reach(recipe, batch_size) * bound


def curvature(inputs: Inputs, batch_size: int | None = None, centered: bool = False) -> float:
    """An upper bound of the curvature of a batch's mean loss, for all W and b.

    For all rows it is half the largest eigenvalue of ``X' X / n``, X the features with a
    column of ones for the bias: a step of 1 / curvature never goes too far. A batch of B rows
    curves more, as each of its rows counts n / B times as much: with m the mean of the
    rows' squared lengths, weighted by those squares so that few long rows count, it is half of
    ``m / B + (1 - 1 / B) * eigenvalue``.

    Args:
      inputs: training rows.
      batch_size: B; None is all rows.
      centered: whether training is centred on the rows' mean.

    References: Böhning, Multinomial logistic regression algorithm (1992), theorem 1; Ma,
    Bassily and Belkin, The power of interpolation (ICML 2018), theorem 4.

    >>> inputs = Inputs(np.full((5, 1), 3.0), np.ones(5))
    >>> curvature(inputs), curvature(inputs, 2), curvature(inputs, centered=True)
    (5.0, 5.0, 0.5)
    """
    largest, of_a_row = inputs.centered_curvatures if centered else inputs.curvatures
    if batch_size is None:
        return largest / 2
    return (of_a_row / batch_size + (1 - 1 / batch_size) * largest) / 2


def _curvatures(X: np.ndarray | scipy.sparse.csr_array) -> tuple[float, float]:
    """The largest eigenvalue of ``X' X / n``, and the mean squared length, as in `curvature`."""
    squares = (X**2).sum(axis=1)
    if not squares.any():
        return 0.0, 0.0
    return _largest_eigenvalue(X), float(np.square(squares).sum() / squares.sum())


def _with_ones(inputs: Inputs, centered: bool) -> np.ndarray | scipy.sparse.csr_array:
    """Rows with a column of ones for the bias, each times the root of its weight."""
    roots, rows = np.sqrt(inputs.weights), inputs.rows
    if not isinstance(rows, np.ndarray):
        return scipy.sparse.hstack([rows.multiply(roots[:, None]), roots[:, None]], format="csr")
    rows = rows - inputs.center if centered else rows
    return roots[:, None] * np.column_stack([rows, np.ones(len(rows))])


@one_thread()
def _largest_eigenvalue(X: np.ndarray | scipy.sparse.csr_array) -> float:
    """Of ``X' X / n``, to three digits."""
    n_rows = X.shape[0]
    narrow = X if X.shape[1] <= n_rows else X.T  # X' X and X X' have the same ones.
    size = narrow.shape[1]
    if size <= _FEW_COLUMNS:
        products = narrow.T @ narrow
        whole = products.toarray() if scipy.sparse.issparse(products) else products
        return float(np.linalg.eigvalsh(whole)[-1] / n_rows)
    product = LinearOperator((size, size), matvec=lambda v: narrow.T @ (narrow @ v), dtype=float)
    start = np.random.default_rng(0).normal(size=size)
    found = eigsh(product, k=1, v0=start, tol=_EIGENVALUE_ERROR, return_eigenvectors=False)
    return float(found[0] / n_rows)
