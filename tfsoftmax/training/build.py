"""Builds the training loop of a recipe, for one model or for many side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import tensorflow as tf

from tfsoftmax.data.dataset import Split
from tfsoftmax.data.sharded_rows import shards_of
from tfsoftmax.data.sparse_rows import taken_sparse
from tfsoftmax.distributed.timed import TimedSums
from tfsoftmax.distributed.workers import ALONE, Workers
from tfsoftmax.errors import UsageError
from tfsoftmax.messages import setting
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.spec import Spec
from tfsoftmax.training.learning_rate import adagrad_start, feature_unit
from tfsoftmax.training.objective import Objective, parameters_of
from tfsoftmax.training.recipe import Recipe
from tfsoftmax.training.resolved_recipe import ResolvedRecipe
from tfsoftmax.training.seeds import WEIGHTS_STREAM
from tfsoftmax.training.sgd import schedules
from tfsoftmax.training.sgd.feed import Feed
from tfsoftmax.training.sgd.local_loop import LocalLoop
from tfsoftmax.training.sgd.loop import Loop
from tfsoftmax.training.sgd.rules import AdaGrad, Descent, Ftrl, Rule
from tfsoftmax.training.sgd.schedules import PerStep
from tfsoftmax.training.sgd.shard_feed import ShardFeed, shard_of
from tfsoftmax.training.sgd.sparse_feed import SparseFeed
from tfsoftmax.training.sgd.sparse_shard_feed import SparseShardFeed
from tfsoftmax.training.sgd.updates import Updates


def build_loop(
    model: SoftmaxRegression,
    rows: Split,
    recipes: Sequence[ResolvedRecipe],
    center: np.ndarray | None,
    models: tuple[int, ...] = (),
    workers: Workers = ALONE,
) -> Loop:
    """Builds the loop that trains one model by a recipe, or many side by side by several.

    Args:
      model: W and b start as its own.
      rows: training rows and their weights; side by side, a column of weights per weighting.
      recipes: one; or several, side by side, that differ only in l2, l1 and the learning rate.
      center: subtracted from the scaled features, ``[n_inputs]``; side by side,
        ``[n_weightings, 1, 1, n_inputs]``; None subtracts nothing.
      models: how many side by side, ``(n_weightings, n_recipes)``; ``()`` is a single model.
      workers: that train together; the rows are those of all of them.

    Raises:
      UsageError: if the run ends before its warm-up does.
    """
    recipe = recipes[0]
    feed = feed_of(model, rows, recipe, workers)
    objective = Objective.of(model, recipe, center)
    rates = [schedule_of(one, feed.steps) for one in recipes]
    if models:
        objective = replace(
            objective,
            l2=np.array([one.l2 for one in recipes], np.float32),
            l1=np.array([one.l1 for one in recipes], np.float32),
        )

    def start(inputs: slice) -> list[tf.Tensor]:
        return [
            tf.broadcast_to(part, [*models, *part.shape]) for part in parameters_of(model, inputs)
        ]

    first_averaged = round(recipe.epochs * feed.steps * (1 - recipe.averaging))
    return _kind_of(recipe, workers)(
        feed,
        objective,
        rule_of(recipes, objective, model, rows, bool(models)),
        start,
        schedules.side_by_side(rates) if models else rates[0],
        schedules.tail_weights(first_averaged),
        recipe.xla,
    )


def feed_of(
    model: SoftmaxRegression, rows: Split, recipe: ResolvedRecipe, workers: Workers = ALONE
) -> Feed:
    """What feeds rows to the loop: sparse ones (`Occurring`) at the cost of their entries.

    A scaling that does not keep zeros leaves nothing sparse. Of several workers each has some of
    the rows, all about as many.
    """
    choices = rows, recipe.batch_size, recipe.seed, recipe.memory_limit
    sparse = taken_sparse(rows.features, model.spec)
    kind: Callable[..., Feed] = SparseFeed if sparse else Feed
    if workers.count == 1:
        return kind(*choices)
    shards = [shard_of(len(rows), index, workers.count) for index in range(workers.count)]
    if recipe.sync_every == 1:
        # Each row is taken by the worker that has it.
        kind = partial(SparseShardFeed, workers=workers) if sparse else ShardFeed
        shards = shards_of(rows.features) or shards
    return kind(*choices, shards, workers.index)


def _kind_of(recipe: Recipe, workers: Workers) -> Callable[..., Loop]:
    """What makes the loop: for one process, for synchronous steps or for local ones."""
    if workers.count == 1:
        return Loop
    sums = TimedSums(workers)
    if recipe.sync_every == 1:
        return partial(Loop, sums=sums)
    return partial(LocalLoop, sums=sums, every=recipe.sync_every)


def rule_of(
    recipes: Sequence[ResolvedRecipe],
    objective: Objective,
    model: SoftmaxRegression,
    rows: Split,
    side_by_side: bool,
) -> Rule:
    """The update rule that recipes ask for.

    Args:
      recipes: as for `build_loop`.
      objective: what is minimised.
      model: for its scaling.
      rows: to train on.
      side_by_side: whether there are several models.

    Raises:
      UsageError: if it needs all features in every step, and rows are sparse.
    """
    recipe, sparse = recipes[0], taken_sparse(rows.features, model.spec)
    if sparse and recipe.moves_all:
        raise UsageError(
            setting(recipe.moves_all[0])
            + " moves every weight in every step, which sparse rows have too many of: leave it out"
        )
    optimizer = recipe.optimizer_for(sparse)
    # In local steps a row moves its features as many times further as there are workers, and the
    # mean takes that back: what a row does in the end is as in a batch of all.
    if optimizer in ("adagrad", "ftrl"):
        unit = feature_unit(model, rows, recipe)
    if optimizer == "adagrad":
        return AdaGrad(adagrad_start(unit, recipe.batch_size), unit)
    if optimizer == "ftrl":
        rates = np.array([one.rate for one in recipes], np.float32)
        # The paper's 1 is for gradients of one row's loss with features of 1; the mean of a batch
        # has so much less.
        beta = unit if objective.sum_of_batch else unit / recipe.batch_size
        return Ftrl(rates if side_by_side else recipe.rate, beta, unit)
    updates = Updates(
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        clip_norm=recipe.clip_norm,
        averaging=recipe.averaging > 0,
    )
    return Descent(updates, sparse and bool(np.any(objective.l2) or np.any(objective.l1)))


def schedule_of(recipe: ResolvedRecipe, steps: int) -> PerStep:
    """The learning rate of each step that a recipe asks for.

    Args:
      recipe: how to train.
      steps: of an epoch.

    Raises:
      UsageError: if the run ends before its warm-up does.
    """
    rate, decay, period = recipe.rate, recipe.decay, recipe.decay_epochs * steps
    if 0 < recipe.epochs < recipe.warmup_epochs:
        raise UsageError(
            setting("warmup_epochs")
            + f" {recipe.warmup_epochs:g} is more than the {recipe.epochs} epochs of the run, "
            "which would never reach its learning rate"
        )
    warmup = round(recipe.warmup_epochs * steps)
    schedule = {
        "constant": lambda: schedules.constant(rate),
        "cosine": lambda: schedules.cosine(rate, max(1, recipe.epochs * steps - warmup)),
        "step": lambda: schedules.staircase(rate, decay, period),
        "exponential": lambda: schedules.exponential(rate, decay, period),
        "inverse": lambda: schedules.inverse(rate, decay, period),
    }[recipe.schedule]()
    return schedules.warmed_up(schedule, warmup) if warmup else schedule


def start_of(spec: Spec, recipe: Recipe) -> SoftmaxRegression:
    """A model whose W and b are where the recipe starts them: at zero, or drawn."""
    if recipe.initializer == "zeros":
        return SoftmaxRegression(spec)
    generator = np.random.default_rng([recipe.seed, WEIGHTS_STREAM])
    return SoftmaxRegression(spec, generator.standard_normal)
