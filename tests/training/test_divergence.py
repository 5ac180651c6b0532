"""What a message blames is what was given, and what it advises helps."""

import re

import numpy as np
import pytest
from scipy.sparse import random_array

from tfsoftmax import DivergenceError, Recipe, UsageError, fit, from_arrays

RECIPE = Recipe(epochs=2, batch_size=10)


def test_a_penalty_beyond_every_learning_rate_is_blamed_and_not_the_features(made):
    with pytest.raises(UsageError, match=r"l2 1e\+38 is so strong"):
        fit(made, RECIPE.but(l2=1e38))


def test_a_penalty_too_strong_for_the_rate_given_is_blamed(made):
    recipe = RECIPE.but(l2=1e20, learning_rate=0.5)
    with pytest.raises(DivergenceError, match=r"times l2 1e\+20 it must be below 2") as raised:
        fit(made, recipe)
    lower = float(re.search(r"lower l2, for example to (\S+)", str(raised.value))[1])
    fit(made, recipe.but(l2=lower))


def test_a_penalty_that_nobody_asked_for_is_not_blamed_on_sparse_rows_either():
    # Of sparse rows the usual penalty is smaller, by the size of what is not 0.
    rows = random_array((60, 600), density=0.02, rng=np.random.default_rng(0), dtype=np.float32)
    sparse = from_arrays((rows * 0.3).tocsr(), np.arange(60) % 3)
    usual = fit(sparse, RECIPE).history.recipe.l2
    assert usual < 0.5 / len(sparse.train)
    for l2 in (None, usual):
        with pytest.raises(DivergenceError, match="try a smaller one, for example"):
            fit(sparse, RECIPE.but(l2=l2, learning_rate=1e38))
