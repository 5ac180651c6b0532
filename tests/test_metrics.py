"""Figures of quality: per class, beside answering the same for all, and of many classes."""

import numpy as np
import pytest
import sklearn.dummy
import sklearn.metrics

from tfsoftmax.intervals import positive_interval
from tfsoftmax.metrics import Evaluation


def tallied(n_samples=2000, n_classes=7, seed=0):
    """Labels of uneven classes, one of them never predicted, one without rows."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(n_classes - 1, size=n_samples) ** 2 // (n_classes - 1)
    predicted = np.where(generator.random(n_samples) < 0.6, labels, n_classes - 1)
    predicted[predicted == 2] = 1
    losses = generator.exponential(size=n_samples)
    return labels, predicted, Evaluation.of(labels, predicted, losses, n_classes)


def test_per_class_figures_equal_scikit_learns():
    labels, predicted, result = tallied()
    expected = sklearn.metrics.precision_recall_fscore_support(
        labels, predicted, labels=range(7), zero_division=np.nan
    )
    found = result.per_class()
    for name, wanted in zip(("precision", "recall", "f1", "rows"), expected, strict=True):
        figures = [getattr(figures, name) for figures in found]
        np.testing.assert_allclose(np.array(figures, float), wanted, rtol=1e-12)
    assert (found[2].precision, found[6].recall) == (None, None)
    np.testing.assert_array_equal(
        [figures.predicted for figures in found], np.bincount(predicted, minlength=7)
    )
    recalls = [figures.recall for figures in found if figures.recall is not None]
    assert result.balanced_accuracy == pytest.approx(np.mean(recalls))


def test_the_baseline_is_scikit_learns_dummy():
    labels, _, result = tallied()
    rows = np.zeros((len(labels), 1))
    frequent = sklearn.dummy.DummyClassifier(strategy="most_frequent").fit(rows, labels)
    shares = sklearn.dummy.DummyClassifier(strategy="prior").fit(rows, labels)
    assert result.baseline_accuracy == frequent.score(rows, labels)
    expected = sklearn.metrics.log_loss(labels, shares.predict_proba(rows))
    assert result.baseline_log_loss == pytest.approx(expected, rel=1e-12)
    assert result.figures()["baseline_log_loss"] == result.baseline_log_loss


@pytest.mark.parametrize("n_classes", [7, 2000])
def test_many_classes_have_the_same_figures(n_classes):
    """More than 1,024 classes are kept sparse: 1,993 of these have no rows."""
    labels, predicted, few = tallied()
    spread = np.sort(np.random.default_rng(1).permutation(n_classes)[:7])
    losses = np.ones(len(labels))
    many = Evaluation.of(spread[labels], spread[predicted], losses, n_classes)
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "baseline_accuracy", "n_samples"):
        assert getattr(many, name) == pytest.approx(getattr(few, name), rel=1e-12)
    wanted = [(spread[i], spread[j], rows) for i, j, rows in few.largest_confusions(4)]
    assert many.largest_confusions(4) == wanted
    document = many.to_json(tuple(map(str, range(n_classes))))
    if n_classes == 7:
        assert document["confusion_matrix"] == many.confusion.tolist()
    else:
        matrix = sklearn.metrics.confusion_matrix(labels, predicted, labels=range(7))
        places = np.argwhere(matrix)
        expected = np.column_stack([spread[places], matrix[tuple(places.T)]])
        assert document["confusions"] == expected.tolist()
        assert many.confusion.nnz == len(places)


@pytest.mark.parametrize(("mean", "error"), [(0.3, 0.01), (0.02, 0.03), (1e-9, 1e-8), (2.0, 0.0)])
def test_the_interval_of_a_loss_is_above_zero(mean, error):
    low, high = positive_interval(mean, error)
    assert 0 < low <= mean <= high
    if error < 0.1 * mean:
        np.testing.assert_allclose(
            (low, high), (mean - 1.96 * error, mean + 1.96 * error), rtol=0.01
        )


def test_the_interval_covers_as_often_as_it_says():
    """Losses of a good model are mostly small, a few large."""
    generator = np.random.default_rng(2)
    covered = 0
    for _ in range(2000):
        losses = generator.gamma(0.3, 1.0, size=100)
        low, high = positive_interval(losses.mean(), losses.std(ddof=1) / 10)
        covered += low <= 0.3 <= high
    assert 0.92 < covered / 2000 < 0.97
