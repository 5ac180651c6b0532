"""How far above its minimum a run left what it minimised, what held it back, what to do."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy.special
import tensorflow as tf

from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.rows import read_rows, row_blocks
from tfsoftmax.data.split import with_validation
from tfsoftmax.evaluation import evaluate
from tfsoftmax.history import EpochMetrics, History
from tfsoftmax.learning_rate import curvature
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.recipes import Recipe
from tfsoftmax.spec import Spec
from tfsoftmax.weights import row_weights

Verdict = Literal[
    "converged",
    "more_epochs",
    "larger_learning_rate",
    "smaller_learning_rate",
    "scale",
    "overfitting",
    "separable",
    "stopped_early",
]

# Features in the sample, 8 MB of float64, and worked on at a time, 8 MB of float32: little
# memory, and calls large enough that what each costs in Python vanishes.
_NUMBERS, _A_PART, _FEWEST_ROWS = 2**20, 2**21, 64
# Of the conjugate gradients; what is left then counts no more than this share.
_ITERATIONS, _MULTIPLICATIONS, _TOLERANCE = 20, 2**30, 1e-4
# How much of the diagonal stands in for rows that are not in the sample (measured), and how
# much keeps flat directions from being endless.
_UNSEEN, _DAMPING = 0.7, 1e-9
# What share of the loss is nothing, what is nothing whatever the loss; what share of
# guessing's loss is small.
_NEAR, _NOTHING, _SMALL = 0.01, 1e-6, 0.1
# A column so many times as large as another varies leaves no step that suits both.
_UNEVEN = 30.0
# Step times curvature: 1 can never be too long, and "auto" takes 1 or 10.
_SHORT, _MODEST = 0.3, 3.0
# By what share of the run, and of itself, the test log-loss is past its lowest.
_EARLY, _RISE = 0.8, 0.02
# Over how many epochs, and in what share of them, the loss rises where steps are too long.
_FEWEST_EPOCHS, _OFTEN = 5, 0.4
# Enough to hold weights, and little for rows that are many.
_L2 = 1e-3
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


def convergence(model: SoftmaxRegression, dataset: Dataset, history: History) -> Convergence:
    """Judges a trained model by the objective it was trained on.

    Loss and gradient g are those of all training rows, in one pass. The gap is half the
    squared Newton decrement, ``g' H^-1 g / 2``, by conjugate gradients, with H from evenly
    spaced rows; at least what zero weights would gain, at most what is above the loss's
    lower bound. It is exact near the minimum, and elsewhere of the right order.

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
    >>> convergence(model, dataset, history).verdict
    'converged'
    """
    recipe = history.recipe
    if recipe.held_out:
        dataset = with_validation(dataset, recipe.held_out)
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
        falls = _falls(found, sample, scaled - center[:-1, 0], centered, recipe)
        fall = float(falls.sum())
        step = _step(recipe, curvature(model, sample), len(dataset.train))
        error = evaluate(model, dataset.test).log_loss_error or 0.0
    loss, norm, fall, step = (
        number if math.isfinite(number) else _LARGEST for number in (loss, norm, fall, step)
    )
    guessing, lowest = math.log(model.spec.n_classes), _lowest(recipe, model.spec.n_classes)
    # Where every row is told apart, larger weights always come nearer to 0.
    endless = found.separable and not (recipe.l2 or recipe.l1 or recipe.label_smoothing)
    least = loss if endless else loss - guessing
    gap = max(0.0, min(max(fall, least), loss - lowest))
    scales = _Scales.of(model.spec, scaled, None if loss > guessing else falls)
    facts = _Facts(history, loss, gap, guessing, error, step, scales, endless)
    verdict, sentence = _judged(facts)
    named = scales[:3] if scales and verdict == "scale" else ()
    return Convergence(norm, loss, gap, verdict, sentence, *named)


def _sampled(model: SoftmaxRegression, split: Split, recipe: Recipe) -> Split:
    """Evenly spaced rows, as many as can be worked on, with their weights."""
    n_samples, n_features = split.features.shape
    products = _MULTIPLICATIONS // (2 * _ITERATIONS * n_features * model.spec.n_classes)
    wanted = max(_FEWEST_ROWS, min(_NUMBERS // n_features, products))
    places = np.unique(np.linspace(0, n_samples - 1, min(wanted, n_samples)).astype(np.int64))
    rows = np.empty((len(places), n_features), split.features.dtype)
    read_rows(split.features, [slice(place, place + 1) for place in places], rows)
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
    a_part = max(_FEWEST_ROWS, _A_PART // n_features)
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
    return float(recipe.l2 / 2 * np.square(W).sum() + recipe.l1 * np.abs(W).sum())


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
    found: _Found, sample: Split, scaled: np.ndarray, theta: np.ndarray, recipe: Recipe
) -> np.ndarray:
    """What each feature's weights, and the bias, add to half the squared Newton decrement."""
    slope = _shortest_subgradient(found.gradient, theta, recipe)
    X = np.column_stack([scaled, np.ones(len(scaled))])
    P = scipy.special.softmax(X @ theta, axis=1)
    w = np.asarray(sample.weights, np.float64)[:, None] / len(X)
    # A sample is flat where only rows that it lacks curve, and would promise too much there:
    # part of all rows' diagonal stands in for them, where l2 does not curve as much.
    unseen = _UNSEEN * (1 - len(X) / found.n_samples) * math.sqrt(X.shape[1] / len(X))
    damping = unseen * np.minimum(found.diagonal, found.diagonal.mean())
    damping[:-1] = np.maximum(damping[:-1], recipe.l2)
    damping += _DAMPING * found.diagonal.max() + np.finfo(np.float64).tiny
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


