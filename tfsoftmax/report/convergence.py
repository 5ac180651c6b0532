"""How far above its minimum a run left what it minimised, what held it back, what to do."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import scipy.special
import tensorflow as tf

from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.features import read_rows, row_blocks
from tfsoftmax.data.split import with_validation
from tfsoftmax.errors import UnansweredError
from tfsoftmax.evaluation import evaluate
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.report.verdict import Facts, Scales, Tested, Verdict, judged
from tfsoftmax.training.history import History
from tfsoftmax.training.learning_rate import Inputs, curvature
from tfsoftmax.training.recipe import Recipe
from tfsoftmax.training.sample_weights import row_weights

# Features, or logits, in the sample, 8 MB of float64, and worked on at a time, 8 MB of float32:
# little memory, and calls large enough that what each costs in Python vanishes.
_NUMBERS, _A_PART, _FEWEST_ROWS = 2**20, 2**21, 64
# Of the conjugate gradients; what is left then counts no more than this share.
_ITERATIONS, _MULTIPLICATIONS, _TOLERANCE = 20, 2**30, 1e-4
# How much of the diagonal stands in for rows that are not in the sample (measured), and how
# much keeps flat directions from being endless.
_UNSEEN, _DAMPING, _ROUNDING = 0.7, 1e-9, 1e-11
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Convergence:
    """How a run ended.

    Attributes:
      gradient_norm: Euclidean length of the objective's gradient over all training rows; with
        l1, of its shortest subgradient.
      loss: the objective, in nats: the rows' weighted mean loss and the penalties.
      loss_gap: about how far that is above its minimum.
      verdict: what is the case, in a word.
      sentence: what is the case and what to do, for people.
      largest_feature, smallest_feature, scale_ratio: where scales hold a run back, what has
        the largest numbers (a column, or ``"the bias"``), the column that varies least, and
        how many times as large the one is as the other varies; else None.

    >>> Convergence(2e-5, 0.25, 1e-6, "converged", "Converged.").to_json()["loss_gap"]
    1e-06
    """

    gradient_norm: float
    loss: float
    loss_gap: float
    verdict: Verdict
    sentence: str
    largest_feature: str | None = None
    smallest_feature: str | None = None
    scale_ratio: float | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of all of it."""
        return asdict(self)


def diagnose(model: SoftmaxRegression, dataset: Dataset, history: History) -> Convergence:
    """Judges a trained model by the objective it was trained on.

    Loss and gradient g are those of all training rows, in one pass. The gap is half the
    squared Newton decrement, ``g' H^-1 g / 2``, by conjugate gradients, with H from evenly
    spaced rows; at least what zero weights would gain, at most what is above the loss's
    lower bound. It is exact near the minimum, and elsewhere of the right order.

    What it says goes into the model's record, for the card that `export_model` writes.

    Args:
      model: as `fit` returned it.
      dataset: as `fit` was given it.
      history: as `fit` returned it.

    Raises:
      DataError: if rows cannot be read from the file they are in.

    References: Boyd and Vandenberghe, Convex optimization (2004), section 9.5.1; Böhning,
    Multinomial logistic regression algorithm (1992), for H; Nocedal and Wright, Numerical
    optimization (2006), algorithm 5.3.

    >>> import tfsoftmax
    >>> dataset = tfsoftmax.load_dataset("digits")
    >>> model, history = tfsoftmax.fit(dataset, tfsoftmax.Recipe(l2=0.01))
    >>> diagnose(model, dataset, history).verdict
    'converged'
    """
    recipe = history.recipe
    if recipe.held_out:
        dataset = with_validation(dataset, recipe.held_out)
    recipe = recipe.but(l2=recipe.l2_for(len(dataset.train)))
    sample = _sampled(model, dataset.train, recipe)
    scaled = model.scaled(tf.constant(sample.features)).numpy().astype(np.float64)
    # Columns around 0, with a bias to match: the same objective, and far easier to solve.
    center = np.append(scaled.mean(axis=0), 0.0)[:, None]
    W, b = (parameter.numpy().astype(np.float64) for parameter in model.parameters)
    theta = np.vstack([W, b]) * (history.temperature or 1.0)
    # Weights gone wild overflow; what comes of it is put right below.
    with np.errstate(all="ignore"):
        centered = np.vstack([theta[:-1], theta[-1] + center.T @ theta])
        found = _over_all_rows(model, centered, center, dataset.train, recipe)
        loss = found.loss + _penalty(theta, recipe)
        slope = found.gradient + center * found.gradient[-1]
        norm = float(np.linalg.norm(_shortest_subgradient(slope, theta, recipe)))
        falls = _falls(found, sample, scaled, center, centered, recipe)
        fall = float(falls.sum())
        inputs = Inputs(scaled, np.asarray(sample.weights, np.float64))
        step = _step(recipe, inputs, len(dataset.train))
    test = _tested(model, dataset)
    loss, norm, fall, step = (
        number if math.isfinite(number) else _LARGEST for number in (loss, norm, fall, step)
    )
    guessing, lowest = math.log(model.spec.n_classes), _lowest(recipe, model.spec.n_classes)
    # Where every row is told apart, larger weights always come nearer to 0.
    endless = found.separable and not (recipe.l2 or recipe.l1 or recipe.label_smoothing)
    least = loss if endless else loss - guessing
    gap = max(0.0, min(max(fall, least), loss - lowest))
    facts = Facts(history, loss, gap, guessing, test, step, None, endless)
    # Where nothing was learnt nothing falls, be it that a penalty holds the weights of columns
    # that vary little.
    scales = Scales.of(model.spec, scaled, falls if facts.learnt else None)
    facts = facts._replace(scales=scales)
    verdict, sentence = judged(facts)
    named = scales[:3] if scales and verdict == "scale" else ()
    convergence = Convergence(norm, loss, gap, verdict, sentence, *named)
    if model.record and model.record.is_of(model):
        model.record = replace(model.record, convergence=convergence.to_json())
    return convergence


