"""scikit-learn's own checks of an estimator.

They were run with scikit-learn 1.6.0, the oldest that pyproject.toml allows, and with 1.9.1.
"""

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from tfsoftmax import SoftmaxClassifier, SoftmaxClassifierCV


def with_checks(estimator):
    """As `parametrize_with_checks`, whose generator in 1.6 newer versions of pytest refuse."""
    checks = list(estimator_checks_generator(estimator))
    return pytest.mark.parametrize(("estimator", "check"), checks, ids=name_of)


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
