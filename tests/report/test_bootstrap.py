"""Resampled coefficients against scikit-learn's, one by one, and against the standard errors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from tfsoftmax import DataError, from_arrays, statistics
from tfsoftmax.report import bootstrap
from tfsoftmax.report.bootstrap import drawn, resampled
from tfsoftmax.report.statistics_rows import StatisticsRows
from tfsoftmax.training.newton import reweighted
from tfsoftmax.training.newton.likelihood import maximise


def simulated(n=300, n_classes=3):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3)) * [0.1, 3.0, 40.0] + [0.0, 5.0, -100.0]
    slopes = rng.normal(size=(3, n_classes)) / X.std(axis=0)[:, None]
    return X, ((X - X.mean(axis=0)) @ slopes + rng.gumbel(size=(n, n_classes))).argmax(axis=1)


def fitted(dataset, l2, n_resamples):
    rows = StatisticsRows(dataset, 0, l2, resampled=True)
    whole = maximise(rows.blocks, dataset.spec.n_classes, len(rows.inputs), l2)
    return rows, whole, resampled(rows, whole, l2, n_resamples, seed=3)


def by_scikit_learn(rows, weights, l2):
    """Coefficients of scaled columns against the first class, the intercept last."""
    X, labels, _ = (np.concatenate(parts) for parts in zip(*rows.blocks(), strict=True))
    oracle = LogisticRegression(
        C=1 / (l2 * len(labels)) if l2 else np.inf, solver="newton-cg", tol=1e-10, max_iter=1000
    )
    oracle.fit(X[:, :-1], labels, sample_weight=weights)
    W = np.column_stack([oracle.coef_, oracle.intercept_])
    return W - W[0] if len(W) > 1 else W


@pytest.mark.parametrize("l2", [0.0, 0.02])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_resample_has_scikit_learns_optimum(l2, weighted, monkeypatch):
    monkeypatch.setattr(bootstrap, "_MOST_AT_ONCE", 4)
    X, y = simulated()
    own = np.random.default_rng(1).uniform(0.2, 2, size=len(y)) if weighted else None
    rows, whole, fits = fitted(from_arrays(X, y, sample_weight=own), l2, 10)
    labels = np.concatenate([labels for _, labels, _ in rows.blocks()])
    expected = by_scikit_learn(rows, rows.weights, l2)[1:]
    assert_allclose(whole.parameters, expected, rtol=1e-5, atol=1e-7)
    for number, found in enumerate(fits):
        weights = drawn(labels, rows.weights, 3, number)
        expected = by_scikit_learn(rows, weights, l2)[1:]
        assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_separated_classes_with_a_penalty_have_scikit_learns_optimum():
    X, y = load_iris(return_X_y=True)
    rows, _, fits = fitted(from_arrays(X, y), 1e-3, 5)
    labels = np.concatenate([labels for _, labels, _ in rows.blocks()])
    for number, found in enumerate(fits):
        expected = by_scikit_learn(rows, drawn(labels, rows.weights, 3, number), 1e-3)
        assert_allclose(found, expected[1:], rtol=1e-4, atol=1e-6)


def test_what_does_not_settle_is_found_exactly(monkeypatch):
    _, _, expected = fitted(from_arrays(*simulated()), 0.0, 4)
    monkeypatch.setattr(reweighted, "_MOST_STEPS", 1)
    _, _, found = fitted(from_arrays(*simulated()), 0.0, 4)
    assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_rows_that_are_not_kept_give_the_same(monkeypatch):
    _, _, expected = fitted(from_arrays(*simulated()), 0.01, 4)
    monkeypatch.setattr("tfsoftmax.report.statistics_rows._KEPT_NUMBERS", 0)
    monkeypatch.setattr("tfsoftmax.data.features._BLOCK_BYTES", 1000)
    rows, _, found = fitted(from_arrays(*simulated()), 0.01, 4)
    assert len(list(rows.blocks())) > 2
    assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.slow
def test_errors_and_intervals_are_the_formulas_where_that_holds():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 2)) * [1, 10] + [0, 50]
    y = rng.random(4000) < expit(X @ [1.0, 0.05] - 3)
    dataset = from_arrays(X, y.astype(int))
    formula, resamples = statistics(dataset).table, statistics(dataset, bootstrap=1000).table
    # A deviation from 1,000 numbers is off by 2.2 %, and a percentile by somewhat more.
    assert_allclose(resamples["standard_error"], formula["standard_error"], rtol=0.09)
    off = (resamples[["low", "high"]] - formula[["low", "high"]]).abs()
    assert (off.div(formula["standard_error"], axis=0) < 0.3).all(axis=None)
    assert_allclose(resamples["coefficient"], formula["coefficient"], rtol=1e-6)
    assert_allclose(resamples["odds_low"], np.exp(resamples["low"]))
    assert (resamples["odds_ratio"] < resamples["odds_high"]).all()


def test_intervals_are_percentiles_in_raw_units():
    X, y = simulated()
    dataset = from_arrays(X, y)
    rows, _, fits = fitted(dataset, 0.0, 200)
    table = statistics(dataset, bootstrap=200, seed=3, confidence=0.9).table
    dose = table[table["feature"] == "feature 2"]
    raw = fits[:, :, 2] * rows.spec.scaled_by.scale[2]
    low, high = np.quantile(raw, [0.05, 0.95], axis=0)
    assert_allclose(dose[["low", "high"]].to_numpy(), np.stack([low, high], axis=1), rtol=1e-6)
    assert_allclose(dose["standard_error"], raw.std(axis=0, ddof=1), rtol=1e-6)


def test_resamples_are_drawn_with_replacement_and_have_all_classes():
    labels, weights = np.repeat([0, 1, 2], [28, 10, 2]), np.ones(40)
    counts = np.stack([drawn(labels, weights, 0, number) for number in range(400)])
    assert_array_equal(counts, counts.astype(int))
    assert_array_equal(counts.sum(axis=1), 40)
    assert counts.var() == pytest.approx(1 - 1 / 40, rel=0.05)
    assert_allclose(counts[:, labels == 0].mean(axis=0), 1, atol=0.25)
    assert (counts[:, labels == 2].sum(axis=1) > 0).all()
    assert not np.array_equal(counts[0], drawn(labels, weights, 1, 0))


def test_a_resample_that_is_separated_is_refused():
    """A single row keeps the classes from being separated, and a third of resamples lack it."""
    X = np.arange(30.0)[:, None]
    y = (X[:, 0] > 14).astype(int)
    y[20] = 0
    dataset = from_arrays(X, y)
    assert np.isfinite(statistics(dataset).table["coefficient"]).all()
    with pytest.raises(DataError, match="in a resample a combination of columns tells") as refused:
        statistics(dataset, bootstrap=100)
    assert "l2=0.03 bootstrap=1000" in str(refused.value)
    found = statistics(dataset, bootstrap=100, l2=0.03)
    assert (found.table["high"] < 10).all()


def test_with_a_penalty_every_category_has_coefficients():
    import pandas as pd

    from tfsoftmax import SourceOptions, from_frame

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"group": rng.choice(list("xyz"), 200), "always": 1.0})
    frame["answer"] = np.where(rng.random(200) < 0.3 + 0.3 * (frame["group"] == "x"), "yes", "no")
    dataset = from_frame(frame, options=SourceOptions(label_column="answer"))
    found = statistics(dataset, l2=0.01, bootstrap=50)
    assert {"group=x", "group=y", "group=z"} <= set(found.table["feature"])
    assert found.left_out["always"] == "constant"
    assert statistics(dataset).left_out["group=x"] == "reference"


def test_progress_is_told():
    told = []
    dataset = from_arrays(*simulated())
    statistics(dataset, bootstrap=120, on_progress=lambda *done: told.append(done))
    assert told == [(50, 120), (100, 120), (120, 120)]