def _step(recipe: Recipe, bound: float, n_samples: int) -> float:
    """The largest step times the curvature; 1 can never be too long."""
    rate = recipe.learning_rate
    if not isinstance(rate, float | int):
        return _MODEST
    if recipe.loss_reduction == "sum":
        rate *= min(recipe.batch_size, n_samples)
    return rate / (1 - recipe.momentum) * (bound + recipe.l2)


class _Scales(NamedTuple):
    """Columns so uneven that no step suits all: the extremes, as `Convergence` has them."""

    largest: str
    smallest: str
    ratio: float
    words: str

    @classmethod
    def of(cls, spec: Spec, scaled: np.ndarray, falls: np.ndarray | None) -> _Scales | None:
        """None if there are none, or it is not the columns that vary little that are behind.

        Args:
          spec: features of a known range have one scale.
          scaled: rows of what W multiplies.
          falls: what there is to gain from each column, and the bias; None if that is unknown.
        """
        deviation, size = scaled.std(axis=0), np.sqrt(np.square(scaled).mean(axis=0))
        varies = deviation > np.finfo(np.float32).eps * size
        if spec.value_range is not None or not varies.any():
            return None
        least = int(np.argmin(np.where(varies, deviation, np.inf)))
        uneven = deviation.max() >= _UNEVEN * deviation[least]
        sizes = deviation if uneven else np.append(size, 1.0)
        most = int(np.argmax(sizes))
        ratio = float(sizes[most] / deviation[least])
        behind = varies & (deviation * _UNEVEN <= sizes[most])
        if not behind.any() or (falls is not None and 2 * falls[:-1][behind].sum() < falls.sum()):
            return None
        names = getattr(spec, "feature_names", None)
        called = list(names or (f"feature {column}" for column in range(len(deviation))))
        large, small = [*called, "the bias"][most], called[least]
        times = f"{ratio:,.0f} times"
        if uneven:
            words = f"{large!r} varies {times} as much as {small!r}"
        elif most == len(called):
            words = f"{small!r} varies by only {deviation[least]:.1g}"
        elif most == least:
            words = f"{large!r} is {times} as large as it varies"
        else:
            words = f"{large!r} is {times} as large as {small!r} varies"
        return cls(large, small, ratio, words)


