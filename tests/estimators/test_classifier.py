"""``SoftmaxClassifier`` against scikit-learn's ``LogisticRegression``, and what it promises."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from support.oldest import BEFORE_1_8

from tfsoftmax import (
    ArgumentError,
    DataError,
    ModelError,
    SoftmaxClassifier,
    SoftmaxClassifierCV,
    drift,
    evaluate,
    load_predictor,
)

X, Y = load_iris(return_X_y=True)
TWO = Y < 2
WEIGHTS = np.random.default_rng(0).integers(0, 4, len(Y)).astype(float)


def objective(classifier, X, y, C, l1_ratio=0.0, weights=None):
    """scikit-learn's, over C times the sum of weights; of any fitted linear classifier."""
    weights = np.ones(len(y)) if weights is None else weights
    codes = np.searchsorted(classifier.classes_, y)
    losses = -classifier.predict_log_proba(X)[np.arange(len(y)), codes]
    coef = classifier.coef_
    penalty = (1 - l1_ratio) / 2 * np.square(coef).sum() + l1_ratio * np.abs(coef).sum()
    return (weights @ losses + penalty / C) / weights.sum()


@pytest.mark.parametrize("C", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("rows", [slice(None), TWO], ids=["three", "two"])
def test_it_finds_the_optimum_of_logistic_regression(rows, C):
    X_, y = X[rows], Y[rows]
    ours = SoftmaxClassifier(C=C).fit(X_, y)
    theirs = LogisticRegression(C=C, tol=1e-10, max_iter=10_000).fit(X_, y)
    assert ours.coef_.shape == theirs.coef_.shape
    assert ours.intercept_.shape == theirs.intercept_.shape
    least = objective(theirs, X_, y, C)
    assert objective(ours, X_, y, C) == pytest.approx(least, rel=2e-6)
    np.testing.assert_allclose(ours.predict_proba(X_), theirs.predict_proba(X_), atol=5e-3)
    np.testing.assert_array_equal(ours.predict(X_), theirs.predict(X_))


@pytest.mark.parametrize("l1_ratio", [0.3, 1.0])
@pytest.mark.parametrize("rows", [slice(None), TWO], ids=["three", "two"])
def test_it_finds_the_optimum_with_l1(rows, l1_ratio):
    X_, y = X[rows], Y[rows]
    ours = SoftmaxClassifier(C=0.3, l1_ratio=l1_ratio).fit(X_, y)
    theirs = LogisticRegression(
        C=0.3, l1_ratio=l1_ratio, solver="saga", tol=1e-8, max_iter=100_000, random_state=0
    )
    if BEFORE_1_8:
        theirs.set_params(penalty="elasticnet")
    theirs.fit(X_, y)
    least = objective(theirs, X_, y, 0.3, l1_ratio)
    assert objective(ours, X_, y, 0.3, l1_ratio) == pytest.approx(least, rel=1e-5)
    np.testing.assert_array_equal(np.abs(ours.coef_) < 1e-6, np.abs(theirs.coef_) < 1e-3)


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 1.0, 1: 5.0, 2: 0.5}])
def test_weights_of_rows_and_classes_count_as_in_logistic_regression(class_weight):
    if class_weight == "balanced" and BEFORE_1_8:
        pytest.skip("this scikit-learn balances classes by their rows, whatever these count")
    ours = SoftmaxClassifier(class_weight=class_weight, tol=1e-7).fit(X, Y, WEIGHTS)
    theirs = LogisticRegression(class_weight=class_weight, tol=1e-10, max_iter=10_000)
    theirs.fit(X, Y, WEIGHTS)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=2e-3)


def test_sparse_rows_give_what_dense_ones_do():
    wide = np.zeros((150, 600))
    wide[:, ::150] = X
    dense, sparse = (SoftmaxClassifier().fit(rows, Y) for rows in (wide, csr_array(wide)))
    assert dense.gap_ < 1e-6
    assert sparse.gap_ < 1e-6
    one, other = dense.predict_proba(wide), sparse.predict_proba(csr_array(wide))
    np.testing.assert_allclose(one, other, atol=3e-3)


