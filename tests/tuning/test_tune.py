import csv
import io
import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import log_loss
from support.datasets import make_dataset
from support.marks import slow, slow_but
from support.numpy_run import numpy_run
from support.runs import candidate

from tfsoftmax import (
    DataError,
    Dataset,
    Recipe,
    Spec,
    Split,
    TfsoftmaxError,
    UsageError,
    evaluate,
    fit,
    load_dataset,
)
from tfsoftmax.training.cross_validation import fold_weights, held_out_rows
from tfsoftmax.training.prepare import resolve, with_scaling
from tfsoftmax.tuning.tune import L2_GRID, Tuning, tune

QUICK = Recipe(epochs=4, batch_size=16, learning_rate=0.3, xla=False)
CONVERGING = {"momentum": 0.98, "nesterov": True, "learning_rate": 0.5, "batch_size": 256}


@pytest.fixture(scope="module")
def noisy():
    """Few rows of many features that say little, so that a penalty helps."""
    generator = np.random.default_rng(0)
    features = generator.normal(size=(800, 30)).astype(np.float32)
    scores = features @ generator.normal(size=(30, 3)) / 4 + generator.gumbel(size=(800, 3))
    labels = scores.argmax(axis=1).astype(np.int32)
    spec = Spec((30,), "float32", ("a", "b", "c"))
    train, test = (Split(features[rows], labels[rows]) for rows in (slice(200), slice(200, None)))
    return Dataset("noisy", spec, train, test)


