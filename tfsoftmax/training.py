"""The training loop: a compiled inner loop over steps, a plain outer loop over epochs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax import ops
from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.errors import DivergenceError
from tfsoftmax.evaluation import evaluate
from tfsoftmax.history import EpochMetrics, History, MovingAverage
from tfsoftmax.model import Initializer, SoftmaxRegression
from tfsoftmax.recipes import RECIPES, Recipe
from tfsoftmax.sgd import SGD, Schedule, constant, cosine

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
    train = Split(trainer.features, trainer.labels)
    test = Split(tf.convert_to_tensor(dataset.test.features), dataset.test.labels)
    history = History()
    for epoch in range(trainer.epochs):
        started = time.perf_counter()
        moving_loss = trainer.run_epoch(epoch, on_progress)
        trained = time.perf_counter()
        on_train, on_test = evaluate(model, train), evaluate(model, test)
        metrics = EpochMetrics(
            epoch=epoch + 1,
            steps=(epoch + 1) * trainer.steps,
            moving_loss=moving_loss,
            train_accuracy=on_train.accuracy,
            train_log_loss=on_train.log_loss,
            test_accuracy=on_test.accuracy,
            test_log_loss=on_test.log_loss,
            learning_rate=float(trainer.learning_rates(epoch)[-1]),
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
      features, labels: the training rows, as tensors on the device.
      epochs: how many the run has.
      batch_size, steps: rows a step, steps an epoch; the last one may be short.
      moving_loss: of all steps so far.
    """

    def __init__(self, model: SoftmaxRegression, split: Split, recipe: Recipe):
        self.model, self.recipe = model, recipe
        self.n_samples = len(split)
        self.features = tf.convert_to_tensor(split.features)
        self.labels = tf.convert_to_tensor(split.labels)
        self.epochs = recipe.epochs_for(self.n_samples)
        # A batch larger than the data is padding only, and padding is memory.
        self.batch_size = min(recipe.batch_size, self.n_samples)
        self.steps = -(-self.n_samples // self.batch_size)
        self.moving_loss = MovingAverage()
        self._schedule = _schedule(recipe, self.epochs * self.steps)
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
        """
        order = tf.constant(self._order(epoch))
        rates = self.learning_rates(epoch)
        device_rates = tf.constant(rates, tf.float32)
        stride = self._steps_a_call()
        moving_loss = float("nan")
        for first in range(0, self.steps, stride):
            last = min(first + stride, self.steps)
            losses = self._call(order, device_rates, first, last)[first:last]
            self._check_finite(losses, rates[first:last], epoch, first)
            moving_loss = self.moving_loss.update(losses)
            if on_progress:
                total = self.epochs * self.steps
                on_progress(Progress(epoch * self.steps + last, total, moving_loss))
        return moving_loss

    def learning_rates(self, epoch: int) -> np.ndarray:
        """The learning rates of an epoch's steps, float64 ``[steps]``; epochs from 0."""
        return self._schedule(np.arange(epoch * self.steps, (epoch + 1) * self.steps))

    def _order(self, epoch: int) -> np.ndarray:
        """Row numbers ``[steps, batch_size]``; a short last batch is padded with row 0."""
        order = np.zeros(self.steps * self.batch_size, np.int32)
        generator = np.random.default_rng([self.recipe.seed, _ORDER_STREAM, epoch])
        order[: self.n_samples] = generator.permutation(self.n_samples)
        return order.reshape(self.steps, self.batch_size)

    def _steps_a_call(self) -> int:
        spec = self.model.spec
        step_cost = self.batch_size * spec.n_features * spec.n_classes
        return max(1, MULTIPLICATIONS_A_CALL // step_cost)

    def _call(self, order: tf.Tensor, rates: tf.Tensor, first: int, last: int) -> np.ndarray:
        # Bounds as tensors: numbers would be traced, and compiled, anew for each value.
        bounds = tf.constant([first, last])
        arguments = (self.features, self.labels, self.n_samples, order, rates, bounds)
        try:
            losses = self._run_steps(*arguments).numpy()
        except (tf.errors.UnimplementedError, tf.errors.InvalidArgumentError):
            if not self._fall_back:
                raise
            # No XLA for this device: compilation failed before any step was taken.
            self._run_steps = self._compile(xla=False)
            losses = self._run_steps(*arguments).numpy()
        self._fall_back = False
        return losses

    def _compile(self, xla: bool) -> Any:
        return compile_steps(
            self.model, SGD(), self.batch_size, self.recipe.loss_reduction == "sum", xla
        )

    def _check_finite(self, losses: np.ndarray, rates: np.ndarray, epoch: int, first: int) -> None:
        if not np.isfinite(losses).all():
            bad = int(np.argmin(np.isfinite(losses)))
            step = epoch * self.steps + first + bad + 1
            raise DivergenceError(epoch + 1, step, float(losses[bad]), float(rates[bad]))
        if not all(np.isfinite(p.numpy()).all() for p in self.model.parameters):
            step = epoch * self.steps + first + len(losses)
            raise DivergenceError(epoch + 1, step, float("nan"), float(rates[-1]))


def compile_steps(
    model: SoftmaxRegression, optimizer: SGD, batch_size: int, descend_sum: bool, xla: bool
) -> Any:
    """Builds the function that takes many steps in one call, traced once a run.

    It gathers each batch's rows where they lie and casts them there, so the features stay
    in their compact dtype; gradients come from the tape.

    Args:
      model: its W and b are moved.
      optimizer: applies the gradients.
      batch_size: rows a step.
      descend_sum: whether a step descends the sum of its batch's losses, or their mean.
      xla: compile with XLA.

    Returns:
      A ``tf.function`` of

      * features ``[n_samples, n_features]`` and labels ``[n_samples]``,
      * n_samples, a Python integer,
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
        n_samples: int,
        order: tf.Tensor,
        learning_rates: tf.Tensor,
        bounds: tf.Tensor,
    ) -> tf.Tensor:
        def take_step(step: tf.Tensor, losses: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            rows = order[step]
            inputs, targets = tf.gather(features, rows), tf.gather(labels, rows)
            position = step * batch_size + tf.range(batch_size)
            weight = tf.cast(position < n_samples, tf.float32)
            with tf.GradientTape() as tape:
                batch_losses = ops.cross_entropy(model.logits(inputs), targets)
                total = tf.reduce_sum(batch_losses * weight)
                mean = total / tf.reduce_sum(weight)
                objective = total if descend_sum else mean
            gradients = tape.gradient(objective, model.parameters)
            optimizer.apply(gradients, model.parameters, learning_rates[step])
            return step + 1, tf.tensor_scatter_nd_update(losses, [[step]], [mean])

        _, losses = tf.while_loop(
            lambda step, losses: step < bounds[1],
            take_step,
            (bounds[0], tf.zeros_like(learning_rates)),
            parallel_iterations=1,
        )
        return losses

    return run_steps


# Independent random streams of one seed.
_WEIGHTS_STREAM, _ORDER_STREAM = 0, 1


def _initializer(recipe: Recipe) -> Initializer | None:
    if recipe.initializer == "zeros":
        return None
    generator = np.random.default_rng([recipe.seed, _WEIGHTS_STREAM])
    return generator.standard_normal


def _schedule(recipe: Recipe, total_steps: int) -> Schedule:
    if recipe.schedule == "cosine":
        return cosine(recipe.learning_rate, total_steps)
    return constant(recipe.learning_rate)
