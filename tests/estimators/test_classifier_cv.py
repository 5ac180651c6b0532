"""``SoftmaxClassifierCV`` against fits one by one: splitters, weights, scorers, without a path."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from scipy.special import log_softmax, softmax
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import get_scorer, make_scorer, matthews_corrcoef
from sklearn.model_selection import (
    GroupKFold,
    LeaveOneGroupOut,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
)
from sklearn.preprocessing import StandardScaler
from support.oldest import BEFORE_1_8

from tfsoftmax import SoftmaxClassifier, SoftmaxClassifierCV
from tfsoftmax.estimators import splits as splits_
from tfsoftmax.estimators.splits import Given, of_splits
from tfsoftmax.training.newton import path

X, Y = load_iris(return_X_y=True)
X = X - X.mean(axis=0)
CS = [0.01, 1.0, 10.0]
GROUPS = np.arange(150) % 4
THREE = list(StratifiedKFold(3).split(X, Y))
WEIGHTS = np.random.default_rng(0).integers(0, 4, len(Y)).astype(float)


@pytest.fixture
def paths(monkeypatch):
    """How many splits went along each path."""
    gone = []
    train = path.train

    def counted(dataset, recipes, weights, **rest):
        gone.append(weights.shape[1])
        return train(dataset, recipes, weights, **rest)

    monkeypatch.setattr(path, "train", counted)
    return gone


def alone(splits, Cs=CS, scoring="neg_log_loss", rows=X, y=Y, weights=None, **options):
    """Scores of scikit-learn's optima, each found by itself, ``[n_splits, n_Cs]``."""
    scorer = get_scorer(scoring) if isinstance(scoring, str) else scoring
    own = {} if weights is None else {"sample_weight": weights}
    scores = np.empty((len(splits), len(Cs)))
    for found, (fitted, held_out) in zip(scores, splits, strict=True):
        for index, C in enumerate(Cs):
            best = LogisticRegression(
                C=C, solver="newton-cholesky", tol=1e-10, max_iter=1000, **options
            )
            best.fit(rows[fitted], y[fitted], **{n: w[fitted] for n, w in own.items()})
            scored = {n: w[held_out] for n, w in own.items()}
            found[index] = scorer(best, rows[held_out], y[held_out], **scored)
    return scores


@pytest.mark.parametrize(
    ("cv", "groups"),
    [
        (None, None),
        (ShuffleSplit(3, train_size=0.5, test_size=0.2, random_state=0), None),
        (RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0), None),
        (GroupKFold(3), GROUPS),
        (LeaveOneGroupOut(), GROUPS),
        ([(list(range(0, 150, 2)), list(range(1, 150, 2)))], None),
        ([(GROUPS > 0, GROUPS == 0)], None),
        ([(np.repeat(np.arange(0, 150, 3), 2), np.arange(1, 150, 3))], None),
    ],
    ids=["five", "shuffled", "repeated", "groups", "one group", "lists", "masks", "drawn twice"],
)
def test_scores_are_those_of_fits_one_by_one(cv, groups, paths):
    chosen = SoftmaxClassifierCV(CS, cv=cv).fit(X, Y, groups=groups)
    splitter = StratifiedKFold(5) if cv is None else cv
    splits = splitter if isinstance(splitter, list) else list(splitter.split(X, Y, groups))
    expected = alone(splits)
    np.testing.assert_allclose(chosen.scores_[:, 0], expected, atol=1e-3)
    assert CS[expected.mean(axis=0).argmax()] == chosen.C_
    assert paths == [len(splits)]


def test_scores_and_choice_are_those_of_logistic_regression_cv(paths):
    Cs = np.logspace(-3, 1, 5)
    ours = SoftmaxClassifierCV(Cs, cv=4).fit(X, Y)
    theirs = LogisticRegressionCV(
        Cs=Cs,
        cv=4,
        scoring="neg_log_loss",
        # In 1.6 the scores of newton-cholesky's models are those of one-vs-rest.
        solver="newton-cg" if BEFORE_1_8 else "newton-cholesky",
        tol=1e-10,
        max_iter=1000,
        **({} if BEFORE_1_8 else {"l1_ratios": (0.0,), "use_legacy_attributes": False}),
    ).fit(X, Y)
    expected = next(iter(theirs.scores_.values())) if BEFORE_1_8 else theirs.scores_
    np.testing.assert_allclose(ours.scores_[:, 0], expected.reshape(4, -1), atol=1e-3)
    assert np.ravel(theirs.C_)[0] == ours.C_
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=5e-3)
    assert paths == [4]


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 1.0, 1: 5.0, 2: 0.5}])
def test_weights_count_on_every_split_as_in_a_fit_of_its_rows(class_weight, paths):
    if class_weight == "balanced" and BEFORE_1_8:
        pytest.skip("this scikit-learn balances classes by their rows, whatever these count")
    chosen = SoftmaxClassifierCV(CS, cv=3, class_weight=class_weight).fit(X, Y, WEIGHTS)
    expected = alone(THREE, weights=WEIGHTS, class_weight=class_weight)
    np.testing.assert_allclose(chosen.scores_[:, 0], expected, atol=1e-3)
    assert paths == [3]


def brier(classifier, rows, y):
    P = classifier.predict_proba(rows)
    return -np.square(P - (y[:, None] == classifier.classes_)).sum(axis=1).mean()


