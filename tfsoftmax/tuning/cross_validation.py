"""Many models trained side by side, each on its own folds, and scored on what it never saw.

Every recipe on every fold is a model of its own, and all of them take the same steps on the
same rows in one compiled loop. A fold is a column of weights, 0 for the rows it holds out, so
what its models learn is what `fit` would make of rows weighted so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import tensorflow as tf

from tfsoftmax import ops
from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.device import device_blocks
from tfsoftmax.errors import DataError
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.training.learning_rate import sampled
from tfsoftmax.training.recipe import Recipe
from tfsoftmax.training.sample_weights import row_weights
from tfsoftmax.training.sgd import schedules
from tfsoftmax.training.sgd.feed import Feed
from tfsoftmax.training.sgd.loop import Loop, uncentered_bias
from tfsoftmax.training.sgd.updates import Hyper
from tfsoftmax.training.trainer import initializer_of, objective_of, schedule_of, updates_of

# A stream of random numbers beside those of `feed`.
_FOLDS_STREAM = 2
# Logits that are worked on at once, 4 MB of them.
_LOGITS = 2**20


def held_out_rows(dataset: Dataset, folds: int, seed: int) -> list[np.ndarray]:
    """The numbers of the training rows that each fold holds out, its share of every class.

    Args:
      dataset: its training rows are dealt out, each to one fold.
      folds: how many.
      seed: of the order they are dealt in.

    Raises:
      DataError: if a class has fewer rows than there are folds.

    >>> rows = Split(np.eye(6), np.repeat(np.int32([0, 1]), 3))
    >>> from tfsoftmax import Spec
    >>> dataset = Dataset("tiny", Spec((6,), "float64", ("no", "yes")), rows, rows)
    >>> [rows.labels[places].tolist() for places in held_out_rows(dataset, 3, seed=0)]
    [[0, 1], [0, 1], [0, 1]]
    """
    from sklearn.model_selection import StratifiedKFold

    labels = np.asarray(dataset.train.labels)
    counts = np.bincount(labels, minlength=dataset.spec.n_classes)
    rarest = int(np.argmin(np.where(counts > 0, counts, len(labels) + 1)))
    if counts[rarest] < folds:
        raise DataError(
            f"{dataset.name}: class {dataset.spec.class_names[rarest]!r} has {counts[rarest]} "
            f"training row(s), too few for {folds} folds, which each need one; take fewer folds "
            "or add rows"
        )
    # Seeds can be larger than scikit-learn takes them.
    drawn = int(np.random.default_rng([seed, _FOLDS_STREAM]).integers(2**32))
    dealt = StratifiedKFold(folds, shuffle=True, random_state=drawn)
    return [places for _, places in dealt.split(np.zeros(len(labels)), labels)]


def fold_weights(dataset: Dataset, recipe: Recipe, held_out: Sequence[np.ndarray]) -> np.ndarray:
    """What the training rows count in each fold, with mean 1: 0 for those it holds out.

    Args:
      dataset: with rows that may have weights of their own.
      recipe: with weights for classes, which are those of the fold's rows.
      held_out: numbers of rows, for each fold.

    Returns:
      float32 ``[n_samples, folds]``.

    Raises:
      DataError: if only rows that count nothing are left to a fold.
      UsageError: if the recipe's weights leave nothing.
    """
    train = dataset.train
    own = np.ones(len(train), np.float32) if train.weights is None else train.weights
    columns = []
    for places in held_out:
        kept = own.copy()
        kept[places] = 0
        if not kept.any():
            raise DataError(
                f"{dataset.name}: a fold holds out every row with a weight above 0, so there is "
                "nothing to train on; take fewer folds or weigh more rows"
            )
        rows = Split(train.features, train.labels, kept)
        column = row_weights(rows, dataset.spec.class_names, recipe.class_weight)
        assert column is not None  # These rows have weights.
        columns.append(column)
    return np.stack(columns, axis=1)


def train(
    dataset: Dataset,
    recipes: Sequence[Recipe],
    weights: np.ndarray,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[list[tf.Tensor], np.ndarray]:
    """Trains a model for every recipe and fold, all in the same steps.

    One that leaves the finite numbers takes no other with it.

    Args:
      dataset: its training rows.
      recipes: with the same choices but for l2, l1 and the learning rate, which is a number.
      weights: of the rows, ``[n_samples, folds]``.
      on_progress: called after every call of the loop with the number of steps taken, and
        of all.

    Returns:
      W transposed, ``[folds, n_recipes, n_classes, n_features]``, and b,
      ``[folds, n_recipes, n_classes, 1]``; and where all losses on the way were finite, bool
      ``[folds, n_recipes]``.

    Raises:
      DataError: if rows cannot be read from the file they are in.
    """
    recipe = recipes[0]
    rows = Split(dataset.train.features, dataset.train.labels, weights)
    feed = Feed(rows, recipe.batch_size, recipe.seed, recipe.memory_limit)
    epochs = recipe.epochs_for(len(rows))
    total = epochs * feed.steps
    model = SoftmaxRegression(dataset.spec, initializer_of(recipe))
    center = _centers(model, rows, weights, recipe) if recipe.center else None
    rates = [schedule_of(one, feed.steps, epochs) for one in recipes]
    models = (weights.shape[1], len(recipes))
    W, b = (
        tf.broadcast_to(start, [*models, *start.shape])
        for start in (tf.transpose(model.W), model.b[:, None])
    )
    if center is not None:
        b = uncentered_bias(W, b, -center)
    loop = Loop(
        feed,
        objective_of(model, recipe, center),
        updates_of(recipe)._replace(
            l2=_each([one.l2 or 0.0 for one in recipes]), l1=_each([one.l1 for one in recipes])
        ),
        [W, b],
        lambda steps: np.stack([rate(steps) for rate in rates], axis=1),
        schedules.tail_weights(round(total * (1 - recipe.averaging))),
        recipe.xla,
    )
    finite = np.ones(models, bool)
    for _ in range(epochs):
        for losses, _rates in loop.run_epoch():
            finite &= np.isfinite(losses).all(axis=0)
            if on_progress:
                on_progress(loop.done, total)
    # A share of the steps that rounds to none leaves no mean.
    averaged = bool(recipe.averaging) and loop.average_weight(total - 1) > 0
    W, b = loop.state.averages if averaged else loop.state.parameters
    return [W, b if center is None else uncentered_bias(W, b, center)], finite


def _centers(
    model: SoftmaxRegression, rows: Split, weights: np.ndarray, recipe: Recipe
) -> np.ndarray:
    """What each fold's models are centred on, ``[folds, 1, 1, n_features]``."""
    plain = replace(recipe, class_weight=None)  # The folds' weights have it already.
    folds = (Split(rows.features, rows.labels, column) for column in weights.T)
    return np.stack([sampled(model, fold, plain).center for fold in folds], dtype=np.float32)[
        :, None, None
    ]


