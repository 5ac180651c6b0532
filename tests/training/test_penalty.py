"""An l2 that is left open is chosen by cross-validation where that is quick, else as usual."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import StratifiedKFold

from tfsoftmax import Checkpoints, DataError, Dataset, Recipe, Spec, Split, UsageError, fit
from tfsoftmax.training import penalty
from tfsoftmax.training.cross_validation import (
    fold_weights,
    held_out_losses,
    held_out_rows,
    score,
    train,
)
from tfsoftmax.training.penalty import ChosenL2, choose_l2
from tfsoftmax.training.prepare import prepare, resolve

RECIPE = Recipe(epochs=4, batch_size=32, xla=False)


def made(n_samples, noise, n_features=4, seed=0):
    """Rows of two classes; what tells them apart is a line, or with noise hardly anything."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features)).astype(np.float32)
    y = (X[:, 0] + noise * rng.normal(size=n_samples) > 0).astype(np.int32)
    rows = Split(X, y)
    spec = Spec((n_features,), "float32", ("no", "yes"))
    return Dataset("made", spec, rows, rows.take(np.arange(20)))


@pytest.fixture(scope="module")
def clear():
    return made(300, noise=0.0)


@pytest.fixture(scope="module")
def fitted(clear):
    return fit(clear, RECIPE)


def test_rows_that_a_line_tells_apart_are_penalised_less(clear, fitted):
    chosen = fitted.history.chosen_l2
    assert chosen.usual == 1 / 300
    assert chosen.l2 < chosen.usual
    assert fitted.history.recipe.l2 == chosen.l2
    assert chosen.held_out_rows == 300
    as_usual = fit(clear, RECIPE.but(l2=chosen.usual))
    assert fitted.history.last.test_log_loss < as_usual.history.last.test_log_loss
    assert as_usual.history.chosen_l2 is None


def test_noise_is_penalised_more():
    dataset = made(80, noise=30.0, n_features=30)
    chosen = choose_l2(dataset, RECIPE.but(epochs=40))
    assert chosen.l2 > chosen.usual
    # With so few rows nothing weaker is tried.
    assert min(chosen.tried) == chosen.usual


def test_the_choice_is_that_of_the_losses_of_models_trained_one_by_one(clear, fitted):
    chosen = fitted.history.chosen_l2
    for l2, expected in zip(chosen.tried, chosen.log_losses, strict=True):
        if l2 not in (chosen.usual, chosen.l2):
            continue
        total = 0.0
        for held_out in held_out_rows(clear, 5, seed=0):
            kept = np.setdiff1d(np.arange(300), held_out)
            part = replace(clear, train=clear.train.take(kept), test=clear.train.take(held_out))
            # As many steps of as many rows, in another order: the loss is about the same.
            found = fit(part, RECIPE.but(l2=l2, epochs=5)).history.last.test_log_loss
            total += found * len(held_out)
        assert total / 300 == pytest.approx(expected, rel=0.1)


def test_losses_of_rows_have_the_mean_that_is_scored(clear):
    recipes = [resolve(RECIPE.but(l2=l2), clear) for l2 in (0.001, 0.1)]
    held_out = held_out_rows(clear, 5, seed=0)[:2]
    losses = held_out_losses(clear, recipes, held_out)
    parameters, _ = train(clear, recipes, fold_weights(clear, RECIPE, held_out))
    means, _ = score(clear, parameters, held_out)
    assert losses.shape == (2, 120)
    assert_allclose([losses[:, :60].mean(axis=1), losses[:, 60:].mean(axis=1)], means, rtol=1e-6)


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_folds_are_scikit_learns(folds):
    labels = np.random.default_rng(folds).integers(6, size=101).astype(np.int32) + 1
    rows = Split(np.zeros((101, 1)), labels)
    dataset = Dataset("made", Spec((1,), "float64", tuple("abcdefg")), rows, rows)
    seed = int(np.random.default_rng([7, 2]).integers(2**32))
    dealt = StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels)
    for ours, (_, theirs) in zip(held_out_rows(dataset, folds, 7), dealt, strict=True):
        assert_array_equal(ours, theirs)


def as_good(*means):
    """Losses of 200 rows with these means; their differences have a standard error of 0.01."""
    differ = 0.01 * np.sqrt(200) * np.random.default_rng(1).choice([-1.0, 1.0], (len(means), 200))
    differ -= differ.mean(axis=1, keepdims=True)
    return np.array(means)[:, None] + differ


@pytest.mark.parametrize(
    ("means", "chosen"),
    [
        ((0.5, 0.505, 0.504), 2),  # All as good: the usual one.
        ((0.5, 0.6, 0.7), 0),
        ((0.5, 0.505, 0.7), 1),  # Of two as good, the nearer.
        ((0.5, np.nan, 0.7), 0),
        ((0.5, 0.6, np.inf), 2),  # What the usual one diverges on is for training to say.
    ],
)
def test_of_strengths_as_good_as_the_best_it_is_the_nearest_to_the_usual(means, chosen):
    assert penalty._nearest_of_the_best(as_good(*means), usual=2) == chosen