def test_the_gap_is_proven_and_the_loss_falls():
    classifier = SoftmaxClassifier(tol=1e-5).fit(X, Y)
    assert 0 <= classifier.gap_ <= 1e-5
    assert len(classifier.loss_curve_) == classifier.n_iter_[0] > 1
    assert classifier.loss_curve_[-1] < classifier.loss_curve_[0]


def test_a_fit_that_ends_too_early_warns():
    with pytest.warns(ConvergenceWarning, match="raise max_iter"):
        SoftmaxClassifier(max_iter=1, tol=1e-7, C=1000.0).fit(X, Y)


def test_newton_that_can_get_no_nearer_does_not_ask_for_more_steps():
    options = {"scaling": "standard", "max_iter": 50}
    with pytest.warns(ConvergenceWarning, match="accept a larger tol") as warned:
        assert SoftmaxClassifier(tol=1e-16, **options).fit(X, Y).n_iter_[0] < 50
    assert "max_iter" not in str(warned[0].message)
    assert "scaling" not in str(warned[0].message)
    # Warnings are errors here: what was advised brings none.
    SoftmaxClassifier(tol=1e-9, **options).fit(X, Y)


def test_sgd_that_has_not_converged_warns_and_its_advice_helps():
    X, y = load_wine(return_X_y=True)
    few = {"epochs": 60, "recipe_options": {"xla": False}}
    with pytest.warns(ConvergenceWarning, match=r"scaling='standard'.*epochs \(now 60\).*finite C"):
        raw = SoftmaxClassifier(C=np.inf, **few).fit(X, y)
    assert raw.score(X, y) < 0.8
    # Warnings are errors here: what was advised brings none.
    assert SoftmaxClassifier(C=np.inf, scaling="standard", **few).fit(X, y).score(X, y) == 1
    assert SoftmaxClassifier(C=10.0, solver="newton").fit(X, y).score(X, y) == 1


@pytest.mark.slow
def test_more_epochs_of_sgd_bring_it_near_the_optimum():
    options = {"solver": "sgd", "recipe_options": {"xla": False}}
    with pytest.warns(ConvergenceWarning, match="could still fall by about 0.2"):
        few = SoftmaxClassifier(epochs=1, **options).fit(X, Y)
    many = SoftmaxClassifier(epochs=250, **options).fit(X, Y)
    least = objective(SoftmaxClassifier().fit(X, Y), X, Y, 1.0)
    assert objective(few, X, Y, 1.0) > least + 0.1
    assert objective(many, X, Y, 1.0) == pytest.approx(least, rel=0.01)


def test_scaling_is_part_of_the_model():
    X, y = load_wine(return_X_y=True)
    classifier = SoftmaxClassifier(scaling="standard").fit(X, y)
    mean, deviation = X.mean(axis=0), X.std(axis=0)
    theirs = LogisticRegression(tol=1e-8).fit((X - mean) / deviation, y)
    expected = theirs.predict_proba((X - mean) / deviation)
    np.testing.assert_allclose(classifier.predict_proba(X), expected, atol=2e-3)


def test_labels_of_any_kind_come_back():
    names = np.array(["setosa", "versicolor", "virginica"], object)
    assert SoftmaxClassifier().fit(X, names[Y]).predict(X[:1]).tolist() == ["setosa"]
    assert SoftmaxClassifier().fit(X[TWO], Y[TWO] == 1).predict(X[:1]).tolist() == [False]
    assert SoftmaxClassifier().fit(X, Y + 0.0).predict(X[:1]).dtype == np.float64


def test_a_frames_columns_have_names():
    frame = pd.DataFrame(X, columns=list("abcd"))
    classifier = SoftmaxClassifier().fit(frame, Y)
    assert classifier.feature_names_in_.tolist() == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        classifier.predict(frame[list("badc")])
    assert classifier.model_.spec.feature_names == ("a", "b", "c", "d")


