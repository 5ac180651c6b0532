"""scikit-learn's own checks of an estimator.

They were run with scikit-learn 1.6.0, the oldest that pyproject.toml allows, and with 1.9.1.
"""

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from tfsoftmax import SoftmaxClassifier, SoftmaxClassifierCV

_FLOAT32 = "the weights are float32, so that equivalent fits agree to 1e-6, and this asks for 1e-7"
_EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": _FLOAT32,
    "check_sample_weight_equivalence_on_sparse_data": _FLOAT32,
    "check_class_weight_classifiers": "classes that weigh 1e7 times others need float64",
}


def with_checks(estimator):
    """As `parametrize_with_checks`, whose generator in 1.6 newer versions of pytest refuse."""
    checks = estimator_checks_generator(estimator, expected_failed_checks=_EXPECTED, mark="xfail")
    return pytest.mark.parametrize(("estimator", "check"), list(checks), ids=name_of)


def name_of(part):
    function = getattr(part, "func", None)
    return function.__name__ if function else type(part).__name__


@with_checks(SoftmaxClassifier())
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@with_checks(SoftmaxClassifierCV(Cs=[0.1, 1.0], cv=3))
def test_scikit_learns_checks_with_cross_validation(estimator, check):
    check(estimator)