def scikit_learns_choice(dataset, l2, folds):
    """The mean loss of each l2, the chosen one, and the refitted model's test loss."""
    scale = dataset.spec.value_range[1] if dataset.spec.value_range else 1.0
    n_samples = len(dataset.train)
    everyone = np.arange(n_samples)
    held_out = held_out_rows(dataset, folds, seed=0)
    Cs = np.sort(1 / (np.asarray(l2) * n_samples * (folds - 1) / folds))
    oracle = LogisticRegressionCV(
        Cs=Cs,
        l1_ratios=(0,),
        cv=[(np.setdiff1d(everyone, places), places) for places in held_out],
        scoring="neg_log_loss",
        max_iter=1000,
        use_legacy_attributes=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        oracle.fit(dataset.train.features / scale, dataset.train.labels)
    losses = -oracle.scores_.reshape(folds, len(Cs)).mean(axis=0)[::-1]
    probabilities = oracle.predict_proba(dataset.test.features / scale)
    return losses, np.sort(l2)[np.argmin(losses)], log_loss(dataset.test.labels, probabilities)


@pytest.mark.slow
def test_noisy_rows_choose_the_penalty_that_scikit_learn_chooses(noisy):
    l2 = np.logspace(-4, 0, 20)
    losses, chosen, test_loss = scikit_learns_choice(noisy, l2, 5)
    recipe = Recipe(**CONVERGING, epochs=700, standardize="off")
    tuning = tune(noisy, recipe, l2=l2)
    ours = [candidate.log_loss for candidate in tuning.candidates]
    np.testing.assert_allclose(ours, losses, rtol=5e-3)
    assert tuning.best.l2 == chosen
    assert l2[0] < chosen < l2[-1]
    assert evaluate(fit(noisy, tuning.best).model, noisy.test).log_loss == pytest.approx(
        test_loss, abs=0.005
    )


@pytest.mark.slow
def test_digits_choose_the_penalty_that_scikit_learn_chooses(digits):
    l2 = np.logspace(-4, -1, 6)
    losses, chosen, test_loss = scikit_learns_choice(digits, l2, 3)
    tuning = tune(digits, Recipe(**CONVERGING, epochs=300), l2=l2, folds=3)
    ours = [candidate.log_loss for candidate in tuning.candidates]
    np.testing.assert_allclose(ours, losses, rtol=0.02)
    assert tuning.best.l2 == chosen
    assert evaluate(fit(digits, tuning.best).model, digits.test).log_loss == pytest.approx(
        test_loss, abs=0.005
    )


@pytest.mark.slow
@pytest.mark.xfail(
    strict=True,
    reason="0.3122 against 0.3045: at the penalty that is chosen, the default recipe ends worse",
)
def test_mnist5k_tuned_by_the_default_recipe_is_as_good_as_scikit_learns():
    dataset = load_dataset("mnist5k")
    l2 = np.logspace(-6, 0, 20)
    _, chosen, test_loss = scikit_learns_choice(dataset, l2, 5)
    tuning = tune(dataset, l2=l2)
    assert abs(np.log(tuning.best.l2 / chosen)) <= 1.01 * np.log(l2[1] / l2[0])
    assert evaluate(fit(dataset, tuning.best).model, dataset.test).log_loss == pytest.approx(
        test_loss, abs=0.005
    )


def weighted(dataset):
    weights = np.linspace(0.1, 2, len(dataset.train)).astype(np.float32)
    return replace(dataset, train=replace(dataset.train, weights=weights))


CASES = {
    "plain": {},
    "of the tutorial": {"loss_reduction": "sum", "initializer": "normal", "learning_rate": 0.01},
    "momentum": {"momentum": 0.9, "nesterov": True, "clip_norm": 0.5},
    "l1 with momentum": {"l1": 0.02, "momentum": 0.9},
    "an average": {"averaging": 0.5, "schedule": "constant"},
    "an average of nothing": {"averaging": 0.001},
    "classes that count the same": {"class_weight": "balanced", "label_smoothing": 0.1},
    "a class that counts double": {"class_weight": {"class 1": 2.0}, "warmup_epochs": 0.5},
    "standardised": {"standardize": "on", "learning_rate": "auto"},
    "another seed, with XLA": {"seed": 2**40, "xla": True, "schedule": "inverse"},
}


@pytest.mark.parametrize("case", slow_but(["momentum", "standardised", "of the tutorial"], CASES))
@pytest.mark.parametrize("own_weights", [slow(False), True])
def test_a_candidate_is_the_model_fitted_to_rows_weighted_as_the_fold_has_them(
    made, case, own_weights
):
    dataset = weighted(made) if own_weights else made
    recipe = QUICK.but(**CASES[case])
    candidate = tune(dataset, recipe, l2=(0.0, 0.05, 0.5), folds=3).candidates[1]
    fold = 2 if own_weights else 0
    places = held_out_rows(dataset, 3, recipe.seed)[fold]
    weights = dataset.train.weights if own_weights else np.ones(len(dataset.train), np.float32)
    kept = weights.copy()
    kept[places] = 0
    alone = replace(dataset, train=replace(dataset.train, weights=kept))
    model = fit(alone, recipe.but(l2=0.05, learning_rate=candidate.recipe.learning_rate)).model
    held = evaluate(model, dataset.train.take(places))
    assert candidate.recipe.l2 == 0.05
    assert candidate.log_losses[fold] == pytest.approx(held.log_loss, abs=1e-5)
    assert candidate.accuracies[fold] == pytest.approx(held.accuracy)


@pytest.mark.parametrize("case", ["plain", "momentum", "classes that count the same"])
def test_a_candidate_is_an_independent_run_in_float64(made, case):
    recipe = QUICK.but(**CASES[case], l2=0.05, standardize="off")
    candidate = tune(made, recipe, l2=(0.0, 0.05), folds=3).candidates[1]
    for fold, places in enumerate(held_out_rows(made, 3, recipe.seed)):
        kept = np.ones(len(made.train), np.float32)
        kept[places] = 0
        held = made.train.take(places)
        alone = replace(made, train=replace(made.train, weights=kept), validation=held)
        (*_, last) = numpy_run(alone, recipe).evaluations
        assert candidate.log_losses[fold] == pytest.approx(last.log_loss, abs=1e-5)
        assert candidate.accuracies[fold] == last.accuracy


def test_rows_that_do_not_fit_in_memory_are_streamed(tmp_path):
    dataset = make_dataset(n_train=3000, n_features=64)
    np.save(tmp_path / "features.npy", dataset.train.features)
    mapped = np.load(tmp_path / "features.npy", mmap_mode="r")
    on_disk = replace(dataset, train=replace(dataset.train, features=mapped))
    streamed = tune(on_disk, QUICK.but(memory_limit=2**19), l2=(0.01, 0.1), folds=3)
    whole = tune(dataset, QUICK, l2=(0.01, 0.1), folds=3)
    for one, other in zip(streamed.candidates, whole.candidates, strict=True):
        # Another order of rows.
        assert one.log_loss == pytest.approx(other.log_loss, rel=0.02)
        assert one.log_loss != other.log_loss


def test_the_folds_hold_out_every_row_once_and_each_class_in_proportion(digits):
    held_out = held_out_rows(digits, 7, seed=3)
    everyone = np.sort(np.concatenate(held_out))
    np.testing.assert_array_equal(everyone, np.arange(len(digits.train)))
    counts = np.array([np.bincount(digits.train.labels[p], minlength=10) for p in held_out])
    assert np.ptp(counts, axis=0).max() <= 1
    others = held_out_rows(digits, 7, seed=4)
    assert not np.array_equal(held_out[0], others[0])


def test_weights_of_folds_have_mean_1_and_are_0_where_held_out(made):
    held_out = held_out_rows(made, 3, seed=0)
    weights = fold_weights(weighted(made), QUICK, held_out)
    assert (weights.shape, weights.dtype) == ((50, 3), np.float32)
    np.testing.assert_allclose(weights.mean(axis=0), 1, rtol=1e-6)
    for places, column in zip(held_out, weights.T, strict=True):
        np.testing.assert_array_equal(np.flatnonzero(column == 0), np.sort(places))


@pytest.mark.parametrize("changes", [{}, {"momentum": 0.9, "l1": 0.001}, {"averaging": 0.5}])
@pytest.mark.parametrize("scoring", ["log_loss", "accuracy"])
def test_a_candidate_that_diverges_takes_no_other_with_it(made, changes, scoring):
    def others(wild):
        rates = (0.1, wild, 0.3)
        recipe = QUICK.but(**changes)
        tuning = tune(made, recipe, l2=(0.0, 0.1), learning_rate=rates, folds=3, scoring=scoring)
        return tuning, [c for c in tuning.candidates if c.recipe.learning_rate != wild]

    with_one, kept = others(1e38)
    _, expected = others(0.2)
    assert kept == expected
    diverged = [candidate for candidate in with_one.candidates if candidate.diverged]
    assert [candidate.recipe.learning_rate for candidate in diverged] == [1e38, 1e38]
    assert np.isnan([diverged[0].log_loss, diverged[0].accuracy_error]).all()
    assert with_one.winner in kept
    document = json.loads(json.dumps(with_one.to_json(), allow_nan=False))
    assert document["candidates"][2]["log_losses"] == [None, None, None]
    assert document["candidates"][2]["diverged"] is True


def test_a_candidate_that_diverges_on_one_fold_is_out_of_the_race(made, monkeypatch):
    from tfsoftmax.training import cross_validation

    def train(*arguments):
        parameters, finite = trained(*arguments)
        finite[1, 0] = False
        return parameters, finite

    trained = cross_validation.train
    monkeypatch.setattr(cross_validation, "train", train)
    tuning = tune(made, QUICK, l2=(0.01, 100.0), folds=3)
    assert [candidate.diverged for candidate in tuning.candidates] == [True, False]
    assert tuning.best.l2 == 100.0


def test_where_all_diverge_it_says_what_to_try(made):
    with pytest.raises(TfsoftmaxError, match="every candidate diverged.*for example 1e\\+36$"):
        tune(made, QUICK, learning_rate=(1e38, 1e37))


def test_means_and_standard_errors_over_the_folds():
    one = candidate(0.1, (0.2, 0.4, 0.9), (1.0, 0.5, 0.75))
    assert (one.log_loss, one.accuracy) == (pytest.approx(0.5), 0.75)
    assert one.log_loss_error == pytest.approx(np.sqrt((0.09 + 0.01 + 0.16) / 2 / 3))
    assert one.accuracy_error == pytest.approx(0.25 / np.sqrt(3))


def test_the_best_has_the_best_mean_and_of_the_same_the_strongest_penalty():
    candidates = (
        candidate(0.0, (0.5, 0.5), (0.8, 0.8)),
        candidate(0.1, (0.4, 0.6), (0.9, 0.9)),
        candidate(0.2, (0.6, 0.6), (0.9, 0.9)),
        candidate(0.2, (0.7, 0.7), (0.9, 0.9), l1=0.1),
        candidate(0.2, (0.7, 0.7), (0.9, 0.9), l1=0.1, learning_rate=0.1),
        candidate(0.3, (np.nan, np.nan), (np.nan, np.nan)),
    )
    assert Tuning(Recipe(), "log_loss", candidates).winner is candidates[1]
    assert Tuning(Recipe(), "accuracy", candidates).winner is candidates[4]
    best = Tuning(Recipe(batch_size=9), "accuracy", candidates).best
    assert (best.l2, best.l1, best.learning_rate, best.batch_size) == (0.2, 0.1, 0.1, 9)


def test_what_needs_validation_rows_is_left_to_the_fit_that_follows(made):
    plain = tune(made, QUICK, l2=(0.01, 0.1), folds=3)
    stopping = {"early_stopping": "log_loss", "calibrate": True, "validation_fraction": 0.3}
    tuning = tune(made, QUICK.but(**stopping), l2=(0.01, 0.1), folds=3)
    figures = [one.figures() for one in tuning.candidates]
    assert figures == [one.figures() for one in plain.candidates]
    assert tuning.best == plain.best.but(**stopping)
    history = fit(made, tuning.best).history
    assert history.temperature
    assert history.recipe.l2 == tuning.best.l2


def test_test_rows_are_never_looked_at(made):
    other = replace(made, test=replace(made.test, labels=(made.test.labels + 1) % 3))
    options = {"l2": (0.01, 0.1), "folds": 3}
    assert tune(made, QUICK, **options) == tune(other, QUICK, **options)


def test_learning_rates_that_are_derived_are_those_of_their_l2(made):
    recipe = QUICK.but(standardize="off")
    tuning = tune(made, recipe, l2=(0.0, 10.0), learning_rate=("auto", None, 0.3), folds=3)
    derived = [
        resolve(recipe.but(learning_rate="auto", l2=l2), made).learning_rate for l2 in (0.0, 10.0)
    ]
    # None is the recipe's, 0.3, and so there already.
    assert [one.recipe.learning_rate for one in tuning.candidates] == [*derived, 0.3, 0.3]
    assert derived[0] > derived[1]
    scaled = with_scaling(made, "on")
    (standardised,) = tune(
        made, QUICK.but(standardize="on"), l2=(0.1,), learning_rate=("auto",)
    ).candidates
    expected = resolve(QUICK.but(learning_rate="auto", l2=0.1), scaled).learning_rate
    assert standardised.recipe.learning_rate == expected


def test_the_grid_is_every_combination_sorted_and_its_own_default(made):
    seen = []
    tuning = tune(
        made, QUICK, l2=np.float32([0.5, 0.0]), l1=(0.1, 0.0), learning_rate=(0.3, 0.1), folds=2,
        on_progress=lambda step, total: seen.append((step, total)),
    )  # fmt: skip
    found = [(c.recipe.learning_rate, c.recipe.l1, c.recipe.l2) for c in tuning.candidates]
    assert found == [(rate, l1, l2) for rate in (0.3, 0.1) for l1 in (0.0, 0.1) for l2 in (0, 0.5)]
    assert seen[-1] == (16, 16)
    default = tune(made, QUICK.but(l1=0.01), folds=2)
    assert tuple(c.recipe.l2 for c in default.candidates) == L2_GRID
    assert {c.recipe.l1 for c in default.candidates} == {0.01}
    assert (len(L2_GRID), L2_GRID[0], L2_GRID[-1]) == (13, 1e-6, 1.0)


def test_the_table_has_the_figures_of_every_fold(made):
    tuning = tune(made, QUICK, l2=(0.01, 0.1), learning_rate=(0.3, 1e38), folds=3)
    rows = list(csv.DictReader(io.StringIO(tuning.to_csv())))
    assert [row["best"] for row in rows].count("True") == 1
    for row, one in zip(rows, tuning.candidates, strict=True):
        assert float(row["l2"]) == one.recipe.l2
        assert float(row["learning_rate"]) == one.recipe.learning_rate
        if one.diverged:
            assert (row["log_loss"], row["accuracy_3"], row["diverged"]) == ("", "", "True")
        else:
            assert float(row["log_loss_2"]) == one.log_losses[1]
            assert float(row["accuracy_error"]) == one.accuracy_error
    document = tuning.to_json()
    assert (document["folds"], document["scoring"]) == (3, "log_loss")
    assert document["best"]["l2"] == tuning.best.l2


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"scoring": "f1"}, UsageError, "scoring must be one of log_loss, accuracy, not 'f1'"),
        ({"folds": 1}, UsageError, "folds must be at least 2, not 1"),
        ({"l2": ()}, UsageError, "l2 is an empty grid"),
        ({"l1": []}, UsageError, "l1 is an empty grid"),
        ({"learning_rate": ()}, UsageError, "learning_rate is an empty grid"),
        ({"l2": (0.1, -1.0)}, UsageError, r"l2 must be at least 0, not -1\.0"),
        ({"l2": (float("nan"),)}, UsageError, "l2 must be at least 0, not nan"),
        ({"l1": (float("inf"),)}, UsageError, r"l1 must be below 3.4e\+38, not inf"),
        ({"learning_rate": (0.0,)}, UsageError, "learning_rate must be above 0"),
        ({"learning_rate": "auto"}, UsageError, "learning_rate must be several numbers to try"),
        ({"l2": 0.1}, UsageError, "l2 must be several numbers to try"),
        ({"l2": ("auto",)}, UsageError, "l2 must be several numbers to try"),
        ({"folds": 60}, DataError, r"made: class 'class \d' has \d+ training rows, too few"),
    ],
)
def test_what_means_nothing_is_one_line(made, options, error, message):
    with pytest.raises(error, match=message) as raised:
        tune(made, QUICK, **options)
    assert "\n" not in str(raised.value)


def test_a_class_with_fewer_rows_than_folds_is_named_and_one_without_any_does_no_harm():
    labels = np.repeat(np.int32([0, 1]), [20, 3])
    rows = Split(np.random.default_rng(0).normal(size=(23, 2)).astype(np.float32), labels)
    dataset = Dataset("rare", Spec((2,), "float32", ("often", "seldom", "never")), rows, rows)
    with pytest.raises(DataError, match="class 'seldom' has 3 .*too few for 5 folds"):
        tune(dataset, QUICK)
    assert not tune(dataset, QUICK, l2=(0.1,), folds=3).winner.diverged


def test_a_fold_without_rows_that_count_is_a_data_error(made):
    weights = np.zeros(len(made.train), np.float32)
    weights[0] = 1
    dataset = replace(made, train=replace(made.train, weights=weights))
    with pytest.raises(DataError, match="every row with a weight above 0"):
        tune(dataset, QUICK)


def test_weights_that_leave_nothing_are_a_usage_error(made):
    nothing = dict.fromkeys(made.spec.class_names, 0.0)
    with pytest.raises(UsageError, match="class_weight is 0"):
        tune(made, QUICK.but(class_weight=nothing))
