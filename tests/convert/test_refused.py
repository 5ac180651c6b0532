"""What cannot be converted is named by its step, with the reason and what to do."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)
from support.pipelines import fitted, wine

from tfsoftmax import ConversionError, SoftmaxClassifier, from_sklearn

LOGISTIC = LogisticRegression()
THREE = [[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 3.0]], ["a", "b", "c", "c"]
WORDS = ["good", "bad", "good good", "so so"], ["a", "b", "a", "b"]


class Renamed(StandardScaler):
    pass


def frame(**columns):
    return pd.DataFrame(columns, dtype=object if len(columns) == 1 else None), ["a", "b", "a", "b"]


REFUSED = {
    "forest": (RandomForestClassifier(2), THREE, "step 'model' .RandomForestClassifier.: its prob"),
    "one against rest": (SGDClassifier(loss="log_loss"), THREE, "each class against the rest"),
    "one-vs-rest": (OneVsRestClassifier(LOGISTIC), THREE, "fit LogisticRegression"),
    "hinge": (SGDClassifier(), THREE, "loss='hinge' .* fit it with loss='log_loss'"),
    "cut off": (
        SoftmaxClassifier(scaling="auto"),
        ([[float(x)] for x in [*range(300), 50000]], ["a", "b", "b"] * 100 + ["a"]),
        "cuts scaled features off at 5, .* fit it with scaling='standard'",
    ),
    "no classifier": (
        make_pipeline(StandardScaler()),
        THREE,
        r"'standardscaler' \(StandardScaler\): it is no classifier that has probabilities",
    ),
    "encodes itself": (
        SoftmaxClassifier(),
        (pd.DataFrame({"a": [1.0, 2, 3, 4], "s": list("xyxy")}), ["a", "b", "a", "b"]),
        "it encodes texts .* by its method export",
    ),
    "search": (GridSearchCV(LOGISTIC, {}, cv=2), THREE, "convert its best_estimator_"),
    "clip": (make_pipeline(MinMaxScaler(clip=True), LOGISTIC), THREE, "fit it with clip=False"),
    "function": (
        make_pipeline(FunctionTransformer(np.log1p), LOGISTIC),
        THREE,
        r"'functiontransformer' \(FunctionTransformer\): its function 'log1p' can be any code",
    ),
    "subclass": (make_pipeline(Renamed(), LOGISTIC), THREE, r"'renamed' \(Renamed\)"),
    "zeros filled in": (
        make_pipeline(SimpleImputer(missing_values=0), LOGISTIC),
        THREE,
        "it fills in 0 rather than NaN; replace these by NaN",
    ),
    "ordinal": (make_pipeline(OrdinalEncoder(), LOGISTIC), THREE, "use OneHotEncoder"),
    "hashes": (make_pipeline(HashingVectorizer(n_features=16), LOGISTIC), WORDS, "MurmurHash3"),
    "pattern": (
        make_pipeline(TfidfVectorizer(token_pattern="[a-z]+"), LOGISTIC),
        WORDS,
        "token_pattern='.a-z..' is not known .* fit it with one of",
    ),
    "characters": (
        make_pipeline(CountVectorizer(analyzer="char"), LOGISTIC),
        WORDS,
        "analyzer='char' .* fit it with analyzer='word'",
    ),
    "stop words in sequences": (
        make_pipeline(CountVectorizer(stop_words=["so"], ngram_range=(1, 2)), LOGISTIC),
        WORDS,
        "fit it with stop_words=None",
    ),
    "counts": (
        make_pipeline(TfidfTransformer(), LOGISTIC),
        THREE,
        "together with the CountVectorizer before it",
    ),
    "categories after scaling": (
        make_pipeline(StandardScaler(), OneHotEncoder(), LOGISTIC),
        THREE,
        "step 'standardscaler' .*: its numbers are taken as categories",
    ),
    "nested": (
        make_pipeline(
            make_column_transformer((make_pipeline(OrdinalEncoder()), ["x"])),
            LOGISTIC,
        ),
        frame(x=["u", "v", "w", "u"]),
        "step 'columntransformer' .*, 'pipeline' .Pipeline., 'ordinalencoder' .OrdinalEncoder.: ",
    ),
    "None and NaN": (
        make_pipeline(OneHotEncoder(), LOGISTIC),
        frame(x=np.array(["u", None, np.nan, "u"], object)),
        "replace None by NaN",
    ),
    "types of categories": (
        make_pipeline(OneHotEncoder(), LOGISTIC),
        frame(x=np.array([True, 1.5, 2, False], object)),
        "categories of several types",
    ),
    "blanks": (
        make_pipeline(OneHotEncoder(), LOGISTIC),
        frame(x=["u", " u", "v", "v"]),
        "column 'x': category 'u' and another differ only in the blanks",
    ),
    "empty and missing": (
        make_pipeline(OneHotEncoder(), LOGISTIC),
        frame(x=np.array(["", np.nan, "v", "v"], object)),
        "column 'x': empty texts are a category, and missing cells are another",
    ),
    "equal in float32": (
        make_pipeline(OneHotEncoder(), LOGISTIC),
        frame(x=[1.0, 1 + 1e-9, 2, 2]),
        "column 'x': category 1.000000001 and another are the same number in float32",
    ),
    "no column": (
        make_pipeline(make_column_transformer((StandardScaler(), ["x"])), LOGISTIC),
        frame(x=[1.0, 2, 3, 4], y=[1.0, 2, 3, 4]),
        None,
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    pipeline, (rows, labels), reason = REFUSED[name]
    pipeline.fit(rows, labels)
    if reason is None:
        assert from_sklearn(pipeline, check_on=rows).spec.feature_names == ("x",)
        return
    with pytest.raises(ConversionError, match=reason) as caught:
        from_sklearn(pipeline)
    assert "\n" not in str(caught.value)


def test_unfitted_steps_are_named():
    with pytest.raises(ConversionError, match=r"step 'model' .*: it is not fitted; call fit"):
        from_sklearn(LogisticRegression())
    pipeline, _ = fitted("standard")
    with pytest.raises(ConversionError, match=r"'new' \(StandardScaler\): it is not fitted"):
        from_sklearn(type(pipeline)([("new", StandardScaler()), pipeline.steps[-1]]))


def test_columns_of_one_name_are_refused():
    pipeline = LogisticRegression().fit(*THREE)
    pipeline.feature_names_in_ = np.array(["x", "x"], object)  # as older versions let pass
    with pytest.raises(ConversionError, match="two columns are called 'x'; rename one"):
        from_sklearn(pipeline)


def test_a_model_that_answers_otherwise_is_refused():
    """Such as one whose columns are so far from 0 that float32 does not tell its rows apart."""
    rows, labels, _ = wine()
    far = rows[["hue"]] + 1e6
    pipeline = LogisticRegression().fit(far, labels)
    pipeline.coef_ = np.array([[10.0], [0.0], [-10.0]])
    pipeline.intercept_ = -1e6 * pipeline.coef_[:, 0]
    with pytest.raises(ConversionError, match=r"row \d+ of check_on.*StandardScaler"):
        from_sklearn(pipeline, check_on=far)


def test_unknown_categories_that_the_pipeline_refuses_are_noted(log):
    rows, labels = frame(x=["u", "v", "u", "v"])
    from_sklearn(make_pipeline(OneHotEncoder(), LOGISTIC).fit(rows, labels), check_on=rows)
    assert "refuses categories that it does not know" in log.text


def test_columns_without_an_imputer_are_noted_beside_others(log):
    pipeline, _ = fitted("passthrough")
    from_sklearn(pipeline)
    assert "column 'half' has no imputer" in log.text
