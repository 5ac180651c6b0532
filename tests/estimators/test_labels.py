"""Labels and tables as pandas's users have them: taken for what they are, or refused in a line."""

import logging

import numpy as np
import pandas as pd
import pytest

from tfsoftmax import ArgumentError, SoftmaxClassifier

X = np.random.default_rng(0).normal(size=(60, 2))
IS_ONE = X[:, 0] > 0
TOWNS = pd.DataFrame({"town": np.where(IS_ONE, "Ulm", "Bonn"), "x": X[:, 0]})


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (IS_ONE.astype(object), [False, True]),
        (pd.Series(IS_ONE, dtype="boolean"), [False, True]),
        (pd.Series(IS_ONE, dtype="Int64"), [0, 1]),
        (IS_ONE.astype(int).astype(object), [0, 1]),
        (pd.Series(np.where(IS_ONE, 7, 3)).astype("category"), [3, 7]),
        (pd.Series(np.where(IS_ONE, "b", "a"), dtype="string"), ["a", "b"]),
    ],
)
def test_labels_come_back_as_they_were(y, classes):
    fitted = SoftmaxClassifier().fit(X, y)
    assert fitted.classes_.tolist() == classes
    assert [type(each) for each in fitted.classes_.tolist()] == [type(each) for each in classes]
    assert fitted.predict(X[:5]).tolist() == np.asarray(y, object)[:5].tolist()


def names(missing, dtype=object):
    y = pd.Series(np.where(IS_ONE, "b", "a"), dtype=dtype)
    y[3] = missing
    return y


@pytest.mark.parametrize(
    ("rows", "y", "said"),
    [
        (X, names(None), "y, row 3: the class is missing"),
        (X, names(pd.NA, "string"), "y, row 3: the class is missing"),
        (X, pd.Series(IS_ONE, dtype="boolean").where(X[:, 1] > X[9, 1]), "the class is missing"),
        (X, np.array([1, "1"], object)[IS_ONE.astype(int)], "several types, int, str: make them"),
        (TOWNS[:0], IS_ONE[:0], "X has no rows"),
        (
            TOWNS.set_axis(pd.MultiIndex.from_product([["a"], ["b", "c"]]), axis=1),
            IS_ONE,
            r"several levels: give each one name, as in X.set_axis\(",
        ),
    ],
)
def test_what_cannot_be_used_is_said_in_a_line(rows, y, said):
    with pytest.raises(ArgumentError, match=said) as raised:
        SoftmaxClassifier().fit(rows, y)
    assert "\n" not in str(raised.value)


def test_the_advice_on_several_levels_helps():
    table = TOWNS.set_axis(pd.MultiIndex.from_product([["a"], ["b", "c"]]), axis=1)
    flat = table.set_axis(["_".join(map(str, each)) for each in table.columns], axis=1)
    assert SoftmaxClassifier().fit(flat, IS_ONE).score(flat, IS_ONE) == 1


def test_what_columns_become_is_noted_once(caplog):
    table = TOWNS.assign(noted=TOWNS["town"])
    with caplog.at_level(logging.WARNING, "tfsoftmax"):
        SoftmaxClassifier().fit(table, IS_ONE)
        first = caplog.text
        SoftmaxClassifier(C=2.0).fit(table, IS_ONE)
    assert "noted: category of 2" in first
    assert caplog.text == first