class _Facts(NamedTuple):
    """What a verdict rests on; losses are in nats, `test_error` is the test log-loss's."""

    history: History
    loss: float
    gap: float
    guessing: float
    test_error: float
    step: float
    scales: _Scales | None
    endless: bool

    @property
    def wild(self) -> bool:
        """Whether zero weights would do better."""
        return self.loss > self.guessing * (1 + _NEAR)

    @property
    def near(self) -> bool:
        """Whether the minimum is as good as reached."""
        return not self.endless and self.gap <= max(_NEAR * self.loss, _NOTHING)

    @property
    def near_enough(self) -> bool:
        """Whether it is, for all that the test rows could show."""
        return self.near or (not self.endless and self.gap <= self.test_error / 2)

    @property
    def best(self) -> EpochMetrics | None:
        """The epoch of the lowest test log-loss, if only the training loss has fallen since."""
        epochs = self.history.epochs[: self.history.best_epoch]
        best = min(epochs, key=lambda epoch: epoch.test_log_loss, default=None)
        if best is None or best.epoch > _EARLY * epochs[-1].epoch:
            return None
        return best if epochs[-1].train_log_loss < best.train_log_loss else None

    @property
    def risen(self) -> bool:
        """Whether the test log-loss has risen since by more than chance may do."""
        if self.best is None:
            return False
        rise = self.history.kept.test_log_loss - self.best.test_log_loss
        return rise > max(_RISE * self.best.test_log_loss, self.test_error / 2)

    @property
    def hovers(self) -> bool:
        """Whether a rate that stays as it is raises the training loss as often as not."""
        losses = [epoch.train_log_loss for epoch in self.history.epochs]
        late = losses[len(losses) // 2 :]
        if self.history.recipe.schedule != "constant" or len(late) < _FEWEST_EPOCHS:
            return False
        rises = sum(after > before for before, after in itertools.pairwise(late))
        return rises >= _OFTEN * (len(late) - 1)


def _judged(facts: _Facts) -> tuple[Verdict, str]:
    """What is the case, the gravest first."""
    history, scales, gap = facts.history, facts.scales, _about(facts.gap)
    recipe, best = history.recipe, facts.best
    if scales and not facts.near_enough:
        return "scale", (
            f"{scales.words}, which holds all steps back: standardise the features "
            "(--standardize on)."
        )
    if facts.wild and facts.step > _MODEST:
        return "smaller_learning_rate", (
            f"The learning rate {recipe.learning_rate:.3g} is too large: the training loss, "
            f"{_nats(facts.loss)}, is worse than guessing's, {_nats(facts.guessing)}; try "
            "--learning-rate auto."
        )
    if facts.step < _SHORT and not (facts.near_enough or facts.risen):
        return "larger_learning_rate", (
            f"The learning rate {recipe.learning_rate:.3g} is too small for so few steps: with a "
            f"larger one the training loss could fall by {gap}; try --learning-rate auto."
        )
    if best and (facts.risen or not facts.near_enough):
        return "overfitting", _overfitted(facts, best.epoch)
    if facts.endless and facts.loss < _SMALL * facts.guessing:
        return "separable", (
            "All training rows are told apart, so that their loss has no minimum and weights "
            f"would grow for ever: --l2 {_L2:g} gives it one."
        )
    if facts.near_enough:
        unseen = "" if facts.near else ", which is less than the test rows could show"
        return "converged", f"Converged: the training loss is within {gap} of its minimum{unseen}."
    return _unfinished(facts, gap)


def _overfitted(facts: _Facts, epoch: int) -> str:
    recipe = facts.history.recipe
    tries = [
        f"--l2 {_L2:g}" if not recipe.l2 else "another --l2",
        *([] if recipe.early_stopping else ["--early-stopping log_loss"]),
    ]
    if facts.near:
        begin = "The training loss is at its minimum, but the test log-loss"
    elif facts.near_enough:
        begin = "More epochs would hardly lower the training loss, nor the test log-loss, which"
    else:
        begin = "More epochs would lower the training loss, but not the test log-loss, which"
    return f"{begin} was lowest after epoch {epoch}: try {' or '.join(tries)}."


def _unfinished(facts: _Facts, gap: str) -> tuple[Verdict, str]:
    history = facts.history
    recipe, epochs, kept = history.recipe, history.epochs, history.best_epoch
    if kept and kept < len(epochs):
        return "stopped_early", (
            f"Stopped early: more epochs would lower the training loss by {gap}, but the "
            f"validation {recipe.early_stopping} was best after epoch {kept}."
        )
    if facts.hovers:
        return "smaller_learning_rate", (
            f"The training loss goes up and down {gap} above its minimum: take a smaller "
            "learning rate, or one that falls (--schedule cosine)."
        )
    larger = " (or a larger learning rate)" if facts.step < _MODEST else ""
    tests = [epoch.test_log_loss for epoch in epochs]
    falling = "; the test log-loss was still falling" if tests[-1:] < tests[-2:-1] else ""
    return "more_epochs", (
        f"Not there yet: more epochs{larger} could lower the training loss by {gap}{falling}."
    )


def _nats(loss: float) -> str:
    return f"{loss:,.0f}" if loss >= 100 else f"{loss:.3g}"


def _about(gap: float) -> str:
    if gap < 1e-4:
        return "less than 0.0001"
    return f"about {_nats(float(f'{gap:.1g}' if gap < 1 else f'{gap:.2g}'))}"
