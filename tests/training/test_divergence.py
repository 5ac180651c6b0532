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
        with pytest.raises(DivergenceError, match='try a smaller one: learning_rate="auto" takes'):
            fit(sparse, RECIPE.but(l2=l2, learning_rate=1e38))


def test_the_rate_that_is_advised_is_the_one_that_auto_takes_and_does_not_diverge(made):
    with pytest.raises(DivergenceError) as raised:
        fit(made, RECIPE.but(learning_rate=1e30))
    found = re.search(r'learning_rate="auto" takes (\S+)$', str(raised.value))
    _, history = fit(made, RECIPE)
    assert float(found[1]) == history.recipe.learning_rate


def test_a_rate_below_that_of_auto_is_made_smaller_still(made):
    error = DivergenceError(1, 1, float("nan"), learning_rate=0.5, suited=0.7)
    assert "try a smaller one, for example 0.05" in str(error)
