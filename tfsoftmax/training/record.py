"""How a model was made: what its card, ``tfsoftmax.json`` and the commands say of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from tfsoftmax.data.dataset import Split
from tfsoftmax.data.features import ChosenRows, features_of
from tfsoftmax.data.moved_rows import on_chief
from tfsoftmax.data.profile import Profile
from tfsoftmax.data.record import DataRecord
from tfsoftmax.data.sharded_rows import workers_with
from tfsoftmax.data.sparse_rows import SparseFeatures
from tfsoftmax.evaluation import evaluate
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.system.packages import installed_versions
from tfsoftmax.training.history import EpochMetrics, History
from tfsoftmax.training.recipe import RECIPES, Recipe
from tfsoftmax.training.scaling import described
from tfsoftmax.training.workers_record import WorkersRecord

# Fields that even the first versions recorded; without them there is no record.
_REQUIRED = ("dataset", "recipe", "history", "test")
# Training rows in a profile.
_PROFILED = 10_000


@dataclass(frozen=True)
class RunRecord:
    """How a model was made. `fit` leaves it in the model, as ``model.record``.

    A field is written to ``tfsoftmax.json`` under its own name.

    Attributes:
      dataset: the data.
      recipe: every option as training used it, and as ``name`` the most similar of `RECIPES`.
      history: the figures of every epoch.
      test: the figures of the final model on the test rows.
      asked: the options as they were asked for, where some were left open; None in records of
        the first versions.
      scaled: how the features are scaled, in words; None where only a known range scales them.
      best_epoch, temperature, xla: as `History` has them.
      resumed: a note on a run whose length was changed on the way, where that matters.
      proof: how far from the optimum newton ended; None where it was not asked for.
      chosen_l2: how l2 was chosen; None where it was not.
      workers: how several workers trained it together; None where one process did.
      convergence: the result of `diagnose`; None where it was not called.
      tuning: the candidates that the recipe was chosen from; None if it was not tuned.
      command: the command that makes the model again; None if it was made in Python.
      trained_with: the versions of Python and of the packages.
      parameters_sha256: the checksum of W and b.
      profile: how the columns of up to 10,000 training rows are distributed (`Profile`), to
        compare new rows with.

    >>> import tfsoftmax
    >>> model, _ = tfsoftmax.fit(tfsoftmax.load_dataset("digits"), tfsoftmax.Recipe(epochs=5))
    >>> model.record.dataset.train_samples, model.record.asked["epochs"], len(model.record.history)
    (1437, 5, 5)
    """

    dataset: DataRecord
    recipe: Mapping[str, Any]
    history: tuple[EpochMetrics, ...]
    test: Mapping[str, Any]
    asked: Mapping[str, Any] | None = None
    scaled: str | None = None
    best_epoch: int | None = None
    temperature: float | None = None
    xla: bool | None = None
    resumed: str | None = None
    proof: Mapping[str, Any] | None = None
    chosen_l2: Mapping[str, Any] | None = None
    workers: Mapping[str, Any] | None = None
    convergence: Mapping[str, Any] | None = None
    tuning: Mapping[str, Any] | None = None
    command: tuple[str, ...] | None = None
    trained_with: Mapping[str, str] = field(default_factory=dict)
    parameters_sha256: str | None = None
    profile: Mapping[str, Any] | None = None

    @classmethod
    def of(
        cls,
        model: SoftmaxRegression,
        history: History,
        asked: Recipe,
        dataset: DataRecord,
        train: Split,
        test: Split,
    ) -> RunRecord:
        """The record of a run that has just ended; it measures the model on the test rows.

        Of rows that several workers have, the chief makes it; all call it.
        """
        sharing = workers_with(train.features)
        profiled = on_chief(_profiled(train))
        if not sharing.is_chief:
            said = cls.from_json(sharing.chiefs(None))
            assert said
            return said
        record = cls._of_rows(model, history, asked, dataset, profiled, test)
        if sharing.count > 1:
            sharing.chiefs(record.to_json())
        return record

    @classmethod
    def _of_rows(
        cls,
        model: SoftmaxRegression,
        history: History,
        asked: Recipe,
        dataset: DataRecord,
        profiled: Split,
        test: Split,
    ) -> RunRecord:
        workers = WorkersRecord.of(history)
        return cls(
            dataset=dataset,
            recipe={"name": nearest_recipe(asked), **history.recipe.to_json()},
            history=tuple(history.epochs),
            test=evaluate(model, test).figures(),
            asked=asked.to_json(),
            scaled=described(model.spec.scaled_by, model.spec.encoding),
            best_epoch=history.best_epoch,
            temperature=history.temperature,
            xla=history.xla,
            resumed=history.lengths_sentence() if history.length_matters else None,
            proof=history.proof.to_json() if history.proof else None,
            chosen_l2=history.chosen_l2.to_json() if history.chosen_l2 else None,
            workers=workers.to_json() if workers else None,
            trained_with=installed_versions(),
            parameters_sha256=parameters_sha256(model),
            profile=_profile(model, profiled).to_json(),
        )

    def is_of(self, model: SoftmaxRegression) -> bool:
        """Whether the model has the W and b that this run gave it."""
        return self.parameters_sha256 == parameters_sha256(model)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary; what is not known is not in it."""
        found = {name: getattr(self, name) for name in recorded_names()}
        found["dataset"] = self.dataset.to_json()
        found["history"] = [epoch.to_json() for epoch in self.history]
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in found.items()
            if value is not None or name in _NULLS
        }

    @classmethod
    def from_json(cls, description: Mapping[str, Any]) -> RunRecord | None:
        """What ``tfsoftmax.json`` says of the run; None if that is too little to be a record.

        Raises:
          LookupError, TypeError, ValueError, AttributeError, UsageError: if it is no record of
            this version or one before.
        """
        if any(name not in description for name in _REQUIRED):
            return None
        found = {name: description[name] for name in recorded_names() if name in description}
        names = [one.name for one in fields(EpochMetrics)]
        epochs = [{name: epoch.get(name) for name in names} for epoch in found["history"]]
        command = found.get("command")
        found |= {
            "dataset": DataRecord.from_json(found["dataset"]),
            "history": tuple(EpochMetrics.from_json(epoch) for epoch in epochs),
            "command": None if command is None else tuple(command),
        }
        return cls(**found)