@pytest.mark.parametrize("rows", [slice(None), TWO], ids=["three", "two"])
def test_the_model_answers_as_the_estimator(rows):
    classifier = SoftmaxClassifier().fit(X[rows], Y[rows])
    np.testing.assert_allclose(
        classifier.model_.predict_proba(X), classifier.predict_proba(X), atol=1e-6
    )
    accuracy = evaluate(classifier.model_, (X[rows], Y[rows])).accuracy
    assert accuracy == pytest.approx(classifier.score(X[rows], Y[rows]))


def test_an_export_answers_as_the_estimator(tmp_path):
    classifier = SoftmaxClassifier().fit(X, Y)
    result = classifier.export(tmp_path / "iris", check_on=X)
    assert result.path == tmp_path / "iris" / "1"
    exported = load_predictor(result.tflite).predict_proba(X)
    np.testing.assert_allclose(exported, classifier.predict_proba(X), atol=1e-6)
    card = (result.path / "README.md").read_text()
    assert "test accuracy" not in card  # No row was held out.


def test_new_rows_are_compared_with_those_of_the_fit(tmp_path):
    classifier = SoftmaxClassifier().fit(X, Y)
    exported = load_predictor(classifier.export(tmp_path / "iris", check_on=X, formats=()).path)
    for model in (pickle.loads(pickle.dumps(classifier)).model_, exported):
        same = drift(model, X)
        assert [column.psi for column in (*same.columns, same.predicted)] == [0] * 5
        assert [each.then for each in same.predicted.bins[:3]] == pytest.approx(
            np.sort(np.bincount(classifier.predict(X)) / 150)[::-1]
        )
        assert drift(model, X + np.eye(4)[2] * 2).columns[0].psi > 1
        assert model.explain(X).centre == "the mean of the training rows"
    more = classifier.partial_fit(X[:20], Y[:20])
    with pytest.raises(ModelError, match="partial_fit"):
        drift(more.model_, X)


def test_a_pickle_holds_no_tensorflow():
    classifier = SoftmaxClassifier().fit(X, Y)
    pickled = pickle.dumps(classifier)
    assert b"tensorflow" not in pickled
    again = pickle.loads(pickled)
    np.testing.assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))


def test_warm_start_goes_on_from_the_last_fit():
    cold = SoftmaxClassifier(C=1000.0, tol=1e-5).fit(X, Y)
    warm = clone(cold).set_params(warm_start=True, C=900.0).fit(X, Y)
    warm.set_params(C=1000.0).fit(X, Y)
    assert warm.n_iter_[0] < cold.n_iter_[0]
    assert warm.gap_ <= 1e-5


def test_sgd_stops_early_where_asked_to():
    classifier = SoftmaxClassifier(
        early_stopping=True, epochs=40, n_iter_no_change=2, recipe_options={"xla": False}
    ).fit(X, Y)
    assert classifier.gap_ is None
    assert classifier.score(X, Y) > 0.9


@pytest.mark.filterwarnings("ignore:SGD has not converged")
def test_a_seed_decides_what_sgd_finds():
    def coef(random_state):
        classifier = SoftmaxClassifier(
            solver="sgd", epochs=2, random_state=random_state, recipe_options={"xla": False}
        )
        return classifier.fit(X, Y).coef_

    np.testing.assert_array_equal(coef(3), coef(3))
    assert (coef(3) != coef(4)).any()
    np.testing.assert_array_equal(coef(None), coef(0))
    drawn = coef(np.random.RandomState(1))
    np.testing.assert_array_equal(drawn, coef(np.random.RandomState(1)))


