"""The second phase of a run: Newton's steps, from where SGD ended to a proven optimum."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax.data.dataset import Split
from tfsoftmax.data.sparse_rows import taken_sparse
from tfsoftmax.errors import UsageError
from tfsoftmax.messages import setting
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.system.threads import one_thread
from tfsoftmax.training.newton.certificate import certify
from tfsoftmax.training.newton.leading import Found, Team, led_by_the_chief
from tfsoftmax.training.newton.newton import Newton, State
from tfsoftmax.training.newton.passes import Joint
from tfsoftmax.training.newton.proof import Proof
from tfsoftmax.training.newton.rows import Rows, Share
from tfsoftmax.training.newton.tall import is_tall, start_from_some
from tfsoftmax.training.newton.which_inverse import draw_for
from tfsoftmax.training.newton.which_passes import passes_over
from tfsoftmax.training.objective import Objective
from tfsoftmax.training.resolved_recipe import ResolvedRecipe
from tfsoftmax.training.sample_weights import full_row_weights

# Of sparse rows and their features, with all classes: half a gigabyte, of which some ten are kept.
_MOST_NUMBERS = 2**26
# A proof that falls short asks the next steps for so much more.
_STRICTER = 1 / 3
# So many proofs that fall short end it, and so many steps without a smaller gap: rounding. Those
# that bring gap or objective down to this share are none of them.
_MUCH = 0.5
_MOST_FAILURES = 3
_MOST_IN_VAIN = 5


class TrainingFigures(NamedTuple):
    """How a model does on the training rows, those of all workers.

    Attributes:
      loss: mean of what training minimises, without penalties.
      log_loss: mean of the cross-entropies, in nats, each row counting the same.
      accuracy: share of the rows whose class is the most likely one.
    """

    loss: float
    log_loss: float
    accuracy: float


class NewtonPhase:
    """Newton's steps on one model.

    Attributes:
      model: its W and b are set after every step.
      steps: how many were taken.
      proof: of the model, once it was tried.
      ended: whether there is nothing left to do.
    """

    def __init__(
        self,
        model: SoftmaxRegression,
        split: Split,
        recipe: ResolvedRecipe,
        center: np.ndarray | None,
        on_device: tf.Tensor | None = None,
        share: Share | None = None,
    ):
        """Begins where the model is.

        Args:
          model: as SGD left it.
          split: the training rows.
          recipe: how to train.
          center: subtracted from the scaled features, ``[n_inputs]``; None subtracts nothing.
          on_device: the features of the rows held here as a tensor, where there is one.
          share: what this worker has of the rows; None is all.

        Raises:
          UsageError: if rows are sparse, and too many (`check_rows`).
        """
        check_rows(model, split, share.workers.count if share else 1)
        self.model, self._tol, self._most_steps = model, recipe.tol, recipe.max_steps
        self._objective = Objective.of(model, recipe, center)
        weights = full_row_weights(split, model.spec.class_names, recipe.class_weight)
        n_classes = model.spec.n_classes
        limit = recipe.memory_limit
        sparse = taken_sparse(split.features, model.spec)
        rows = Rows(split, weights, n_classes, limit, on_device, sparse, share)
        self._threads = one_thread if rows.few else nullcontext
        passes, start = passes_over(self._objective, rows, recipe.xla), self._of_model()
        alone = not share and not recipe.l1 and not sparse
        if alone and not start.any() and is_tall(split, model.spec.n_inputs, n_classes, limit):
            start = start_from_some(self._objective, split, weights, recipe, start)
        n_inputs, at_0 = model.spec.n_inputs, not recipe.epochs
        draw = draw_for(self._objective, passes, n_inputs, recipe.l1, recipe.seed, at_0)
        self._team: Team | None = None
        if share:
            passes, draw, self._team = led_by_the_chief(passes, draw, start.size)
        self._passes = passes
        self._newton = Newton(passes, draw, recipe.l2, start, recipe.l1)
        self._inner, self._failures = recipe.tol, 0
        self._least, self._since = math.inf, 0
        self.steps, self.ended = 0, False
        self.proof: Proof | None = None

    @property
    def figures(self) -> TrainingFigures:
        """How the model does on the training rows."""

        def found() -> tuple[float, float, float]:
            point = self._newton.point
            return point.loss, point.log_loss, point.accuracy

        return TrainingFigures(*self._led(found))

    @property
    def passes(self) -> float:
        """How often it has gone through the training rows."""
        return self._passes.count

    def step(self, on_pass: Callable[[], None] | None = None) -> tuple[float, float]:
        """Takes a step, and tries to prove the optimum where it is near.

        Of several workers all must call it; `steps`, `proof` and `ended` are the chief's alone.

        Args:
          on_pass: called in each pass over the rows; what it raises is let through.

        Returns:
          The mean loss after it, and the step's size.

        Raises:
          DataError: if rows cannot be read from the file they are in.
        """
        self._passes.on_pass = on_pass
        loss, size = self._led(self._step)
        return loss, size

    def _led(self, task: Callable[[], Found]) -> Found:
        """What a task returns, of several workers on the chief alone, which tells all."""
        with self._threads():
            return self._team.led(task) if self._team else task()

    def _step(self) -> tuple[float, float]:
        newton, before = self._newton, self._newton.objective
        size = newton.step(self._inner)
        self.steps += 1
        self._set_model()
        gap = newton.gap
        # While the bias is far off the objective falls, and the gap, which leaves it out, may rise.
        falls = gap < self._least or newton.objective < _MUCH * before
        self._since = 0 if falls else self._since + 1
        self._least = min(gap, self._least)
        goes_on = size and self.steps < self._most_steps and self._since < _MOST_IN_VAIN
        if gap <= self._inner * newton.objective or not goes_on:
            self._prove(bool(goes_on))
        return newton.loss, size

    def _prove(self, goes_on: bool) -> None:
        found = certify(self._passes, self._of_model(), self._newton.l2, self._newton.l1)
        nearer = self.proof is not None and found.gap < _MUCH * self.proof.gap
        self.proof = Proof(
            found.objective, found.gap, found.relative, self.steps, self._passes.count
        )
        self._failures += found.relative > self._tol and not nearer
        self._inner *= _STRICTER
        enough = found.relative <= self._tol
        self.ended = enough or not goes_on or self._failures >= _MOST_FAILURES

    def arrays(self) -> dict[str, np.ndarray]:
        """What a later step depends on, with `facts`."""
        state = self._newton.state
        return {"newton.parameters": state.parameters, "newton.built_at": state.built_at}

    def facts(self) -> dict[str, Any]:
        """The same, what is no array."""
        state = self._newton.state
        return {
            "builds": state.builds,
            "iterations": state.iterations,
            "whole": state.whole,
            "steps": self.steps,
            "inner": self._inner,
            "failures": self._failures,
            "least": self._least,
            "since": self._since,
            "passes": self._passes.count,
            "proof": self.proof and self.proof.to_json(),
            "ended": self.ended,
        }

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Sets it to where a saved one was.

        Raises:
          ValueError, KeyError, TypeError: if it is none.
        """
        parameters, built_at = (
            np.asarray(arrays[f"newton.{name}"], np.float64) for name in ("parameters", "built_at")
        )
        shape = self._newton.state.parameters.shape
        if parameters.shape != shape or built_at.shape != shape:
            raise ValueError(f"newton's parameters are {parameters.shape}")
        if np.array_equal(parameters, built_at):
            built_at = parameters
        builds, iterations = int(facts["builds"]), int(facts["iterations"])
        state = State(parameters, built_at, builds, iterations, bool(facts["whole"]))
        proof = facts["proof"] and Proof(**facts["proof"])
        steps, inner, failures = int(facts["steps"]), float(facts["inner"]), int(facts["failures"])
        least, since = float(facts["least"]), int(facts["since"])
        ended, passes = bool(facts["ended"]), float(facts["passes"])
        self._newton.state, self._passes.count = state, passes
        self.steps, self._inner, self._failures = steps, inner, failures
        self.proof, self.ended = proof, ended
        self._least, self._since = least, since
        self._set_model()

    def _of_model(self) -> Joint:
        """The model's W and b as they are shipped, for centred features."""
        W, b = (parameter.numpy().astype(np.float64) for parameter in self.model.parameters)
        return np.column_stack([W.T, b + self._off_center(W.T)])

    def _set_model(self) -> None:
        parameters = self._newton.state.parameters
        W, b = parameters[:, :-1], parameters[:, -1]
        self.model.W.assign(W.T.astype(np.float32))
        self.model.b.assign((b - self._off_center(W)).astype(np.float32))

    def _off_center(self, W: np.ndarray) -> np.ndarray | float:
        """What features that are not centred add to the logits, ``[n_classes]``."""
        center = self._objective.center
        return 0.0 if center is None else W @ center


def check_rows(model: SoftmaxRegression, split: Split, workers: int = 1) -> None:
    """Refuses sparse rows that are too many for Newton's steps, which keep numbers of every one.

    Args:
      model: of the features that occur.
      split: the training rows, of these features.
      workers: that share the rows.

    Raises:
      UsageError: if they are.
    """
    n_samples, n_features, n_classes = len(split), model.spec.n_features, model.spec.n_classes
    numbers = (n_samples // workers + n_features) * n_classes
    if taken_sparse(split.features, model.spec) and numbers > _MOST_NUMBERS:
        raise UsageError(
            setting("solver", "newton")
            + f" keeps numbers of every class for each sparse row and feature, and {n_samples:,} "
            f"rows in which {n_features:,} features occur, of {n_classes:,} classes, are too many: "
            "leave " + setting("solver") + " out, or share them among more workers"
        )
