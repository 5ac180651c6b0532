"""Pipelines of scikit-learn by name, with the rows that each is fitted and then asked on."""

from functools import lru_cache

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.datasets import load_iris, load_wine
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, SGDClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)

from tfsoftmax import SoftmaxClassifier, SoftmaxClassifierCV

LOGISTIC = LogisticRegression(C=0.5, max_iter=5000)
IGNORE = OneHotEncoder(handle_unknown="ignore")
MEDIAN = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
MOST_FREQUENT = make_pipeline(SimpleImputer(strategy="most_frequent"), IGNORE)


@lru_cache
def wine(gaps=False, named=True):
    """Thirteen numbers; columns of 0.1 and of 1,000 side by side."""
    rows, labels = load_wine(return_X_y=True, as_frame=True)
    if gaps:
        rows = rows.mask(np.random.default_rng(0).random(rows.shape) < 0.1)
    return (rows if named else rows.to_numpy()), labels, (rows if named else rows.to_numpy())


@lru_cache
def iris():
    rows, labels = load_iris(return_X_y=True)
    return rows, np.array(["setosa", "versicolor", "virginica"])[labels], rows


@lru_cache
def binary():
    rows, labels, _ = wine()
    return rows, labels == 1, rows


@lru_cache
def people(gaps=True):
    """Numbers, texts, whole numbers, fractions, yes and no; to ask on: unknown and missing ones."""
    generator = np.random.default_rng(0)
    n = 400

    def some(*cells):
        return generator.choice(np.array(cells, object), n)

    table = pd.DataFrame(
        {
            "age": generator.normal(40, 12, n).round(),
            "fare": generator.exponential(30, n),
            "class": generator.integers(1, 4, n),
            "half": generator.integers(-2, 4, n) / 2,
            "sex": some("male", "female"),
            "port": some("S", "S", "S", "Cé", "Q q", "rare"),
            "alone": generator.random(n) < 0.4,
        }
    )
    signal = (
        table["age"] / 20 + (table["sex"] == "male") + table["class"] + generator.normal(size=n)
    )
    labels = np.array(["no", "maybe", "yes"])[np.digitize(signal, [4, 5.5])]
    asked = table.copy()
    asked.loc[::5, "class"] = 7
    asked.loc[::7, "half"] = 0.25
    asked.loc[::6, "sex"] = "unknown"
    asked.loc[::11, "port"] = "\u672a\u77e5 \U0001f427"
    if gaps:
        for frame in (table, asked):
            frame.loc[::8, "age"] = np.nan
            frame.loc[1::9, "port"] = np.nan
        asked.loc[3::9, "sex"] = np.nan
    return table, labels, asked


@lru_cache
def reviews():
    """Texts of many kinds of characters; to ask on: empty ones, and unknown words."""
    generator = np.random.default_rng(0)
    words = ["good", "bad", "so-so", "Größe", "ΟΔΟΣ", "İstanbul", "x", "I'm", "3rd", "42"]
    words += ["snake_case", "e\u0301t\u00e9", "\u672a\u77e5", "Ok"]
    found = [" ".join(generator.choice(words, generator.integers(1, 30))) for _ in range(200)]
    labels = np.array(["no", "yes", "?"])[
        np.array([text.count("good") for text in found]).clip(0, 2)
    ]
    return found, labels, [*found, "", "unknown words ...", "good\tGOOD\n\nbad", "a\u00a0b"]


@lru_cache
def letters():
    """People, and what each has said."""
    table, labels, asked = people(gaps=True)
    texts = reviews()[0]
    return table.assign(said=texts * 2), labels, asked.assign(said=texts[::-1] * 2)


def columns(*parts, classifier=LOGISTIC, **options):
    """A classifier behind transformers of some columns each."""
    named = [(f"part{index}", step, names) for index, (step, names) in enumerate(parts)]
    return make_pipeline(ColumnTransformer(named, **options), classifier)


def numbers(*steps, classifier=LOGISTIC):
    return make_pipeline(*steps, classifier)


