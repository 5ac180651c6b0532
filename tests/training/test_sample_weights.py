import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.utils.class_weight import compute_sample_weight
from support.datasets import make_dataset

import tfsoftmax
from tfsoftmax import Dataset, Recipe, Spec, Split, UsageError
from tfsoftmax.training.sample_weights import row_weights

NAMES = ("a", "b", "c")


@given(st.lists(st.integers(0, 2), min_size=3, max_size=50).filter(lambda x: len(set(x)) == 3))
def test_balanced_weights_are_scikit_learns(labels):
    labels = np.array(labels, np.int32)
    expected = compute_sample_weight("balanced", labels)
    found = row_weights(Split(np.zeros((len(labels), 1)), labels), NAMES, "balanced")
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_rows_and_classes_multiply_and_the_mean_is_1():
    split = Split(np.zeros((4, 1)), np.int32([0, 1, 2, 2]), np.float32([1, 2, 3, 0]))
    found = row_weights(split, NAMES, {"c": 2.0})
    np.testing.assert_allclose(found, np.array([1, 2, 6, 0]) * 4 / 9, rtol=1e-6)


def test_no_weights_are_no_array():
    assert row_weights(make_dataset().train, NAMES, None) is None


@pytest.mark.slow
def test_balanced_training_on_rare_rows_is_as_good_as_scikit_learns():
    """100 rows of one class for each of the other."""
    generator = np.random.default_rng(3)

    def rows(common, rare):
        labels = np.repeat(np.int32([0, 1]), [common, rare])
        features = generator.normal(size=(len(labels), 5)) + labels[:, None] * 0.8
        return Split(features.astype(np.float32), labels)

    dataset = Dataset(
        "rare", Spec((5,), "float32", NAMES[:2]), rows(10_000, 100), rows(20_000, 200)
    )
    balanced, plain = (
        tfsoftmax.evaluate(tfsoftmax.fit(dataset, Recipe(**options)).model, dataset.test)
        for options in ({"class_weight": "balanced"}, {})
    )
    oracle = LogisticRegression(class_weight="balanced").fit(
        dataset.train.features, dataset.train.labels
    )
    expected = balanced_accuracy_score(dataset.test.labels, oracle.predict(dataset.test.features))
    assert balanced.balanced_accuracy == pytest.approx(expected, abs=0.01)
    assert plain.balanced_accuracy < expected - 0.1


@pytest.mark.parametrize(
    ("table", "message"),
    [({"d": 1.0}, "'d' that is not there"), (dict.fromkeys(NAMES, 0.0), "0 for every class")],
)
def test_tables_that_mean_nothing_are_errors(table, message):
    with pytest.raises(UsageError, match=message):
        row_weights(make_dataset().train, NAMES, table)
