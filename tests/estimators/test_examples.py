"""scikit-learn's public examples of ``LogisticRegression``, with the name of the class swapped."""

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    cross_val_score,
    learning_curve,
    train_test_split,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tfsoftmax import SoftmaxClassifier, SoftmaxClassifierCV

X, Y = load_iris(return_X_y=True)


def test_pipeline_and_grid_search():
    rows, labels = load_digits(return_X_y=True)
    pipe = Pipeline([("scaler", StandardScaler()), ("pca", PCA(15)), ("it", SoftmaxClassifier())])
    search = GridSearchCV(pipe, {"it__C": [0.01, 1.0]}, cv=2)
    search.fit(rows[:600], labels[:600])
    theirs = GridSearchCV(
        pipe.set_params(it=LogisticRegression()), {"it__C": [0.01, 1.0]}, cv=2
    ).fit(rows[:600], labels[:600])
    assert search.best_params_ == theirs.best_params_
    assert search.best_score_ == pytest.approx(theirs.best_score_, abs=5e-3)


def test_column_transformer_with_mixed_types():
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": np.where(random.random(300) < 0.1, np.nan, random.normal(30, 10, 300)),
            "sex": random.choice(["female", "male"], 300),
        }
    )
    survived = (frame["sex"] == "female") ^ (random.random(300) < 0.2)
    numbers = Pipeline([("imputer", SimpleImputer(strategy="median")), ("s", StandardScaler())])
    columns = ColumnTransformer(
        [("num", numbers, ["age"]), ("cat", OneHotEncoder(handle_unknown="ignore"), ["sex"])]
    )
    scores = [
        make_pipeline(columns, each).fit(frame, survived).score(frame, survived)
        for each in (SoftmaxClassifier(), LogisticRegression())
    ]
    assert scores[0] == scores[1] > 0.7


def test_cross_val_score_gives_the_same():
    ours = cross_val_score(SoftmaxClassifier(), X, Y, scoring="neg_log_loss")
    theirs = cross_val_score(
        LogisticRegression(tol=1e-8, max_iter=1000), X, Y, scoring="neg_log_loss"
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_calibrated_classifier():
    rows, labels = load_breast_cancer(return_X_y=True)
    rows = StandardScaler().fit_transform(rows)
    calibrated = CalibratedClassifierCV(SoftmaxClassifier(), cv=2).fit(rows, labels)
    theirs = CalibratedClassifierCV(LogisticRegression(tol=1e-8), cv=2).fit(rows, labels)
    np.testing.assert_allclose(
        calibrated.predict_proba(rows), theirs.predict_proba(rows), atol=0.01
    )


def test_permutation_importance_finds_the_petals():
    fitted = SoftmaxClassifier().fit(X, Y)
    found = permutation_importance(fitted, X, Y, n_repeats=5, random_state=0)
    assert set(np.argsort(found.importances_mean)[2:]) == {2, 3}


def test_learning_curve():
    sizes, train, test = learning_curve(
        SoftmaxClassifier(), X, Y, train_sizes=[0.3, 1.0], cv=3, shuffle=True, random_state=0
    )
    assert sizes.tolist() == [30, 100]
    assert train.min() > 0.9
    assert test[-1].mean() > 0.9


def test_the_penalty_is_chosen_as_a_grid_search_does():
    rows, labels = load_digits(return_X_y=True)
    rows, labels = rows[:400, ::3] / 16, labels[:400]
    Cs = [1e-3, 1e-1, 10.0]
    ours = SoftmaxClassifierCV(Cs, cv=3).fit(rows, labels)
    theirs = GridSearchCV(
        LogisticRegression(tol=1e-8, max_iter=5000), {"C": Cs}, cv=3, scoring="neg_log_loss"
    ).fit(rows, labels)
    assert theirs.best_params_["C"] == ours.C_
    expected = [theirs.cv_results_[f"split{split}_test_score"] for split in range(3)]
    np.testing.assert_allclose(ours.scores_[:, 0], expected, atol=2e-3)
    assert ours.score(rows, labels) > 0.95


def test_splitters_and_scorers_are_scikit_learns():
    groups = np.arange(150) % 3
    chosen = SoftmaxClassifierCV([0.01, 1.0], cv=GroupKFold(3), scoring="accuracy")
    chosen.fit(X, Y, groups=groups)
    for split, (fitted, held_out) in enumerate(GroupKFold(3).split(X, Y, groups)):
        expected = SoftmaxClassifier(0.01).fit(X[fitted], Y[fitted]).score(X[held_out], Y[held_out])
        assert chosen.scores_[split, 0, 0] == pytest.approx(expected, abs=0.021)


def test_train_test_split_and_joblib(tmp_path):
    import joblib

    train, test, y_train, y_test = train_test_split(X, Y, random_state=0)
    path = tmp_path / "model.joblib"
    joblib.dump(SoftmaxClassifier().fit(train, y_train), path)
    assert joblib.load(path).score(test, y_test) > 0.9
