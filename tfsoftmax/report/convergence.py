"""How far from the minimum a run ended, what held it back, and what to do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax import ops
from tfsoftmax.columns.entries import entries_of
from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.features import features_of, row_blocks
from tfsoftmax.data.moved_rows import own_split
from tfsoftmax.data.sharded_rows import workers_with
from tfsoftmax.data.sparse_rows import sparse_blocks, taken_sparse
from tfsoftmax.data.split import with_validation
from tfsoftmax.distributed.gathering import gathered
from tfsoftmax.errors import UnansweredError
from tfsoftmax.evaluation import evaluate
from tfsoftmax.messages import Message
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.report.verdict import Facts, Scales, Tested, Verdict, judge
from tfsoftmax.training.history import History
from tfsoftmax.training.learning_rate import (
    Inputs,
    numbers_a_row,
    relative_step,
    sample_rows,
)
from tfsoftmax.training.newton.conjugate_gradients import conjugate_gradients
from tfsoftmax.training.newton.proof import Proof
from tfsoftmax.training.objective import CLASSES, Objective, Parameters, parameters_of
from tfsoftmax.training.record import RunRecord
from tfsoftmax.training.sample_weights import full_row_weights
from tfsoftmax.tuning.edge import beyond_the_grid

# Features, or logits, in the sample: 4 MB of float64.
_SAMPLED_NUMBERS = 2**19
# Rows in the sample, at least.
_FEWEST_ROWS = 64
# Features, or logits, of a part of the rows: 16 MB of float32 need little memory, and are enough
# to make the cost of a call from Python small.
_NUMBERS_PER_PART = 2**22
# Rows that tell how long a step may be, at most.
_ROWS_FOR_STEP = 256
# Conjugate gradients: most iterations.
_ITERATIONS = 20
# Conjugate gradients: most multiplications, over all iterations.
_MULTIPLICATIONS = 2**30
# Conjugate gradients end once this share is left.
_TOLERANCE = 1e-4
# Share of the diagonal that replaces the curvature of rows that are not in the sample (measured).
_UNSEEN = 0.7
# Share of the diagonal that is added so that no direction is flat.
_DAMPING = 1e-9
# Share of a column's squared mean that is rounding, once float32 has subtracted the mean.
_ROUNDING = 1e-11
# Sums of float32 losses are alike to this share.
_SAME_LOSS = 1e-5
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Convergence:
    """How a run ended.

    Attributes:
      gradient_norm: Euclidean length of the objective's gradient over all training rows; with
        l1, of its shortest subgradient.
      loss: the objective, in nats: the rows' weighted mean loss and the penalties.
      loss_gap: about how far that is above its minimum; where newton has proven it, at most.
      verdict: one word, such as ``"converged"``.
      sentence: the verdict, and what to do, for people.
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
        """A JSON-ready dictionary of every field."""
        return asdict(self)


def diagnose(model: SoftmaxRegression, dataset: Dataset, history: History) -> Convergence:
    """Judges a trained model by the `Objective` it was trained on.

    Loss and gradient g are those of all training rows, in one pass. The gap is half the
    squared Newton decrement, ``g' H^-1 g / 2``, by conjugate gradients, with H from evenly
    spaced rows; at least what zero weights would gain, at most what is above the loss's
    lower bound. It is exact near the minimum, and elsewhere of the right order. Where the history
    has a proof of this model, the gap is the one that it proves.

    The verdict is added to the model's record, for the card that `export_model` writes.

    Args:
      model: as `fit` returned it.
      dataset: as `fit` was given it.
      history: as `fit` returned it.

    Raises:
      DataError: if rows cannot be read from the file they are in.
      PeerError: if several workers have the rows, which all call it, and another one is gone.

    References: Boyd and Vandenberghe, Convex optimization (2004), section 9.5.1; Böhning,
    Multinomial logistic regression algorithm (1992), for H; Nocedal and Wright, Numerical
    optimization (2006), algorithm 5.3.

    >>> import tfsoftmax
    >>> dataset = tfsoftmax.load_dataset("digits")
    >>> model, history = tfsoftmax.fit(dataset, tfsoftmax.Recipe(l2=0.01))
    >>> diagnose(model, dataset, history).verdict
    'converged'
    """
    with workers_with(dataset.train.features).peer_errors():
        return _diagnosed(model, dataset, history)