def _tested(model: SoftmaxRegression, dataset: Dataset) -> Tested:
    """How the model does on the test rows, and how guessing by the classes' shares does."""
    try:
        found = evaluate(model, dataset.test)
        log_loss, error = found.log_loss, found.log_loss_error or 0.0
    except UnansweredError:
        log_loss, error = _LARGEST, 0.0
    counts = np.bincount(dataset.train.labels, minlength=model.spec.n_classes)
    # A class that has no training rows is guessed as rarely as one with a single row.
    shares = np.maximum(counts, 1) / counts.sum()
    guessing = -float(np.log(shares)[np.asarray(dataset.test.labels)].mean())
    return Tested(len(dataset.test), log_loss, error, guessing)


def _sampled(model: SoftmaxRegression, split: Split, recipe: Recipe) -> Split:
    """Evenly spaced rows, as many as can be worked on, with their weights."""
    n_samples, n_features = split.features.shape
    products = _MULTIPLICATIONS // (2 * _ITERATIONS * n_features * model.spec.n_classes)
    wanted = max(_FEWEST_ROWS, min(_NUMBERS // max(n_features, model.spec.n_classes), products))
    places = np.unique(np.linspace(0, n_samples - 1, min(wanted, n_samples)).astype(np.int64))
    rows = read_rows(split.features, [slice(place, place + 1) for place in places])
    return Split(rows, split.labels[places], _weights(model, split, recipe)[places])


def _weights(model: SoftmaxRegression, split: Split, recipe: Recipe) -> np.ndarray:
    weights = row_weights(split, model.spec.class_names, recipe.class_weight)
    return np.ones(len(split), np.float32) if weights is None else weights


class _Found(NamedTuple):
    """What one pass over all rows finds; parameters are W over b, ``[n_features + 1, n_classes]``.

    Attributes:
      loss: weighted mean.
      gradient, diagonal: of the mean loss, and of its Hessian.
      separable: whether the logit of every row's class is the largest.
      n_samples: how many rows there are.
    """

    loss: float
    gradient: np.ndarray
    diagonal: np.ndarray
    separable: bool
    n_samples: int


def _over_all_rows(
    model: SoftmaxRegression, theta: np.ndarray, center: np.ndarray, split: Split, recipe: Recipe
) -> _Found:
    n_samples, n_features = split.features.shape
    labels, weights = np.asarray(split.labels), _weights(model, split, recipe)
    a_part = max(_FEWEST_ROWS, _A_PART // max(n_features, model.spec.n_classes))
    loss, margin, done = 0.0, np.inf, 0
    gradient, diagonal = np.zeros_like(theta), np.zeros_like(theta)
    for block in row_blocks(split.features):
        for first in range(0, len(block), a_part):
            rows = tf.constant(block[first : first + a_part])
            part = slice(done, done + len(rows))
            X = model.scaled(rows) - tf.constant(center[:-1, 0], tf.float32)
            sums = _sums(X, theta, labels[part], weights[part], recipe.label_smoothing)
            loss += sums[0]
            gradient += sums[1]
            diagonal += sums[2]
            margin = min(margin, sums[3])
            done = part.stop
    gradient, diagonal = gradient / n_samples, diagonal / n_samples
    return _Found(loss / n_samples, gradient, diagonal, margin > 0, n_samples)


def _sums(
    X: tf.Tensor, theta: np.ndarray, labels: np.ndarray, weights: np.ndarray, smoothing: float
) -> tuple[float, np.ndarray, np.ndarray, float]:
    """Sums over some rows of loss, gradient and Hessian's diagonal; the smallest margin."""
    # Products in TensorFlow, on float32; what is as narrow as the classes in NumPy, exactly.
    X = tf.pad(X, [[0, 0], [0, 1]], constant_values=1.0)
    logits = tf.matmul(X, tf.constant(theta, tf.float32)).numpy().astype(np.float64)
    log_P = scipy.special.log_softmax(logits, axis=1)
    P, own, w = np.exp(log_P), (np.arange(len(labels)), labels), weights[:, None]
    target = np.full_like(P, smoothing / P.shape[1])
    target[own] += 1.0 - smoothing
    margins = logits[own]
    logits[own] = -np.inf
    margins -= logits.max(axis=1)
    return (
        -float(np.sum(w * target * log_P)),
        _product(X, w * (P - target)),
        _product(tf.square(X), w * P * (1.0 - P)),
        float(margins[weights > 0].min(initial=np.inf)),
    )


def _product(X: tf.Tensor, right: np.ndarray) -> np.ndarray:
    return tf.matmul(X, tf.constant(right, tf.float32), transpose_a=True).numpy()


def _penalty(theta: np.ndarray, recipe: Recipe) -> float:
    W = theta[:-1]
    return float((recipe.l2 or 0.0) / 2 * np.square(W).sum() + recipe.l1 * np.abs(W).sum())


def _lowest(recipe: Recipe, n_classes: int) -> float:
    """What no weights can go below: 0, or the entropy of smoothed labels."""
    other = recipe.label_smoothing / n_classes
    own = 1.0 - recipe.label_smoothing + other
    entropy = -own * math.log(own)
    return entropy - (n_classes - 1) * other * math.log(other) if other else 0.0


def _shortest_subgradient(gradient: np.ndarray, theta: np.ndarray, recipe: Recipe) -> np.ndarray:
    """The penalised objective's; 0 where l1 rightly holds a weight at 0."""
    slope = gradient.copy()
    W, of_W = theta[:-1], slope[:-1]
    of_W += recipe.l2 * W
    shrunk = np.sign(of_W) * np.maximum(np.abs(of_W) - recipe.l1, 0.0)
    of_W[:] = np.where(W == 0, shrunk, of_W + recipe.l1 * np.sign(W))
    return slope


def _falls(
    found: _Found,
    sample: Split,
    scaled: np.ndarray,
    center: np.ndarray,
    theta: np.ndarray,
    recipe: Recipe,
) -> np.ndarray:
    """What each feature's weights, and the bias, add to half the squared Newton decrement."""
    slope = _shortest_subgradient(found.gradient, theta, recipe)
    X = np.column_stack([scaled - center[:-1, 0], np.ones(len(scaled))])
    P = scipy.special.softmax(X @ theta, axis=1)
    w = np.asarray(sample.weights, np.float64)[:, None] / len(X)
    # A sample is flat where only rows that it lacks curve, and would promise too much there:
    # part of all rows' diagonal stands in for them, where l2 does not curve as much.
    unseen = _UNSEEN * (1 - len(X) / found.n_samples) * math.sqrt(X.shape[1] / len(X))
    damping = unseen * np.minimum(found.diagonal, found.diagonal.mean())
    damping[:-1] = np.maximum(damping[:-1], recipe.l2 or 0.0)
    # A share of each entry, as scales may be far apart; and what float32 leaves of a column
    # once its mean is taken off is rounding, not a direction.
    damping += _DAMPING * found.diagonal + _ROUNDING * np.square(center)
    damping += np.finfo(np.float64).tiny
    inputs = tf.constant(X)  # Eigen's products of matrices so narrow are faster than NumPy's.
    free = np.ones_like(theta)
    free[:-1] = (theta[:-1] != 0) | (slope[:-1] != 0)

    def curved(V: np.ndarray) -> np.ndarray:
        moved = P * tf.matmul(inputs, V).numpy()
        rest = w * (moved - P * moved.sum(axis=1, keepdims=True))
        return free * (tf.matmul(inputs, rest, transpose_a=True).numpy() + damping * V)

    affordable = max(1, _MULTIPLICATIONS // (2 * len(X) * theta.size))
    iterations = min(_ITERATIONS, affordable)
    step = _conjugate_gradients(curved, slope, found.diagonal + damping, iterations)
    return (slope * step).sum(axis=1) / 2


def _conjugate_gradients(
    product: Callable[[np.ndarray], np.ndarray],
    right: np.ndarray,
    diagonal: np.ndarray,
    iterations: int,
) -> np.ndarray:
    """About the x of ``product(x) = right``; ``right' x`` is too small if it ends early."""
    found, rest = np.zeros_like(right), right
    direction = ahead = rest / diagonal
    length = first = float(np.sum(rest * ahead))
    for _ in range(iterations):
        if not length > _TOLERANCE * first:
            break
        curved = product(direction)
        size = length / float(np.sum(direction * curved))
        found, rest = found + size * direction, rest - size * curved
        ahead, before = rest / diagonal, length
        length = float(np.sum(rest * ahead))
        direction = ahead + length / before * direction
    return found


def _step(recipe: Recipe, inputs: Inputs, n_samples: int) -> float:
    """The largest step times the curvature; 1 can never be too long."""
    rate = recipe.learning_rate
    bound = curvature(inputs, min(recipe.batch_size, n_samples), recipe.center)
    if not isinstance(rate, float | int):
        return 1.0  # It was found in the rows, whatever it was.
    if recipe.loss_reduction == "sum":
        rate *= min(recipe.batch_size, n_samples)
    return rate / (1 - recipe.momentum) * (bound + (recipe.l2 or 0.0))
