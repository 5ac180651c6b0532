"""What is the case with a run that has ended, in a word and in a sentence."""

from __future__ import annotations

import itertools
from typing import Literal, NamedTuple

import numpy as np

from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec
from tfsoftmax.training.history import EpochMetrics, History

Verdict = Literal[
    "worse_than_guessing",
    "converged",
    "more_epochs",
    "enough_epochs",
    "larger_learning_rate",
    "smaller_learning_rate",
    "scale",
    "overfitting",
    "separable",
    "stopped_early",
]

# A gap of this share of the loss, or of so many nats whatever the loss, is as good as none.
NEAR = 0.01
_NOTHING = 1e-6
# What share of guessing's loss is small.
SMALL = 0.1
# A column so many times as large as another varies leaves no step that suits both.
_UNEVEN = 30.0
# Steps beside the longest that can never go too far; "auto" takes 1 or 2 times that.
_SHORT_STEP = 0.3
_MODEST_STEP = 3.0
# The lowest test log-loss is past if it was in this share of the run, or if it has risen by this
# share of itself since.
_EARLY = 0.8
_RISE = 0.02
# Steps are too long if the loss rises in this share of at least so many epochs.
_RISING_EPOCHS = 0.4
_FEWEST_EPOCHS = 5
_TUNE = setting("tfsoftmax.tune") + " chooses " + setting("l2") + " by cross-validation"
_TUNED = "cross-validation found no stronger penalty better, of those it tried"


class Scales(NamedTuple):
    """Columns so uneven that no step suits all: the extremes, as `Convergence` has them."""

    largest: str
    smallest: str
    ratio: float
    words: str

    @classmethod
    def of(cls, spec: Spec, scaled: np.ndarray, falls: np.ndarray | None) -> Scales | None:
        """None if there are none, or it is not the columns that vary little that are behind.

        Args:
          spec: features of a known range have one scale.
          scaled: rows of what W multiplies.
          falls: what there is to gain from each column, and the bias; None if that is unknown.
        """
        deviation, size = scaled.std(axis=0), np.sqrt(np.square(scaled).mean(axis=0))
        varies = deviation > np.finfo(np.float32).eps * size
        if spec.encoding is not None:
            # A category that is rare varies little, whatever its scale.
            varies &= np.isin(np.arange(len(varies)), spec.encoding.numbers)
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
        called = [spec.feature_name(column) for column in range(len(deviation))]
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


class Tested(NamedTuple):
    """The test rows: how many, the model's log-loss with its standard error, guessing's."""

    n_samples: int
    log_loss: float
    error: float
    guessing: float


