"""How a saved run began is read from its checkpoint as it was written, or is damage."""

import json
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tfsoftmax.spec import Scaling
from tfsoftmax.training.begun import Begun
from tfsoftmax.training.checkpoint import DAMAGE, Snapshot
from tfsoftmax.training.penalty import ChosenL2

SCALING = Scaling((1.0, 2.0), 0.5, fill=(0.0, 1.0), indicators=(1,), limit=5.0)
CHOSEN = ChosenL2(0.1, 0.01, (0.001, 0.01, 0.1), (0.7, 0.6, None), 1000)
FACTS = {
    "identity": {
        "dataset": "abc",
        "scaling": SCALING.to_json(),
        "recipe": {"learning_rate": 0.5},
    },
    "chosen_l2": CHOSEN.to_json(),
}


def saved(facts):
    return Snapshot.from_bytes(Snapshot(facts, {}).to_bytes())


def places_in(facts, above=()):
    """The path of every value in nested dictionaries."""
    for name, value in facts.items():
        yield (*above, name)
        if isinstance(value, dict):
            yield from places_in(value, (*above, name))


def changed(place, value):
    facts = json.loads(json.dumps(FACTS))
    *above, last = place
    inner = facts
    for name in above:
        inner = inner[name]
    inner[last] = value
    return facts


def test_it_is_read_as_it_was_written():
    assert Begun.of(saved(FACTS)) == ("abc", SCALING, CHOSEN, 0.5)


@pytest.mark.parametrize("rate", ["auto", None])
def test_newtons_steps_alone_began_without_a_learning_rate(rate):
    place = ("identity", "recipe", "learning_rate")
    assert Begun.of(saved(changed(place, rate))).learning_rate is None


def test_older_runs_have_neither_a_scaling_nor_a_choice():
    facts = json.loads(json.dumps(FACTS))
    del facts["identity"]["scaling"], facts["chosen_l2"]
    assert Begun.of(saved(facts)) == ("abc", None, None, 0.5)


NUMBERS = st.floats() | st.integers(-9, 99) | st.just(10**400)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["offset", "fill", "l2", "recipe"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(place=st.sampled_from(list(places_in(FACTS))), value=VALUES)
@example(place=("identity", "scaling", "indicators"), value=[math.inf])
@example(place=("identity", "scaling", "limit"), value=math.nan)
@example(place=("identity", "recipe", "learning_rate"), value=-0.5)
@example(place=("identity", "recipe", "learning_rate"), value=10**400)
@example(place=("chosen_l2", "tried"), value=[0.1, 0.01, math.nan])
@example(place=("chosen_l2", "l2"), value="0.1")
def test_whatever_else_is_there_is_damage_or_can_be_begun_with(place, value):
    try:
        begun = Begun.of(saved(changed(place, value)))
    except DAMAGE:
        return
    assert begun.learning_rate is None or 0 < begun.learning_rate < math.inf
    if begun.scaling:
        assert np.isfinite(begun.scaling.offset).all()
        assert np.isfinite(begun.scaling.scale).all()
        assert np.isfinite(begun.scaling.fill or 0.0).all()
        assert np.isfinite(begun.scaling.limit or 0.0)
    if begun.chosen_l2:
        assert 0 <= begun.chosen_l2.l2 < math.inf
        assert begun.chosen_l2.l2 in begun.chosen_l2.tried