def _diagnosed(model: SoftmaxRegression, dataset: Dataset, history: History) -> Convergence:
    recipe = history.recipe
    if recipe.held_out:
        dataset = with_validation(dataset, recipe.held_out)
    train, n_classes = dataset.train, model.spec.n_classes
    objective = Objective.of(model, recipe)
    sample = sample_rows(model, train, recipe, _sample_size(model, train))
    # Columns around 0, with a bias to match: the same objective, and far easier to solve. Sparse
    # rows are about 0, and stay sparse.
    sparse = taken_sparse(train.features, model.spec)
    center = np.zeros(model.spec.n_inputs) if sparse else sample.rows.mean(axis=0)
    sharpness = history.temperature or 1.0
    parameters = [tf.cast(part, tf.float64) * sharpness for part in parameters_of(model)]
    centered = replace(objective, center=center).to_centered(parameters)
    weights = full_row_weights(train, model.spec.class_names, recipe.class_weight)
    # Huge weights overflow; the results are made finite below.
    with np.errstate(all="ignore"):
        found = _over_all_rows(model, objective, centered, center, train, weights)
        loss = found.loss + float(objective.penalty(parameters[0]))
        of_W, of_b = found.gradient
        slopes = objective.shortest_subgradient([of_W + of_b * center, of_b], parameters)
        norm = float(np.linalg.norm(_join(slopes)))
        if proof := _proof_of(history, loss):
            decrements, decrement = None, proof.gap
        else:
            decrements = _decrements(objective, found, sample, center, centered)
            decrement = float(decrements.sum())
        step = 1.0
        if recipe.epochs:
            step = relative_step(recipe, _thinned(sample), len(train), history.workers)
    test = Tested(*workers_with(train.features).chiefs(_test(model, dataset)))
    loss, norm, decrement, step = (
        number if math.isfinite(number) else _LARGEST for number in (loss, norm, decrement, step)
    )
    guessing, lowest = math.log(n_classes), objective.lower_bound(n_classes)
    # If the classes are separable, larger weights always lower the loss.
    no_minimum = found.separable and not objective.always_has_a_minimum
    least = loss if no_minimum else loss - guessing
    gap = max(0.0, min(max(decrement, least), loss - lowest))
    record = model.record if isinstance(model.record, RunRecord) else None
    tuning = record.tuning if record else None
    chosen = bool(tuning or history.chosen_l2)
    facts = Facts(history, loss, gap, guessing, test, step, None, no_minimum, chosen)
    # Where nothing was learnt the decrements say nothing of scales: a penalty may hold the weights
    # of columns that vary little.
    if isinstance(sample.rows, np.ndarray) and not proof:
        scales = Scales.of(model.spec, sample.rows, decrements if facts.learnt else None)
    else:
        # Words that are rare vary little, whatever their scale; Newton's steps suit any.
        scales = None
    facts = facts._replace(scales=scales)
    verdict, sentence = judge(facts)
    if tuning:
        sentence = Message(" ").join(filter(None, [sentence, beyond_the_grid(tuning)]))
    named = scales[:3] if scales and verdict == "scale" else ()
    convergence = Convergence(norm, loss, gap, verdict, sentence, *named)
    if record and record.is_of(model):
        model.record = replace(record, convergence=convergence.to_json())
    return convergence


def _proof_of(history: History, loss: float) -> Proof | None:
    """The proof of a run, if it is of a model of this loss."""
    proof = history.proof
    return proof if proof and math.isclose(loss, proof.objective, rel_tol=_SAME_LOSS) else None


def _test(model: SoftmaxRegression, dataset: Dataset) -> Tested | None:
    """Compares the model on the test rows with guessing by the classes' shares.

    None where they are another worker's.
    """
    if not features_of(dataset.test.features).here:
        return None
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


