"""An estimator's errors advise what its user can do, and it helps."""

import numpy as np
import pandas as pd
import pytest

from tfsoftmax import DataError, Recipe, SoftmaxClassifier, SourceOptions
from tfsoftmax.choices import options_of

y = np.resize(["a", "b"], 60)
ROWS = pd.DataFrame({"x": np.random.default_rng(0).normal(size=60) + (y == "b")})
MARKS = ["$5", "5%"]


@pytest.mark.parametrize(
    ("cells", "advice"),
    [
        (["1,5", "2.5", "3"], 'X["d"].astype("category")'),
        (["1.234", "2,500"], "thousands=\",\" of pandas.read_csv"),
        (MARKS, 'leave the column out with X.drop(columns=["d"])'),
        (["yes", "no", "maybe"], 'X.replace("maybe", numpy.nan)'),
        ([None], 'leave it out with X.drop(columns=["d"])'),
    ],
)  # fmt: skip
def test_what_to_do_is_said_in_the_words_of_pandas(cells, advice):
    frame = ROWS.assign(d=np.resize(np.array(cells, object), 60))
    with pytest.raises(DataError) as raised:
        SoftmaxClassifier().fit(frame, y)
    assert advice in str(raised.value)
    options = {*options_of(SourceOptions), *options_of(Recipe)} - {"thousands", "decimal"}
    named = [name for name in options if f" {name}=" in str(raised.value)]
    assert named == []


@pytest.mark.parametrize(
    ("cells", "better"),
    [
        (MARKS, lambda X: X.assign(d=X["d"].astype("category"))),
        (["1,5", "2.5", "3"], lambda X: X.assign(d=X["d"].astype("category"))),
        (MARKS, lambda X: X.drop(columns=["d"])),
        (["yes", "no", "maybe"], lambda X: X.replace("maybe", "no")),
    ],
)
def test_the_advice_helps(cells, better):
    X = better(ROWS.assign(d=np.resize(np.array(cells, object), 60)))
    assert SoftmaxClassifier(C=1.0).fit(X, y).score(X, y) > 0.5


def test_notes_advise_in_the_words_of_pandas_too(caplog):
    X = ROWS.assign(copy=y, place=["here", "there", "far"] * 20, x=ROWS["x"].where(ROWS.index > 3))
    with caplog.at_level("WARNING"):
        SoftmaxClassifier(scaling="standard").fit(X, y)
    assert 'leave it out: X.drop(columns=["copy"])' in caplog.text
    assert 'missing="indicator"' in caplog.text  # what was done, and no advice
    assert " drop=" not in caplog.text