NUMBERS = ["age", "fare"]
TEXTS = ["sex", "port"]
# From the name of a case to a pipeline and the function that has its rows, labels and rows to ask.
CASES = {
    "logistic": (LOGISTIC, iris),
    "logistic of two classes": (LogisticRegression(max_iter=5000), binary),
    "standard": (numbers(StandardScaler()), wine),
    "standard of arrays": (numbers(StandardScaler()), lambda: wine(named=False)),
    "standard without mean": (numbers(StandardScaler(with_mean=False)), wine),
    "logistic cv": (
        numbers(
            StandardScaler(),
            classifier=LogisticRegressionCV(Cs=[0.1, 1], cv=3, l1_ratios=(0,)),
        ),
        wine,
    ),
    "min max": (numbers(MinMaxScaler((-1, 3))), wine),
    "max abs": (numbers(MaxAbsScaler()), wine),
    "robust": (numbers(RobustScaler()), wine),
    "sgd": (
        numbers(StandardScaler(), classifier=SGDClassifier(loss="log_loss", random_state=0)),
        binary,
    ),
    "discriminant": (LinearDiscriminantAnalysis(), iris),
    "discriminant of two": (
        numbers(StandardScaler(), classifier=LinearDiscriminantAnalysis("lsqr", shrinkage="auto")),
        binary,
    ),
    "softmax classifier": (
        numbers(MaxAbsScaler(), classifier=SoftmaxClassifier(scaling="standard")),
        wine,
    ),
    "softmax classifier cv": (
        SoftmaxClassifierCV(Cs=[0.1, 1.0], cv=2, scaling="standard"),
        iris,
    ),
    "softmax classifier of two": (SoftmaxClassifier(scaling="standard"), binary),
    "naive bayes": (numbers(MinMaxScaler(), classifier=MultinomialNB()), wine),
    "pca": (numbers(StandardScaler(), PCA(5, random_state=0)), wine),
    "pca whitened": (numbers(PCA(3, whiten=True, random_state=0), StandardScaler()), wine),
    "svd": (numbers(MaxAbsScaler(), TruncatedSVD(4, random_state=0)), wine),
    "selection": (numbers(SelectKBest(k=6), StandardScaler()), wine),
    "union": (
        numbers(StandardScaler(), make_union(PCA(2, random_state=0), FunctionTransformer())),
        wine,
    ),
    "mean": (numbers(SimpleImputer(), StandardScaler()), lambda: wine(gaps=True)),
    "median after scaling": (
        numbers(StandardScaler(), SimpleImputer(strategy="median")),
        lambda: wine(gaps=True),
    ),
    "constant": (
        numbers(SimpleImputer(strategy="constant", fill_value=-1), MinMaxScaler()),
        lambda: wine(gaps=True),
    ),
    "indicators": (
        numbers(SimpleImputer(add_indicator=True), StandardScaler(), PCA(9, random_state=0)),
        lambda: wine(gaps=True, named=False),
    ),
    "two imputers": (
        columns((SimpleImputer(), [0, 1]), (SimpleImputer(strategy="median"), [1, 2])),
        lambda: wine(gaps=True),
    ),
    "table": (columns((MEDIAN, NUMBERS), (IGNORE, TEXTS)), people),
    "table with imputed texts": (columns((MEDIAN, NUMBERS), (MOST_FREQUENT, TEXTS)), people),
    "table of constants": (
        columns(
            (SimpleImputer(strategy="constant", fill_value=0, add_indicator=True), NUMBERS),
            (
                make_pipeline(
                    SimpleImputer(strategy="constant", fill_value="?", add_indicator=True), IGNORE
                ),
                ["port"],
            ),
            remainder="drop",
        ),
        people,
    ),
    "dropped categories": (
        columns(
            (OneHotEncoder(drop="first", handle_unknown="ignore"), TEXTS),
            (OneHotEncoder(drop="if_binary"), ["alone"]),
        ),
        people,
    ),
    "rare categories": (
        columns(
            (OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=90), TEXTS),
            (
                OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=4, drop=[-1.0]),
                ["half"],
            ),
        ),
        people,
    ),
    "numbers as categories": (
        columns((IGNORE, ["class"]), (IGNORE, ["half"]), (StandardScaler(), ["half"])),
        people,
    ),
    "passthrough": (
        columns(
            (OneHotEncoder(handle_unknown="ignore"), make_column_selector("sex|port")),
            ("drop", ["fare"]),
            ("passthrough", slice("class", "half")),
            remainder=SimpleImputer(),
            transformer_weights={"part0": 0.5, "part2": 2},
        ),
        people,
    ),
    "categories scaled": (
        numbers(
            ColumnTransformer(
                [("texts", MOST_FREQUENT, TEXTS), ("numbers", SimpleImputer(), NUMBERS)],
                sparse_threshold=0,
            ),
            StandardScaler(),
            PCA(4, random_state=0),
        ),
        people,
    ),
    "words": (numbers(TfidfVectorizer(lowercase=False, binary=True)), reviews),
    "words in sequences": (
        numbers(
            CountVectorizer(ngram_range=(1, 3), token_pattern=r"(?u)\b\w+\b"),
            TfidfTransformer(sublinear_tf=True),
            TruncatedSVD(5, random_state=0),
        ),
        reviews,
    ),
    "counted words": (
        numbers(CountVectorizer(stop_words=["so"], max_features=8), classifier=MultinomialNB()),
        reviews,
    ),
    "table with words": (
        columns(
            (TfidfVectorizer(norm="l1", ngram_range=(1, 2)), "said"),
            (MEDIAN, NUMBERS),
            (MOST_FREQUENT, TEXTS),
        ),
        letters,
    ),
    "texts in arrays": (
        columns((MOST_FREQUENT, [4, 5]), (MEDIAN, [0])),
        lambda: tuple(
            each.to_numpy(object) if isinstance(each, pd.DataFrame) else each for each in people()
        ),
    ),
}


@lru_cache
def fitted(name):
    """A pipeline of `CASES`, fitted on rows of its own, and the rows to ask it on."""
    from sklearn.base import clone

    pipeline, made = CASES[name]
    rows, labels, asked = made()
    return clone(pipeline).fit(rows, labels), asked