def _sample_size(model: SoftmaxRegression, train: Split) -> int:
    """How many rows the estimate can afford."""
    a_row, n_classes = numbers_a_row(model, train), model.spec.n_classes
    affordable = _MULTIPLICATIONS // (2 * _ITERATIONS * a_row * n_classes)
    return max(_FEWEST_ROWS, min(_SAMPLED_NUMBERS // max(a_row, n_classes), affordable))


def _thinned(sample: Inputs) -> Inputs:
    """Fewer rows of it: whether steps were too short or too long is a matter of factors."""
    every = -(-len(sample.weights) // _ROWS_FOR_STEP)
    return Inputs(sample.rows[::every], sample.weights[::every])


def _parts(model: SoftmaxRegression, split: Split, center: np.ndarray) -> Iterator[Any]:
    """All rows in order, scaled and centred as they are multiplied, in parts."""
    features, spec = split.features, model.spec
    if taken_sparse(features, spec):
        most_rows = max(_FEWEST_ROWS, _NUMBERS_PER_PART // spec.n_classes)
        # A part's gradient is as large as W, whatever its entries.
        for _, block in sparse_blocks(features, most_rows, spec.n_inputs):
            yield model.scaled(entries_of(block)).tensor(spec.n_inputs)
        return
    part_rows = max(_FEWEST_ROWS, _NUMBERS_PER_PART // max(spec.n_features, spec.n_classes))
    for block in row_blocks(features):
        for first in range(0, len(block), part_rows):
            rows = tf.constant(block[first : first + part_rows])
            yield model.scaled(rows) - tf.constant(center, tf.float32)


class _Found(NamedTuple):
    """What one pass over all rows finds.

    Attributes:
      loss: weighted mean.
      gradient, diagonal: of the mean loss, and of its Hessian, for W and b.
      separable: whether the logit of every row's class is the largest.
      n_samples: how many rows there are.
    """

    loss: float
    gradient: list[np.ndarray]
    diagonal: list[np.ndarray]
    separable: bool
    n_samples: int


def _over_all_rows(
    model: SoftmaxRegression,
    objective: Objective,
    parameters: Parameters,
    center: np.ndarray,
    split: Split,
    weights: np.ndarray,
) -> _Found:
    n_samples, workers = len(split), workers_with(split.features)
    split, mine = own_split(split)
    labels, weights = np.asarray(split.labels), weights[mine]
    loss, margin, done = 0.0, np.inf, 0
    gradient, diagonal = ([np.zeros(part.shape) for part in parameters] for _ in range(2))
    for inputs in _parts(model, split, center):
        workers.check_peers()
        part = slice(done, done + inputs.shape[0])
        here, count = labels[part], weights[part]
        sums = objective.sums(parameters, inputs, tf.constant(here), tf.constant(count))
        loss += float(sums.loss)
        _add(gradient, sums.gradient)
        _add(diagonal, objective.hessian_diagonal(sums.probabilities, inputs, count))
        margin = min(margin, _smallest_margin(sums.logits.numpy(), here, count))
        done = part.stop
    of_all = workers.sum([np.float64(loss), *gradient, *diagonal])
    total, *means = (np.asarray(each) / n_samples for each in of_all)
    gradient, diagonal = means[:2], means[2:]
    margin = float(gathered(np.array([margin]), workers).min())
    return _Found(float(total), gradient, diagonal, margin > 0, n_samples)


def _add(totals: list[np.ndarray], parts: Parameters) -> None:
    for total, part in zip(totals, parts, strict=True):
        total += part.numpy()


def _smallest_margin(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """The least lead of a row's own logit over its other logits, among rows of weight above 0."""
    own = labels, np.arange(len(labels))
    margins, others = logits[own], logits.copy()
    others[own] = -np.inf
    margins -= others.max(axis=0)
    return float(margins[weights > 0].min(initial=np.inf))


def _join(parameters: Sequence[Any]) -> np.ndarray:
    """W and b side by side, ``[n_classes, n_inputs + 1]``."""
    return np.concatenate([np.asarray(part) for part in parameters], axis=-1)


def _decrements(
    objective: Objective,
    found: _Found,
    sample: Inputs,
    center: np.ndarray,
    parameters: Parameters,
) -> np.ndarray:
    """What each feature's weights, and the bias, add to half the squared Newton decrement."""
    slope = _join(objective.shortest_subgradient(found.gradient, parameters))
    diagonal = _join(found.diagonal)
    rows, n_rows = sample.rows, len(sample.weights)
    if isinstance(rows, np.ndarray):
        # Eigen's products of matrices so narrow are faster than NumPy's.
        inputs, cost = tf.constant(rows - center), rows.size
    else:
        inputs = entries_of(rows, tf.float64).tensor(rows.shape[1])
        cost = rows.nnz + rows.shape[1]
    weights = tf.constant(sample.weights / n_rows)
    P = ops.softmax(objective.logits(parameters, inputs), axis=CLASSES)
    # A sample is flat where only rows that it lacks curve, and would promise too much there:
    # part of all rows' diagonal stands in for them, where l2 does not curve as much.
    n_parameters = diagonal.shape[1]
    unseen = _UNSEEN * (1 - n_rows / found.n_samples) * math.sqrt(n_parameters / n_rows)
    damping = unseen * np.minimum(diagonal, diagonal.mean())
    damping[:, :-1] = np.maximum(damping[:, :-1], objective.l2)
    # A share of each entry, as scales may be far apart; and what float32 leaves of a column
    # once its mean is taken off is rounding, not a direction.
    damping += _DAMPING * diagonal + np.finfo(np.float64).tiny
    damping[:, :-1] += _ROUNDING * np.square(center)
    free = np.ones_like(slope)
    free[:, :-1] = (parameters[0].numpy() != 0) | (slope[:, :-1] != 0)

    def product(V: np.ndarray) -> np.ndarray:
        curved = objective.hessian_product(P, inputs, weights, [V[:, :-1], V[:, -1:]])
        return free * (_join(curved) + damping * V)

    affordable = max(1, _MULTIPLICATIONS // (2 * cost * len(slope)))
    iterations = min(_ITERATIONS, affordable)
    steep = diagonal + damping
    step, _ = conjugate_gradients(
        lambda V: product(V[0])[None], lambda V: V / steep, slope[None], iterations, _TOLERANCE
    )
    return (slope * step[0]).sum(axis=0) / 2
