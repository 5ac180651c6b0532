"""Two models on the same rows: against closed forms, SciPy and many samples."""

from math import comb

import numpy as np
import pytest
import scipy.stats

from tfsoftmax import DataError, compare
from tfsoftmax.report.comparison import _accuracy_interval, differing_rows
from tfsoftmax.row_scores import RowScores

NAMES = ("no", "yes")


def scores(of_true, labels, names=NAMES):
    """Scores of a model that gives the true class such probabilities."""
    of_true = np.asarray(of_true)
    labels = np.asarray(labels)
    probabilities = np.where(np.eye(2)[labels] > 0, of_true[:, None], 1 - of_true[:, None])
    return RowScores.of([(probabilities, labels)], names)


def pair(only_a, only_b, both, n_wrong=0):
    n = only_a + only_b + both + n_wrong
    a = np.repeat([0.9, 0.3, 0.8, 0.2], [only_a, only_b, both, n_wrong])
    b = np.repeat([0.3, 0.9, 0.8, 0.2], [only_a, only_b, both, n_wrong])
    labels = np.arange(n) % 2
    return scores(a, labels), scores(b, labels)


@pytest.mark.parametrize(("only_a", "only_b"), [(9, 2), (2, 9), (0, 5), (4, 4), (40, 20)])
def test_mcnemars_p_is_the_binomial_of_the_disagreements(only_a, only_b):
    found = compare(*pair(only_a, only_b, both=30))
    n, few = only_a + only_b, min(only_a, only_b)
    tail = sum(comb(n, k) for k in range(few + 1)) / 2**n
    assert found.p == pytest.approx(min(1.0, 2 * tail))
    assert (found.only_a, found.only_b, found.differing) == (only_a, only_b, n)
    assert found.accuracy_difference == pytest.approx((only_b - only_a) / (n + 30))


def test_the_log_loss_is_compared_as_scipy_compares_pairs():
    generator = np.random.default_rng(0)
    labels = generator.integers(2, size=50)
    a, b = (scores(generator.uniform(0.05, 0.95, 50), labels) for _ in range(2))
    found = compare(a, b)
    wanted = scipy.stats.ttest_rel(b.losses, a.losses).confidence_interval(0.95)
    np.testing.assert_allclose(found.log_loss_interval, tuple(wanted))
    assert found.log_loss_difference == pytest.approx(float(np.mean(b.losses - a.losses)))


def test_the_interval_of_the_accuracys_difference_holds_what_it_says():
    assert _accuracy_interval(8, 2, 98) == pytest.approx((-0.1239, 0.0039), abs=1e-4)
    generator = np.random.default_rng(0)
    shares = (0.08, 0.14, 0.78)
    hits = [
        low <= shares[1] - shares[0] <= high
        for only_a, only_b, _ in generator.multinomial(150, shares, size=3000)
        for low, high in [_accuracy_interval(only_a, only_b, 150)]
    ]
    assert 0.94 < np.mean(hits) < 0.97


@pytest.mark.parametrize(
    ("counts", "beginning"),
    [
        ((2, 30, 60), "B is better: B's accuracy is 0.3043 higher"),
        ((30, 2, 60), "A is better: B's accuracy is 0.3043 lower"),
        ((5, 5, 60), "No difference that these 70 rows show"),
        ((0, 0, 20), "A and B answer the same on every row (20 of them)"),
    ],
)
def test_the_verdict_says_what_the_rows_show(counts, beginning):
    assert compare(*pair(*counts)).verdict.startswith(beginning)


def test_probabilities_alone_can_make_a_model_better_or_speak_against_accuracy():
    labels = np.arange(100) % 2
    surer = compare(scores(np.full(100, 0.6), labels), scores(np.full(100, 0.9), labels))
    assert surer.verdict.endswith(
        "B's log-loss is 0.4055 lower, so B has the better probabilities."
    )
    right = np.where(np.arange(100) < 90, 0.51, 0.0001)
    against = compare(
        scores(np.where(np.arange(100) < 70, 0.9, 0.4), labels), scores(right, labels)
    )
    assert against.verdict.startswith("B is right more often, but A has the better probabilities")


def test_classes_are_matched_by_name():
    labels = np.array([0, 1, 1])
    a = scores([0.9, 0.9, 0.4], labels)
    turned = scores([0.9, 0.9, 0.9], 1 - labels, NAMES[::-1])
    found = compare(a, turned)
    assert (found.only_a, found.only_b, found.differing) == (0, 1, 1)
    (row,) = differing_rows(a, turned).to_dict("records")
    assert (row["row"], row["class"], row["a"], row["b"]) == (3, "yes", "no", "yes")
    assert (row["a_probability"], row["b_probability"]) == pytest.approx((0.6, 0.9))


def test_other_rows_are_refused():
    a = scores([0.9, 0.9], [0, 1])
    with pytest.raises(DataError, match="2 rows, B for 1"):
        compare(a, scores([0.9], [0]))
    with pytest.raises(DataError, match="row 2 is of class 'yes' for A and of class 'no' for B"):
        compare(a, scores([0.9, 0.9], [0, 0]))


def test_one_row_has_no_interval():
    found = compare(scores([0.9], [0]), scores([0.8], [0]))
    assert found.log_loss_interval is None
    assert found.to_json()["verdict"].endswith("which chance alone may do.")