@pytest.mark.parametrize(
    "change",
    [
        {"l2": 0.0},
        {"l2": 0.01},
        {"l1": 0.01},
        {"class_weight": "balanced"},
        {"solver": "newton"},
    ],
)
def test_where_nothing_is_chosen(clear, change):
    assert choose_l2(clear, RECIPE.but(**change)) is None


def test_rows_with_weights_and_rare_classes_are_left_alone(clear):
    weights = np.ones(300, np.float32)
    weighted = replace(clear, train=replace(clear.train, weights=weights))
    assert choose_l2(weighted, RECIPE) is None
    rare = np.flatnonzero(clear.train.labels == 0)[4:]
    few = replace(clear, train=clear.train.take(np.setdiff1d(np.arange(300), rare)))
    assert choose_l2(few, RECIPE) is None
    assert choose_l2(few, RECIPE.but(l2="auto")).held_out_rows == len(few.train)
    single = replace(
        few, train=few.train.take(np.append(rare[:0], np.flatnonzero(few.train.labels)[:9]))
    )
    one = Split(
        np.append(single.train.features, clear.train.features[rare[:1]], axis=0),
        np.append(single.train.labels, 0).astype(np.int32),
    )
    with pytest.raises(DataError, match="a class has a single training row.*l2"):
        choose_l2(replace(clear, train=one), RECIPE.but(l2="auto"))


def test_what_would_take_long_is_left_alone_unless_it_is_asked_for(clear, monkeypatch):
    part = 7 * 4 * 300 * (4 * 2 + 300)
    for quick, held_out in ((0.9 * part, None), (2.5 * part, 120), (9 * part, 300)):
        monkeypatch.setattr(penalty, "_QUICK", quick)
        chosen = choose_l2(clear, RECIPE)
        assert (chosen and chosen.held_out_rows) == held_out
    monkeypatch.setattr(penalty, "_QUICK", 0.0)
    assert choose_l2(clear, RECIPE.but(l2="auto")).held_out_rows == 300


def test_newton_chooses_by_its_own_optima(clear):
    dataset = made(120, noise=1.0)
    chosen = choose_l2(dataset, RECIPE.but(l2="auto", solver="newton", epochs=None))
    assert None not in chosen.log_losses
    strongest = chosen.log_losses[-1]
    assert min(chosen.log_losses) < strongest < np.log(2)


def test_a_model_to_start_from_keeps_the_usual_penalty(clear, fitted):
    again = fit(clear, RECIPE.but(epochs=1), start=fitted.model)
    assert again.history.chosen_l2 is None
    assert again.history.recipe.l2 == 1 / 300


def test_the_choice_is_in_the_record_and_the_recipe_trains_the_same_model(clear, fitted):
    chosen = fitted.history.chosen_l2
    assert ChosenL2.from_json(fitted.record.chosen_l2) == chosen
    again = fit(clear, fitted.history.recipe)
    for ours, theirs in zip(again.model.parameters, fitted.model.parameters, strict=True):
        assert_array_equal(ours.numpy(), theirs.numpy())


def test_a_resumed_run_keeps_the_choice(clear, fitted, tmp_path, monkeypatch):
    class StopError(Exception):
        pass

    def stop(metrics):
        raise StopError

    with pytest.raises(StopError):
        fit(clear, RECIPE, checkpoints=Checkpoints(tmp_path, every_steps=1), on_epoch=stop)
    monkeypatch.setattr("tfsoftmax.training.fit.choose_l2", None)
    with pytest.raises(UsageError, match="made without l2, not with l2=0.5"):
        fit(clear, RECIPE.but(l2=0.5), checkpoints=Checkpoints(tmp_path, resume=True))
    resumed = fit(clear, RECIPE, checkpoints=Checkpoints(tmp_path, resume=True))
    assert resumed.history.chosen_l2 == fitted.history.chosen_l2
    for ours, theirs in zip(resumed.model.parameters, fitted.model.parameters, strict=True):
        assert_array_equal(ours.numpy(), theirs.numpy())


def test_the_default_on_validation_rows_looks_at_neither_those_nor_test_rows(clear):
    dataset, _ = prepare(clear, RECIPE.but(early_stopping="log_loss"))
    chosen = choose_l2(dataset, RECIPE)
    assert chosen.held_out_rows == len(dataset.train) == 270


def test_what_it_says():
    kept = ChosenL2(0.01, 0.01, (0.001, 0.01, 0.1), (0.7, 0.5, None), 1600)
    assert kept.sentence == (
        "0.01, as usual: cross-validation on 1,600 training rows found none of 3 values clearly "
        "better"
    )
