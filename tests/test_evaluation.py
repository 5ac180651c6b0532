import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf

from tfsoftmax import SoftmaxRegression, Spec, Split, evaluate, evaluation
from tfsoftmax.device import to_device
from tfsoftmax.metrics import evaluate_probabilities


@pytest.fixture
def model(made):
    return SoftmaxRegression(made.spec, np.random.default_rng(3).standard_normal)


def test_figures_equal_scikit_learns(model, made):
    result = evaluate(model, made.train)
    probabilities = model.probabilities(tf.constant(made.train.features)).numpy()
    predicted = probabilities.argmax(axis=1)
    labels = made.train.labels
    assert result.accuracy == sklearn.metrics.accuracy_score(labels, predicted)
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    assert result.log_loss == pytest.approx(sklearn.metrics.log_loss(labels, exact), rel=1e-5)
    np.testing.assert_array_equal(
        result.confusion, sklearn.metrics.confusion_matrix(labels, predicted)
    )
    assert result.n_samples == 50


@pytest.mark.parametrize("on_device", [True, False])
@pytest.mark.parametrize(
    ("name", "numbers"),
    # 6 features of 4 bytes: 50 rows in blocks of 16 that are read, in parts of 7 that are
    # scored at once; the last is short and must not weigh like a whole one.
    [("device._READ_BYTES", 16 * 6 * 4), ("evaluation._CACHED_NUMBERS", 7 * 6)],
)
def test_blocks_do_not_change_the_figures(model, made, monkeypatch, on_device, name, numbers):
    whole = evaluate(model, made.train)
    split = to_device(made.train, 10**9) if on_device else made.train
    monkeypatch.setattr(f"tfsoftmax.{name}", numbers)
    parts = evaluate(SoftmaxRegression(made.spec, np.random.default_rng(3).standard_normal), split)
    np.testing.assert_array_equal(parts.confusion, whole.confusion)
    assert parts.log_loss == pytest.approx(whole.log_loss, rel=1e-6)


def test_no_rows_is_an_error(model):
    nothing = Split(np.zeros((0, 6), np.float32), np.zeros(0, np.int32))
    with pytest.raises(ValueError, match="no rows"):
        evaluate(model, nothing)


def test_probabilities_of_zero_cost_much_but_not_infinity():
    result = evaluate_probabilities(np.array([[1.0, 0.0]], np.float32), np.array([1]))
    assert result.log_loss == pytest.approx(-np.log(np.finfo(np.float32).tiny))


def test_a_class_without_rows_keeps_its_place():
    probabilities = np.array([[0.1, 0.2, 0.7]])
    np.testing.assert_array_equal(
        evaluate_probabilities(probabilities, np.array([0])).confusion,
        [[0, 0, 1], [0, 0, 0], [0, 0, 0]],
    )


def test_models_of_one_spec_are_traced_once_and_scored_each_with_its_own_weights(monkeypatch):
    traces = 0
    figures = evaluation._figures

    def counted(*arguments):
        nonlocal traces
        traces += 1
        return figures(*arguments)

    monkeypatch.setattr(evaluation, "_figures", counted)
    spec = Spec((1,), "float32", ("traced", "once"))
    split = Split(np.float32([[1.0], [2.0], [-3.0]]), np.int32([0, 1, 1]))
    found = []
    for weight in (1.0, -2.0):
        model = SoftmaxRegression(spec)
        model.W.assign([[weight, 0.0]])
        losses = np.log1p(np.exp(weight * np.array([-1.0, 2.0, -3.0])))
        found.append(evaluation.evaluate(model, split))
        assert found[-1].log_loss == pytest.approx(losses.mean(), rel=1e-5)
    assert traces == 1
    other = SoftmaxRegression(Spec((1,), "float32", ("traced", "again")))
    evaluation.evaluate(other, split)
    assert traces == 2