def score(
    dataset: Dataset, parameters: Sequence[tf.Tensor], held_out: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean loss and accuracy of every model on the rows its fold held out.

    Args:
      dataset: the rows are its training rows, each counting the same.
      parameters: as `train` returns them.
      held_out: numbers of rows, for each fold.

    Returns:
      Log-losses in nats, which are not finite where W or b are not, and accuracies, float64
      ``[folds, n_recipes]`` both.

    Raises:
      DataError: if rows cannot be read from the file they are in.
    """
    model = SoftmaxRegression(dataset.spec)
    figures = []
    for places, W, b in zip(held_out, *parameters, strict=True):
        a_part = max(1, _LOGITS // int(tf.size(b)))
        sums = np.zeros((2, len(b)))
        for features, labels in device_blocks(dataset.train.take(places)):
            for start in range(0, len(labels), a_part):
                part = slice(start, start + a_part)
                sums += _part_sums(W, b, model.scaled(features[part]), labels[part])
        figures.append(sums / len(places))
    log_losses, accuracies = np.stack(figures, axis=1)
    return log_losses, accuracies


def _part_sums(W: tf.Tensor, b: tf.Tensor, inputs: tf.Tensor, labels: tf.Tensor) -> np.ndarray:
    """Of the rows' losses, and of how many are right, ``[2, n_recipes]``."""
    products = tf.matmul(tf.reshape(W, [-1, W.shape[-1]]), inputs, transpose_b=True)
    logits = tf.reshape(products, [*b.shape[:-1], -1]) + b
    losses = ops.cross_entropy(logits, labels, axis=-2)
    right = tf.argmax(logits, axis=-2, output_type=tf.int32) == labels
    return np.stack([losses.numpy().sum(-1, dtype=np.float64), right.numpy().sum(-1)])


def _each(strengths: list[float]) -> Hyper:
    """One for each model; None, which costs nothing, where all are 0."""
    return np.array(strengths, np.float32) if any(strengths) else None
