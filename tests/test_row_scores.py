"""What is kept of each row, and the metrics of probabilities: against scikit-learn."""

import numpy as np
import pytest
import sklearn.metrics
import sklearn.preprocessing

from tfsoftmax import DataError, SoftmaxRegression, evaluate, row_scores, score_rows
from tfsoftmax.class_metrics import ClassMetrics
from tfsoftmax.intervals import wilson
from tfsoftmax.metrics import MAX_LOSS
from tfsoftmax.row_scores import RowScores


def drawn(n_samples=300, n_classes=5, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(n_classes, size=n_samples)
    logits = generator.normal(size=(n_samples, n_classes)) + 1.5 * np.eye(n_classes)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return probabilities.astype(np.float32), labels


def scores_of(probabilities, labels, block_rows=77):
    starts = range(0, len(labels), block_rows)
    blocks = [
        (probabilities[start : start + block_rows], labels[start : start + block_rows])
        for start in starts
    ]
    return RowScores.of(blocks, [str(k) for k in range(probabilities.shape[1])])


@pytest.mark.parametrize("n_classes", [2, 5, 12])
def test_the_metrics_are_scikit_learns(n_classes):
    probabilities, labels = drawn(n_classes=n_classes)
    found = scores_of(probabilities, labels).probability_metrics()
    one_hot = np.eye(n_classes)[labels]
    exact = probabilities.astype(np.float64)
    for k, share in found.top_k.items():
        wanted = sklearn.metrics.top_k_accuracy_score(labels, exact, k=k, labels=range(n_classes))
        assert share == pytest.approx(wanted, abs=1e-12)
    assert list(found.top_k) == [k for k in (2, 3, 5, 10) if k < n_classes]
    area = sklearn.metrics.roc_auc_score(one_hot, exact, average="macro")
    precision = sklearn.metrics.average_precision_score(one_hot, exact, average="macro")
    assert found.roc_auc == pytest.approx(area, rel=1e-6)
    assert found.average_precision == pytest.approx(precision, rel=1e-6)
    squares = np.square(exact - one_hot)
    brier = squares[:, 1].mean() if n_classes == 2 else squares.sum(axis=1).mean()
    assert found.brier_score == pytest.approx(brier, rel=1e-6)


def test_rank_0_is_what_accuracy_counts_where_probabilities_are_equal():
    probabilities = np.full((3, 3), 1 / 3, np.float32)
    scores = scores_of(probabilities, np.array([0, 1, 2]))
    assert scores.ranks.tolist() == [0, 1, 2]
    assert (scores.ranks == 0).tolist() == scores.correct.tolist()


def test_a_class_without_rows_has_no_ranking_and_does_not_count():
    probabilities, labels = drawn(n_classes=4)
    labels[labels == 3] = 0
    found = scores_of(probabilities, labels).probability_metrics()
    assert found.classes[3] == (None, None)
    assert found.roc_auc == pytest.approx(np.mean([one.roc_auc for one in found.classes[:3]]))


def test_an_answer_that_overflows_is_no_answer():
    probabilities = np.array([[0.2, 0.8], [np.nan, np.nan]], np.float32)
    scores = RowScores.of([(probabilities, np.array([1, 0]))], "ab", reject_below=0.5)
    assert scores.ranks.tolist() == [0, 2]
    assert scores.losses[1] == MAX_LOSS
    # Its probabilities count as 0: too low for its class, and low as they should be for the other.
    assert [one.roc_auc for one in scores.probability_metrics().classes] == [0.0, 1.0]


def test_beyond_the_limit_probabilities_are_not_kept(monkeypatch):
    probabilities, labels = drawn()
    whole = scores_of(probabilities, labels).evaluation().figures()
    monkeypatch.setattr(row_scores, "_MOST_PROBABILITIES", 100)
    scores = scores_of(probabilities, labels)
    assert scores.probabilities is None
    found = scores.evaluation().figures()
    assert (found.pop("roc_auc"), found.pop("average_precision")) == (None, None)
    assert found == {name: whole[name] for name in found}


def test_slices_add_up_to_the_whole():
    probabilities, labels = drawn()
    scores = scores_of(probabilities, labels)
    values = np.random.default_rng(1).choice(["x", "y", "z"], len(labels))
    found = scores.by(values)
    assert [one.value for one in found] == ["x", "y", "z"]
    for one in found:
        rows = values == one.value
        wanted = sklearn.metrics.log_loss(labels[rows], probabilities[rows], labels=range(5))
        assert one.log_loss == pytest.approx(wanted, rel=1e-5)
        assert one.correct == int(scores.correct[rows].sum())
        assert one.accuracy_interval == wilson(one.correct, int(rows.sum()))
        part = scores.take(np.flatnonzero(rows)).evaluation()
        assert (part.accuracy, part.n_samples) == (one.accuracy, one.rows)
    with pytest.raises(DataError, match="300 rows but 2 values"):
        scores.by(["x", "y"])


def test_no_rows_is_an_error():
    with pytest.raises(DataError, match="no rows"):
        RowScores.of([], "ab")


def test_a_model_in_memory_has_them_when_asked(made):
    model = SoftmaxRegression(made.spec, np.random.default_rng(3).standard_normal)
    plain, full = evaluate(model, made.train), evaluate(model, made.train, probabilities=True)
    assert plain.of_probabilities is None
    figures = full.figures()
    assert {name: figures[name] for name in plain.figures()} == plain.figures()
    scores = score_rows(model, made.train)
    assert scores.evaluation().accuracy == plain.accuracy
    assert figures["roc_auc"] == scores.probability_metrics().roc_auc
    assert full.to_json(made.spec.class_names)["classes"][0]["roc_auc"] is not None


def test_the_intervals_of_a_class_hold_what_they_say():
    """Of many samples with a known F1 score, about 95 % have it in their interval."""
    generator = np.random.default_rng(0)
    # A row is of the class and predicted as it, only one of the two, or neither.
    shares = np.array([0.3, 0.1, 0.15, 0.45])
    true_f1 = 2 * shares[0] / (2 * shares[0] + shares[1] + shares[2])
    hits = 0
    for both, only_true, only_predicted, _ in generator.multinomial(200, shares, size=2000):
        rows, predicted = both + only_true, both + only_predicted
        found = ClassMetrics(
            rows, predicted, both / predicted, both / rows, 2 * both / (rows + predicted)
        )
        low, high = found.f1_interval
        hits += low <= true_f1 <= high
        assert found.recall_interval == wilson(both, rows)
        assert found.precision_interval == wilson(both, predicted)
    assert 0.94 < hits / 2000 < 0.965


def test_a_class_with_neither_rows_nor_predictions_has_no_intervals():
    found = ClassMetrics(0, 0, None, None, None)
    assert (found.precision_interval, found.recall_interval, found.f1_interval) == (None,) * 3