@pytest.mark.parametrize(
    "scoring",
    ["accuracy", "neg_log_loss", "roc_auc_ovr", brier, make_scorer(matthews_corrcoef)],
    ids=["accuracy", "log-loss", "auc", "function", "made"],
)
def test_any_scorer_sees_fitted_classifiers(scoring, paths):
    chosen = SoftmaxClassifierCV(CS, cv=3, scoring=scoring).fit(X, Y)
    expected = alone(THREE, scoring=scoring)
    np.testing.assert_allclose(chosen.scores_[:, 0], expected, atol=1e-3)
    assert paths == [3]


def test_of_two_classes_it_is_the_optimum_of_one_w(paths):
    rows, y = X[50:], np.array(["b", "a"])[Y[50:] - 1]
    chosen = SoftmaxClassifierCV(CS, cv=3, scoring="roc_auc").fit(rows, y)
    splits = list(StratifiedKFold(3).split(rows, y))
    expected = alone(splits, scoring="roc_auc", rows=rows, y=y)
    np.testing.assert_allclose(chosen.scores_[:, 0], expected, atol=1e-3)
    losses = SoftmaxClassifierCV(CS, cv=3).fit(rows, y).scores_[:, 0]
    np.testing.assert_allclose(losses, alone(splits, rows=rows, y=y), atol=1e-3)
    assert paths == [3, 3]


def weights_of(classifiers, rows=X, fitted=(slice(None),)):
    classes = np.unique(Y)
    return list(of_splits(classifiers, Given(rows, Y, None, classes), fitted))


TABLE = pd.DataFrame(X).assign(kind=np.array(["a", "b"])[GROUPS % 2])


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({"C": np.inf}, X),
        ({"l1_ratio": 0.5}, X),
        ({"scaling": "standard"}, X),
        ({}, csr_array(X)),
        ({}, TABLE),
    ],
    ids=["no penalty", "l1", "scaled", "sparse", "table"],
)
def test_what_has_no_path(options, rows, paths):
    assert weights_of([SoftmaxClassifier(**options)], rows) == [None]
    assert paths == []


def test_a_split_without_a_class_is_gone_through_by_itself(paths):
    splits = [(np.flatnonzero(Y < 2), np.arange(150)), (np.arange(0, 150, 2), np.arange(150))]
    chosen = SoftmaxClassifierCV([0.1, 1.0], cv=splits, scoring="accuracy").fit(X, Y)
    expected = alone(splits, [0.1, 1.0], "accuracy")
    np.testing.assert_allclose(chosen.scores_[:, 0], expected, atol=0.007)
    assert chosen.scores_[0].max() < 0.7
    assert paths == [1]
    with_likelihood = SoftmaxClassifierCV([1.0], cv=splits).fit(X, Y)
    # Rows of a class that was not fitted are all but impossible.
    assert with_likelihood.scores_[0, 0, 0] < -200


@pytest.mark.parametrize("rows", [csr_array(X), X], ids=["sparse", "scaled"])
def test_without_a_path_scores_are_the_same(rows, paths):
    splits = list(StratifiedKFold(2).split(X, Y))
    dense = rows is X
    scaling = "standard" if dense else "none"
    chosen = SoftmaxClassifierCV([0.1, 1.0], cv=splits, scaling=scaling).fit(rows, Y)
    if dense:
        expected = np.concatenate(
            [
                alone([split], [0.1, 1.0], rows=StandardScaler().fit(X[split[0]]).transform(X))
                for split in splits
            ]
        )
    else:
        expected = alone(splits, [0.1, 1.0])
    np.testing.assert_allclose(chosen.scores_[:, 0], expected, atol=2e-3)
    assert paths == []


def test_rows_that_count_nothing_are_as_if_they_were_not_there(paths):
    splits = list(StratifiedKFold(2).split(X, Y))
    chosen = SoftmaxClassifierCV(CS, cv=splits).fit(X, Y, np.where(Y == 2, 0.0, 1.0))
    expected = alone([tuple(part[Y[part] < 2] for part in split) for split in splits])
    assert chosen.classes_.tolist() == [0, 1]
    np.testing.assert_allclose(chosen.scores_[:, 0], expected, atol=1e-3)
    assert paths == [2]


def test_many_splits_go_group_by_group(paths, monkeypatch):
    expected = SoftmaxClassifierCV(CS, cv=5).fit(X, Y).scores_
    monkeypatch.setattr(splits_, "_WEIGHTS", 2 * len(CS) * 3 * 4)
    grouped = SoftmaxClassifierCV(CS, cv=5).fit(X, Y).scores_
    np.testing.assert_allclose(grouped, expected, atol=1e-4)
    assert paths == [5, 2, 2, 1]


@pytest.mark.parametrize("rows", [slice(None), Y > 0], ids=["three", "two"])
def test_the_path_ends_as_near_to_each_optimum_as_is_said(rows):
    """By ``||gradient||^2 C / 2``, which no objective exceeds its minimum by more than."""
    y = Y[rows]
    classes = np.unique(y)
    given = Given(X[rows], y, None, classes)
    classifiers = [SoftmaxClassifier(C) for C in CS]
    (found,) = of_splits(classifiers, given, [np.arange(len(y))])
    own = y[:, None] == classes
    for C, W, b in zip(CS, found.W.astype(float), found.b.astype(float), strict=True):
        logits = X[rows] @ W.T + b
        held = 2 / C if len(classes) == 2 else 1 / C
        P = softmax(logits, axis=1)
        objective = -log_softmax(logits, axis=1)[own].sum() + held / 2 * np.square(W).sum()
        gap = np.square((P - own).T @ X[rows] + held * W).sum() / (2 * held)
        assert gap <= 1e-6 * objective
