"""The training loop: a compiled inner loop over steps, a plain outer loop over epochs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax import ops
from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.errors import DivergenceError
from tfsoftmax.evaluation import evaluate
from tfsoftmax.feed import WEIGHTS_STREAM, Chunk, Feed, placed
from tfsoftmax.history import EpochMetrics, History, MovingAverage
from tfsoftmax.model import Initializer, SoftmaxRegression
from tfsoftmax.recipes import RECIPES, Recipe
from tfsoftmax.sgd import Schedule, constant, cosine, descend

# Python sees a Ctrl-C, and a progress bar moves, only between two calls of the compiled
# loop. This many multiplications keep a call under about half a second on one core,
# while an epoch of MNIST still is a single call.
MULTIPLICATIONS_A_CALL = 2**31


class FitResult(NamedTuple):
    """What `fit` returns: the trained model and what was measured on the way."""

    model: SoftmaxRegression
    history: History


class Progress(NamedTuple):
    """How far a run is: steps done of all, and the moving loss so far."""

    step: int
    total_steps: int
    moving_loss: float


def fit(
    dataset: Dataset,
    recipe: Recipe = RECIPES["default"],
    *,
    on_epoch: Callable[[EpochMetrics], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> FitResult:
    """Trains a model by stochastic gradient descent on the cross-entropy.

    The same dataset and recipe give the same bytes in W and b on the same machine. Every
    row is used once an epoch, in an order drawn anew; a last batch that is short counts
    for the rows it has.

    Args:
      dataset: the training rows, and the test rows to measure on after every epoch.
      recipe: how to train.
      on_epoch: called with each epoch's figures.
      on_progress: called after every call of the compiled loop, at least once an epoch.

    Returns:
      The trained model and the history of all epochs.

    Raises:
      DivergenceError: at the step where the loss stopped being a number.

    >>> import tfsoftmax
    >>> dataset = tfsoftmax.load_dataset("digits")
    >>> model, history = fit(dataset, RECIPES["default"].but(epochs=5))
    >>> history.last.test_accuracy > 0.9
    True
    """
    model = SoftmaxRegression(dataset.spec, _initializer(recipe))
    trainer = Trainer(model, dataset.train, recipe)
    # On the device once, not once an epoch.
    train, test = trainer.feed.rows, placed(dataset.test, recipe.memory_limit)
    history = History()
    for epoch in range(trainer.epochs):
        steps = (epoch + 1) * trainer.feed.steps
        started = time.perf_counter()
        moving_loss = trainer.run_epoch(epoch, on_progress)
        trained = time.perf_counter()
        on_train, on_test = evaluate(model, train), evaluate(model, test)
        metrics = EpochMetrics(
            epoch=epoch + 1,
            steps=steps,
            moving_loss=moving_loss,
            train_accuracy=on_train.accuracy,
            train_log_loss=on_train.log_loss,
            test_accuracy=on_test.accuracy,
            test_log_loss=on_test.log_loss,
            learning_rate=float(trainer.learning_rates(steps - 1, steps)[0]),
            train_seconds=trained - started,
            evaluation_seconds=time.perf_counter() - trained,
        )
        history.epochs.append(metrics)
        if on_epoch:
            on_epoch(metrics)
    return FitResult(model, history)


class Trainer:
    """One run's state between epochs, and the compiled loop that moves it.

    Attributes:
      model: its W and b are moved.
      feed: the training rows, in the order of each epoch.
      epochs: how many the run has.
      moving_loss: of all steps so far.
    """

    def __init__(self, model: SoftmaxRegression, split: Split, recipe: Recipe):
        self.model, self.recipe = model, recipe
        self.feed = Feed(split, recipe.batch_size, recipe.seed, recipe.memory_limit)
        self.epochs = recipe.epochs_for(len(split))
        self.moving_loss = MovingAverage()
        self._schedule = _schedule(recipe, self.epochs * self.feed.steps)
        self._fall_back = recipe.xla
        self._run_steps = self._compile(xla=recipe.xla)

    def run_epoch(self, epoch: int, on_progress: Callable[[Progress], None] | None = None) -> float:
        """Trains on every row once, in the order that belongs to this epoch.

        Args:
          epoch: from 0; determines order and learning rates, nothing else does.
          on_progress: called after every call of the compiled loop.

        Returns:
          The moving loss after the epoch.

        Raises:
          DivergenceError: if the loss, W or b stopped being finite numbers.
          DataError: if rows cannot be read from the file they are in.
        """
        done, total = epoch * self.feed.steps, self.epochs * self.feed.steps
        moving_loss = float("nan")
        for chunk in self.feed.epoch(epoch):
            for losses in self._run_chunk(chunk, epoch, done):
                done += len(losses)
                moving_loss = self.moving_loss.update(losses)
                if on_progress:
                    on_progress(Progress(done, total, moving_loss))
        return moving_loss

    def learning_rates(self, first: int, last: int) -> np.ndarray:
        """The learning rates of the run's steps `first` to `last` - 1, float64."""
        return self._schedule(np.arange(first, last))

    def _run_chunk(self, chunk: Chunk, epoch: int, done: int) -> Iterator[np.ndarray]:
        """Trains on a chunk, after `done` steps of the run; yields the losses of each call."""
        order, n_samples = tf.constant(chunk.order), tf.constant(chunk.n_samples)
        rates = self.learning_rates(done, done + self.feed.chunk_steps)
        device_rates = tf.constant(rates, tf.float32)
        steps, stride = -(-chunk.n_samples // self.feed.batch_size), self._steps_a_call()
        for first in range(0, steps, stride):
            last = min(first + stride, steps)
            # Bounds as a tensor: numbers would be traced, and compiled, anew for each value.
            bounds = tf.constant([first, last])
            losses = self._call(
                chunk.features, chunk.labels, n_samples, order, device_rates, bounds
            )[first:last]
            self._check_finite(losses, rates[first:last], epoch, done + first)
            yield losses

    def _steps_a_call(self) -> int:
        spec = self.model.spec
        step_cost = self.feed.batch_size * spec.n_features * spec.n_classes
        return max(1, MULTIPLICATIONS_A_CALL // step_cost)

    def _call(self, *arguments: tf.Tensor) -> np.ndarray:
        try:
            losses = self._run_steps(*arguments).numpy()
        except tf.errors.OpError:
            if not self._fall_back:
                raise
            # No XLA for this device, or what it compiled before cannot be read: that fails
            # before any step is taken.
            self._run_steps = self._compile(xla=False)
            losses = self._run_steps(*arguments).numpy()
        self._fall_back = False
        return losses

    def _compile(self, xla: bool) -> Any:
        return compile_steps(self.model, self.recipe.loss_reduction == "sum", xla)

    def _check_finite(self, losses: np.ndarray, rates: np.ndarray, epoch: int, done: int) -> None:
        if not np.isfinite(losses).all():
            bad = int(np.argmin(np.isfinite(losses)))
            raise DivergenceError(epoch + 1, done + bad + 1, float(losses[bad]), float(rates[bad]))
        if not all(np.isfinite(p.numpy()).all() for p in self.model.parameters):
            raise DivergenceError(epoch + 1, done + len(losses), float("nan"), float(rates[-1]))


def compile_steps(model: SoftmaxRegression, descend_sum: bool, xla: bool) -> Any:
    """Builds the function that takes many steps in one call, traced once a run.

    It gathers each batch's rows where they lie and casts them there, so the features stay
    in their compact dtype; gradients come from the tape.

    Args:
      model: its W and b are moved.
      descend_sum: whether a step descends the sum of its batch's losses, or their mean.
      xla: compile with XLA.

    Returns:
      A ``tf.function`` of

      * features ``[chunk_rows, n_features]`` and labels ``[chunk_rows]``,
      * n_samples, int32: how many of these rows there are,
      * order, int32 ``[steps, batch_size]``: the row numbers of each step; entries beyond
        the first n_samples are padding and carry no weight,
      * learning_rates, float32 ``[steps]``,
      * bounds, int32 ``[2]``: the first step to take and the one to stop before,

      that returns the mean loss of each batch, float32 ``[steps]``, 0 for steps not taken.
    """

    # An explicit loop: AutoGraph needs the source at hand, which it does not always find.
    @tf.function(jit_compile=xla or None, autograph=False)
    def run_steps(
        features: tf.Tensor,
        labels: tf.Tensor,
        n_samples: tf.Tensor,
        order: tf.Tensor,
        learning_rates: tf.Tensor,
        bounds: tf.Tensor,
    ) -> tf.Tensor:
        batch_size = order.shape[1]

        def take_step(
            step: tf.Tensor, losses: tf.Tensor, transposed: tf.Tensor, b: tf.Tensor
        ) -> tuple[tf.Tensor, ...]:
            rows = order[step]
            inputs = model.scaled(tf.gather(features, rows))
            targets = tf.gather(labels, rows)
            # All of the batch, but for what pads the last one.
            count = tf.minimum(n_samples - step * batch_size, batch_size)
            with tf.GradientTape() as tape:
                tape.watch([transposed, b])
                logits = tf.matmul(transposed, inputs, transpose_b=True) + b[:, None]
                batch_losses = ops.cross_entropy(logits, targets, axis=0)
                total = tf.reduce_sum(tf.where(tf.range(batch_size) < count, batch_losses, 0.0))
                mean = total / tf.cast(count, tf.float32)
                objective = total if descend_sum else mean
            gradients = tape.gradient(objective, [transposed, b])
            transposed, b = descend([transposed, b], gradients, learning_rates[step])
            return step + 1, tf.tensor_scatter_nd_update(losses, [[step]], [mean]), transposed, b

        # In the loop W is transposed, and so are the logits: all that is multiplied and
        # added then lies side by side in memory, where ten columns would make small strides.
        W, b = model.parameters
        _, losses, transposed, b = tf.while_loop(
            lambda step, *_: step < bounds[1],
            take_step,
            (bounds[0], tf.zeros_like(learning_rates), tf.transpose(W), b.read_value()),
            parallel_iterations=1,
        )
        model.W.assign(tf.transpose(transposed))
        model.b.assign(b)
        return losses

    return run_steps


def _initializer(recipe: Recipe) -> Initializer | None:
    if recipe.initializer == "zeros":
        return None
    generator = np.random.default_rng([recipe.seed, WEIGHTS_STREAM])
    return generator.standard_normal


def _schedule(recipe: Recipe, total_steps: int) -> Schedule:
    if recipe.schedule == "cosine":
        return cosine(recipe.learning_rate, total_steps)
    return constant(recipe.learning_rate)
