"""scikit-learn's own checks of an estimator."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from tfsoftmax import SoftmaxClassifier, SoftmaxClassifierCV

_FLOAT32 = "the weights are float32, so that equivalent fits agree to 1e-6, and this asks for 1e-7"
_EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": _FLOAT32,
    "check_sample_weight_equivalence_on_sparse_data": _FLOAT32,
    "check_class_weight_classifiers": "classes that weigh 1e7 times others need float64",
}


@parametrize_with_checks([SoftmaxClassifier()], expected_failed_checks=lambda _: _EXPECTED)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [SoftmaxClassifierCV(Cs=[0.1, 1.0], cv=3)], expected_failed_checks=lambda _: _EXPECTED
)
def test_scikit_learns_checks_with_cross_validation(estimator, check):
    check(estimator)
