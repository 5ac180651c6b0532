"""What a message blames is what was given, and what it advises helps."""

import re

import pytest

from tfsoftmax import DivergenceError, Recipe, UsageError, fit

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
