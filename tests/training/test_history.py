import numpy as np
import pytest

from tfsoftmax.training.history import SMOOTHING, MovingAverage


def test_moving_average_equals_its_closed_form():
    values = np.random.default_rng(0).normal(size=500)
    keep = 1 - SMOOTHING
    weights = SMOOTHING * keep ** np.arange(499, -1, -1)
    weights[0] = keep**499
    average = MovingAverage()
    average.update(values[:123])
    assert average.update(values[123:]) == pytest.approx(weights @ values, rel=1e-12)


def test_no_values_have_no_average():
    with pytest.raises(ValueError, match="no values"):
        MovingAverage().update([])
