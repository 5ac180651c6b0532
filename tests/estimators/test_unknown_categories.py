"""Categories that an estimator was not fitted on: one warning, in the command's words."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV

from tfsoftmax import SoftmaxClassifier, SoftmaxClassifierCV, UnknownCategoryWarning

TOWNS = pd.DataFrame({"town": ["Ulm", "Bonn", "Ulm", "Bonn"] * 8, "age": np.arange(32.0)})
IS_ULM = np.array(["Ulm", "Bonn", "Ulm", "Bonn"] * 8) == "Ulm"
NEW = pd.DataFrame({"town": ["Ulm", "Köln", "Rom", "Köln"], "age": [1.0, 2, 3, 4]})
SAID = (
    "X: 3 of 4 rows have a category that the model does not know: 'Köln', 'Rom' in column 'town' "
    "(3 rows) (said once for each line that asks)"
)


@pytest.fixture(scope="module")
def fitted():
    return SoftmaxClassifier().fit(TOWNS, IS_ULM)


@pytest.mark.parametrize(
    "ask", ["predict", "predict_proba", "predict_log_proba", "decision_function"]
)
def test_the_line_that_asks_is_warned_once_with_their_number(fitted, ask):
    with pytest.warns(UnknownCategoryWarning) as found:
        getattr(fitted, ask)(NEW)
    (one,) = found
    assert str(one.message) == SAID
    assert one.filename == __file__


def test_known_categories_and_gaps_bring_no_warning(fitted):
    # Warnings are errors here.
    assert (fitted.predict(TOWNS) == IS_ULM).all()
    fitted.predict(NEW.assign(town=None))


def test_it_can_be_filtered_by_its_class(fitted):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownCategoryWarning)
        assert fitted.predict(NEW)[0]


@pytest.mark.slow
def test_later_parts_are_looked_at_too():
    classifier = SoftmaxClassifier().partial_fit(TOWNS, IS_ULM, classes=[False, True])
    with pytest.warns(UnknownCategoryWarning, match="3 of 4 rows") as found:
        classifier.partial_fit(NEW, NEW["town"] == "Ulm")
    assert found[0].filename == __file__


def test_each_line_is_warned_once_so_a_search_is_too(fitted):
    rare = TOWNS.assign(town=[*TOWNS["town"][:-2], "Köln", "Rom"])
    search = GridSearchCV(SoftmaxClassifier(), {"C": [0.1, 1.0]}, cv=2)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("default", UnknownCategoryWarning)
        search.fit(rare, IS_ULM)
        assert len(found) == 1
        for rows in (NEW, NEW[:3], NEW[:2]):
            fitted.predict(rows)
        assert len(found) == 2
        warnings.simplefilter("always", UnknownCategoryWarning)
        for rows in (NEW, NEW[:3]):
            fitted.predict(rows)
    assert len(found) == 4


def test_what_is_held_out_to_choose_a_penalty_brings_no_warning():
    # Warnings are errors here.
    rare = TOWNS.assign(town=[*TOWNS["town"][:-2], "Köln", "Rom"])
    assert SoftmaxClassifierCV([0.1, 1.0], cv=2).fit(rare, IS_ULM).score(rare, IS_ULM) > 0.8