# What older versions wrote as null where there was none.
_NULLS = ("scaled", "best_epoch", "temperature", "xla", "resumed")


def recorded_names() -> tuple[str, ...]:
    """The names in ``tfsoftmax.json`` that say how a model was made."""
    return tuple(one.name for one in fields(RunRecord))


def nearest_recipe(recipe: Recipe) -> str:
    """The name of the recipe that this one differs from in the fewest options.

    >>> nearest_recipe(Recipe(epochs=3)), nearest_recipe(RECIPES["tutorial"].but(epochs=3))
    ('default', 'tutorial')
    """
    options = asdict(recipe)

    def differences(name: str) -> int:
        usual = asdict(RECIPES[name]).items()
        return sum(options[option] != value for option, value in usual)

    return min(RECIPES, key=differences)


def _profiled(train: Split) -> Split:
    """The training rows of a profile."""
    if len(train) <= _PROFILED:
        return train
    chosen = np.sort(np.random.default_rng(0).choice(len(train), _PROFILED, replace=False))
    features = features_of(train.features)
    # Rows may be large pictures, of which a copy would take gigabytes.
    copied = isinstance(features, SparseFeatures) or not features.here
    taken = features.take(chosen) if copied else ChosenRows(features, chosen)
    return Split(taken, train.labels[chosen])


def _profile(model: SoftmaxRegression, train: Split) -> Profile:
    # Its confusion matrix counts what is predicted, by a function that is traced already.
    counts = np.asarray(evaluate(model, train).confusion.sum(axis=0)).ravel()
    return Profile.of(model.spec, train.features, np.repeat(np.arange(len(counts)), counts))


def parameters_sha256(model: SoftmaxRegression) -> str:
    """A checksum of W and b."""
    digest = hashlib.sha256()
    for parameter in model.parameters:
        digest.update(parameter.numpy().tobytes())
    return digest.hexdigest()