def test_verbose_prints_a_line_for_each_step(capsys):
    classifier = SoftmaxClassifier(verbose=1).fit(X, Y)
    assert len(capsys.readouterr().out.splitlines()) == classifier.n_iter_[0]
    SoftmaxClassifier().fit(X, Y)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"C": 0}, "C must be a number above 0"),
        ({"C": "best"}, "C must be"),
        ({"l1_ratio": 2}, "l1_ratio must be"),
        ({"C": "auto", "l1_ratio": 0.5}, "C='auto'"),
        ({"solver": "lbfgs"}, "solver must be one of auto, newton, sgd, not 'lbfgs'"),
        ({"scaling": True}, "scaling must be one of"),
        ({"tol": 0}, "tol must be"),
        ({"max_iter": 0}, "max_iter must be 1 or more"),
        ({"recipe_options": {"l2": 0.1}}, "give C instead"),
        ({"recipe_options": {"momentm": 0.9}}, "'momentm'.*did you mean 'momentum'"),
        ({"solver": "newton", "C": np.inf}, "solver='newton' needs a finite C"),
        ({"solver": "newton", "early_stopping": True}, "early_stopping=True exclude each other"),
        ({"class_weight": {"no such": 2}}, "not in class_weight|class_weight"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        SoftmaxClassifier(**wrong).fit(X, Y)


def test_a_fit_that_fails_leaves_the_last_one():
    for classifier in (SoftmaxClassifier(), SoftmaxClassifierCV([1.0], cv=2)):
        classifier.fit(X, Y)
        before = classifier.predict(X)
        for rows, y in ((X[:, :2], ["a"] * 150), (X[:, :2] * 1e39, Y)):
            with pytest.raises((ArgumentError, DataError)):
                classifier.fit(rows, y)
        assert classifier.n_features_in_ == 4
        np.testing.assert_array_equal(classifier.predict(X), before)
    with pytest.raises(ArgumentError):
        (new := SoftmaxClassifier()).fit(X, ["a"] * 150)
    with pytest.raises(NotFittedError):
        new.predict(X)


def test_a_part_that_fails_leaves_the_parts_before():
    classifier = SoftmaxClassifier().partial_fit(X, Y, classes=[0, 1, 2])
    before = classifier.predict_proba(X)
    with pytest.raises(DataError):
        classifier.partial_fit(X * 1e39, Y, classes=[3])
    assert classifier.classes_.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(classifier.predict_proba(X), before)


def test_a_warning_is_of_the_line_that_fits():
    with pytest.warns(ConvergenceWarning) as found:
        SoftmaxClassifier(max_iter=1, tol=1e-7, C=1000.0).fit(X, Y)
    assert found[0].filename == __file__


def test_one_class_is_refused():
    with pytest.raises(ArgumentError, match="at least 2 classes.*one class, 0$"):
        SoftmaxClassifier().fit(X[:50], Y[:50])


def test_a_class_that_outweighs_all_others_by_far_is_no_obstacle():
    weights = {0: 1000.0, 1: 1e-4, 2: 1e-4}
    fitted = SoftmaxClassifier(class_weight=weights).fit(X, Y)
    theirs = LogisticRegression(class_weight=weights, tol=1e-12, max_iter=10_000).fit(X, Y)
    assert fitted.gap_ <= 1e-6
    np.testing.assert_allclose(fitted.intercept_, theirs.intercept_, rtol=5e-3)


def test_columns_that_float32_rounds_away_are_noted(caplog):
    """Far from 0 the fit is that of other numbers, however exact it is."""
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = (X.sum(axis=1) > 0).astype(int)
    with caplog.at_level("WARNING"):
        SoftmaxClassifier(scaling="standard").fit(X + 1e3, y)
    assert not caplog.messages
    with caplog.at_level("WARNING"):
        SoftmaxClassifier(scaling="standard").fit(X + np.array([1e6, 0]), y)
    (message,) = caplog.messages
    assert message.startswith("Note: X: feature 0: beside their size the values differ so little")
    with caplog.at_level("WARNING"):
        SoftmaxClassifier(scaling="standard", C=2.0).fit(X + np.array([1e6, 0]), y)
    assert caplog.messages == [message]  # not again in each fit of a search