class Facts(NamedTuple):
    """What a verdict rests on; losses are in nats, `loss`, `gap` and `guessing` of training.

    `tuned` says whether cross-validation has chosen the penalties already.
    """

    history: History
    loss: float
    gap: float
    guessing: float
    test: Tested
    step: float
    scales: Scales | None
    no_minimum: bool
    tuned: bool = False

    @property
    def cure(self) -> str:
        """What is to be done, or was, against weights that fit the training rows too closely."""
        return _TUNED if self.tuned else _TUNE

    @property
    def worse_than_zero(self) -> bool:
        """Whether zero weights would do better."""
        return self.loss > self.guessing * (1 + NEAR)

    @property
    def learnt(self) -> bool:
        """Whether the model does better than guessing by more than a little."""
        return self.loss < self.guessing * (1 - 2 * NEAR)

    @property
    def near(self) -> bool:
        """Whether the minimum is as good as reached."""
        return not self.no_minimum and self.gap <= max(NEAR * self.loss, _NOTHING)

    @property
    def near_enough(self) -> bool:
        """Whether it is, for all that the test rows could show."""
        return self.near or (not self.no_minimum and self.gap <= self.test.error / 2)

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
        return rise > max(_RISE * self.best.test_log_loss, self.test.error / 2)

    @property
    def hovers(self) -> bool:
        """Whether a rate that stays as it is raises the training loss as often as not."""
        losses = [epoch.train_log_loss for epoch in self.history.epochs]
        late = losses[len(losses) // 2 :]
        if self.history.recipe.schedule != "constant" or len(late) < _FEWEST_EPOCHS:
            return False
        rises = sum(after > before for before, after in itertools.pairwise(late))
        return rises >= _RISING_EPOCHS * (len(late) - 1)


def judge(facts: Facts) -> tuple[Verdict, str]:
    """Returns the most serious verdict that applies and its sentence; tests follow the advice."""
    found = _held_back(facts)
    if facts.test.log_loss > facts.test.guessing:
        verdict, cause = found or _useless(facts)
        return verdict, f"{_worse(facts.test)} " + cause
    return found or _ended(facts)


def _worse(test: Tested) -> str:
    return (
        f"Worse than guessing: the log-loss on the {test.n_samples:,} test rows is "
        f"{_nats(test.log_loss)}, and {_nats(test.guessing)} for answering with the classes' "
        "shares."
    )


def _useless(facts: Facts) -> tuple[Verdict, str]:
    fitted = facts.loss < facts.guessing * (1 - _NOTHING)
    if not fitted and not facts.near_enough:
        return _unfinished(facts, _about(facts.gap))
    cause = "It fits the training rows only" if fitted else "There may be little to learn here"
    return "worse_than_guessing", f"{cause}: " + facts.cure + "."


def _held_back(facts: Facts) -> tuple[Verdict, str] | None:
    """What is wrong with scales or the learning rate; None if nothing is."""
    scales, recipe = facts.scales, facts.history.recipe
    if scales and not (facts.near_enough and facts.learnt):
        sentence = f"{scales.words}, which holds all steps back"
        if recipe.standardize == "off":
            sentence += ": scale the features (" + setting("standardize", "auto") + ")"
        return "scale", sentence + "."
    if facts.worse_than_zero and facts.step > _MODEST_STEP:
        return "smaller_learning_rate", (
            f"The learning rate {recipe.rate:.3g} is too large: the training loss, "
            f"{_nats(facts.loss)}, is worse than guessing's, {_nats(facts.guessing)}; try "
            + setting("learning_rate", "auto")
            + "."
        )
    if facts.step < _SHORT_STEP and not (facts.near_enough or facts.risen):
        return "larger_learning_rate", (
            f"The learning rate {recipe.rate:.3g} is too small for so few steps: with a "
            f"larger one the training loss could fall by {_about(facts.gap)}; try "
            + setting("learning_rate", "auto")
            + "."
        )
    return None


def _ended(facts: Facts) -> tuple[Verdict, str]:
    """How a run ended whose steps were of a right size."""
    best, gap = facts.best, _about(facts.gap)
    if best and facts.risen:
        return "overfitting", (
            f"Overfitting: the test log-loss was lowest after epoch {best.epoch} and has risen "
            "since; " + facts.cure + "."
        )
    if facts.no_minimum and facts.loss < SMALL * facts.guessing:
        return "separable", (
            "All training rows are separated, so their loss has no minimum and the weights would "
            "grow forever; " + facts.cure + "."
        )
    tol = facts.history.recipe.tol
    if (proof := facts.history.proof) and facts.near:
        return "converged", (
            "Converged: what training minimises is proven to be within "
            f"{proof.relative_gap:.0e} of its minimum, as a share of it."
            + ("" if proof.relative_gap <= tol else f" The tol of {tol:g} was not reached.")
        )
    if facts.near_enough:
        unseen = "" if facts.near else ", which is less than the test rows could show"
        return "converged", f"Converged: the training loss is within {gap} of its minimum{unseen}."
    if best:
        return "enough_epochs", (
            "Enough epochs: more would lower the training loss, but not the test log-loss, which "
            f"was lowest after epoch {best.epoch}."
        )
    return _unfinished(facts, gap)


def _unfinished(facts: Facts, gap: str) -> tuple[Verdict, str]:
    history = facts.history
    recipe, epochs, best_epoch = history.recipe, history.epochs, history.best_epoch
    if best_epoch and best_epoch < len(epochs):
        return "stopped_early", (
            f"Stopped early: more epochs would lower the training loss by {gap}, but the "
            f"validation {recipe.early_stopping} was best after epoch {best_epoch}."
        )
    if facts.hovers:
        return "smaller_learning_rate", (
            f"The training loss goes up and down {gap} above its minimum: take a learning rate "
            "that falls (" + setting("schedule", "cosine") + ")."
        )
    return "more_epochs", (
        f"Not there yet: the training loss could fall by {gap}; try "
        + setting("epochs", 2 * len(epochs))
        + "."
    )


def _nats(loss: float) -> str:
    return f"{loss:,.0f}" if loss >= 100 else f"{loss:.3g}"


def _about(gap: float) -> str:
    if gap < 1e-4:
        return "less than 0.0001"
    return f"about {_nats(float(f'{gap:.1g}' if gap < 1 else f'{gap:.2g}'))}"
