"""Newton's method on few rows, which takes no epoch of SGD and prepares none."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.datasets import make_dataset
from tfsoftmax import DataError, Recipe, SoftmaxRegression, Split, diagnose, fit
from tfsoftmax.training.prepare import prepare, resolve
from tfsoftmax.training.run import Run

NEWTON = Recipe(solver="newton", l2=1e-2, standardize="off")


@pytest.fixture(scope="module")
def made():
    return make_dataset(n_classes=3)


def test_there_is_no_learning_rate_and_no_loop(made, monkeypatch):
    prepared, recipe = prepare(made, NEWTON)
    assert (recipe.epochs, recipe.learning_rate, recipe.rate) == (0, "auto", 0.0)
    monkeypatch.setattr("tfsoftmax.training.trainer.build_loop", None)
    run = Run(SoftmaxRegression(prepared.spec), prepared, recipe)
    while not run.ended:
        run.epoch(None)
    assert run.newton.proof.relative_gap <= recipe.tol


def test_epochs_that_are_asked_for_later_find_one(made):
    recipe = prepare(made, NEWTON)[1].but(epochs=3)
    assert resolve(recipe, made).rate == resolve(NEWTON.but(epochs=3), made).rate > 0


def test_steps_that_are_not_enough_are_not_blamed_on_a_learning_rate(made):
    model, history = fit(made, NEWTON.but(l2=1e-6, max_steps=1, tol=1e-12))
    assert "rate" not in str(diagnose(model, made, history).sentence)


def test_a_test_row_that_has_no_answer_is_named(made):
    features = np.array(made.test.features)
    features[4] = np.float32(3e38)
    test = Split(features, made.test.labels)
    with pytest.raises(DataError, match="row 4"):
        fit(replace(made, test=test), NEWTON)
