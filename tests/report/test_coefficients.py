"""The table of coefficients gives the logits of the model, from the numbers of the raw table."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from tfsoftmax import (
    Recipe,
    Scaling,
    SoftmaxRegression,
    SourceOptions,
    Spec,
    UsageError,
    coefficients,
    fit,
    from_frame,
)
from tfsoftmax.columns.column import Column, Encoding, Input
from tfsoftmax.report.coefficients import INTERCEPT, unused_buckets

CLASSES = ("a", "b", "c")


def model_of(spec, seed=0):
    generator = np.random.default_rng(seed)
    model = SoftmaxRegression(spec, lambda shape: generator.normal(size=shape))
    return model


def logits_of(table, spec, rows, weights="raw_coefficient"):
    """Logits from the table and raw features ``[n, n_features]``, with indicators after them."""
    start = len(spec.class_names)
    assert (table["feature"][:start] == INTERCEPT).all()
    b = table[weights].to_numpy()[:start]
    W = table[weights].to_numpy()[start:].reshape(-1, start)
    return rows @ W + b


def with_indicators(spec, rows):
    scaling = spec.scaled_by
    filled = np.where(np.isnan(rows), scaling.fill, rows)
    return np.column_stack([filled, np.isnan(rows[:, list(scaling.indicators)])])


def test_raw_coefficients_give_the_models_logits():
    scaling = Scaling((30.0, -4.0, 0.0), (0.1, 7.0, 1.0), (31.0, -3.0, 0.0), (0, 2))
    spec = Spec((3,), "float32", CLASSES, None, ("age", "depth", "n"), "indicator", scaling)
    model = model_of(spec)
    rows = np.random.default_rng(1).normal((30, -4, 0), (9, 0.1, 1), (50, 3)).astype(np.float32)
    rows[::5, 0], rows[::7, 2] = np.nan, np.nan
    table = coefficients(model)
    found = logits_of(table, spec, with_indicators(spec, rows))
    np.testing.assert_allclose(found, model.logits(rows), rtol=1e-4, atol=1e-4)
    indicator = table[table["feature"] == "age is missing"]
    assert (indicator["column"] == "age").all()
    np.testing.assert_array_equal(indicator["coefficient"], model.W.numpy()[3])
    np.testing.assert_array_equal(indicator["raw_coefficient"], indicator["coefficient"])


def test_pixels_have_one_scale():
    spec = Spec((2, 2), "uint8", ("cat", "dog"), (0, 255))
    model, pixels = model_of(spec), np.arange(8, dtype=np.uint8).reshape(2, 4) * 30
    found = logits_of(coefficients(model), spec, pixels)
    np.testing.assert_allclose(found, model.logits(pixels), rtol=1e-5)


@pytest.fixture(scope="module")
def encoded():
    """A model of a table with a number, a category, a date and text."""
    encoding = Encoding(
        (Input("age", "float32"), Input("island", "string"), Input("note", "string")),
        (
            Column("age", "number", ("age",)),
            Column("island", "category", ("island",), ("Biscoe", "Dream")),
            Column("note", "text", ("note",), size=4),
        ),
    )
    n = encoding.n_features
    scaling = Scaling(
        (30.0, *[0.0] * (n - 1)), (0.5, *[1.0] * (n - 1)), (30.0, *[0.0] * (n - 1)), (0,)
    )
    spec = Spec((n,), "float32", CLASSES, missing="indicator", scaling=scaling, encoding=encoding)
    return model_of(spec)


def test_columns_and_categories_are_named(encoded):
    table = coefficients(encoded)
    once = table[table["class"] == "b"]
    assert list(zip(once["column"], once["feature"], strict=True)) == [
        (INTERCEPT, INTERCEPT),
        ("age", "age"),
        ("island", "island is missing"),
        ("island", "island is unknown"),
        ("island", "island=Biscoe"),
        ("island", "island=Dream"),
        ("note", "note is empty"),
        *(("note", f"note, bucket {number}") for number in range(4)),
        ("age", "age is missing"),
    ]
    at = once.set_index("feature")
    W, b = encoded.W.numpy(), encoded.b.numpy()
    assert at.loc["island=Dream", "coefficient"] == W[4, 1]
    assert at.loc["age", "raw_coefficient"] == pytest.approx(W[0, 1] / 2)
    assert at.loc[INTERCEPT, "raw_coefficient"] == pytest.approx(b[1] - 15 * W[0, 1])


def test_hash_buckets_without_coefficients_are_left_out_and_counted(encoded):
    spec, W = encoded.spec, encoded.W.numpy()
    first = 1 + 4 + 1  # behind the age, the islands and whether the note is empty
    W[[1, first, first + 2]] = 0  # a category's stay
    W[first + 1, :2] = 0  # one class has one
    model = SoftmaxRegression(spec)
    model.W.assign(W)
    assert (unused_buckets(encoded), unused_buckets(model)) == (0, 2)
    for choices in ({}, {"centred": True}, {"top": 3}, {"classes": ["a"], "sort": "magnitude"}):
        table = coefficients(model, **choices)
        kept = set(table["feature"])
        assert not kept & {"note, bucket 0", "note, bucket 2"}
        if "top" not in choices:
            assert kept >= {"note, bucket 1", "note, bucket 3", "island is missing"}
    table = coefficients(model)
    for _, row in table[table["feature"] == "note, bucket 3"].iterrows():
        assert row["coefficient"] == W[first + 3, CLASSES.index(row["class"])]


def test_top_and_sort_are_what_pandas_finds(encoded):
    table = coefficients(encoded)
    features = table[table["column"] != INTERCEPT]
    size = features["coefficient"].abs()
    top = coefficients(encoded, top=3)
    wanted = (
        features.assign(size=size)
        .sort_values("size", ascending=False)
        .groupby("class")
        .head(3)
        .drop(columns="size")
    )
    pd.testing.assert_frame_equal(top, wanted.reset_index(drop=True))
    sizes = coefficients(encoded, sort="magnitude")["coefficient"].abs()[len(CLASSES) :]
    assert sizes.is_monotonic_decreasing
    pd.testing.assert_frame_equal(
        coefficients(encoded, classes=["c"]),
        table[table["class"] == "c"].reset_index(drop=True),
    )
    in_order = coefficients(encoded, top=3, sort="column")
    assert sorted(in_order["coefficient"]) == sorted(top["coefficient"])
    assert list(in_order["feature"]) != list(top["feature"])


def test_centred_coefficients_add_up_to_0_and_answer_the_same(encoded):
    table = coefficients(encoded, centred=True)
    sums = table.groupby("feature")[["coefficient", "raw_coefficient"]].sum()
    np.testing.assert_allclose(sums, 0, atol=1e-9)
    n = encoded.spec.n_inputs
    rows = np.random.default_rng(2).normal(size=(5, n))
    before, after = (logits_of(each, encoded.spec, rows) for each in (coefficients(encoded), table))
    np.testing.assert_allclose(np.ptp(before - after, axis=1), 0, atol=1e-9)


def test_of_two_classes_the_log_odds_have_twice_the_coefficient():
    generator = np.random.default_rng(3)
    age = generator.normal(40, 12, 400)
    label = np.where(age / 12 + generator.logistic(size=400) > 40 / 12, "yes", "no")
    frame = pd.DataFrame({"age": age.astype(np.float32), "label": label})
    dataset = from_frame(frame, options=SourceOptions(label_column="label"))
    model, _ = fit(dataset, Recipe(epochs=200, l2=0.0))
    yes = coefficients(model, classes=["yes"]).set_index("feature")["raw_coefficient"]
    names = np.array(dataset.spec.class_names)[dataset.train.labels]
    theirs = LogisticRegression(C=np.inf, tol=1e-8).fit(dataset.train.features[:], names)
    assert 2 * yes["age"] == pytest.approx(theirs.coef_[0, 0], rel=0.02)
    assert 2 * yes[INTERCEPT] == pytest.approx(theirs.intercept_[0], rel=0.02)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"classes": ["B"]}, "no class 'B'; .*its classes are a, b, c"),
        ({"top": 0}, "top must be at least 1, not 0"),
        ({"sort": "name"}, "sort must be column or magnitude, not 'name'"),
    ],
)
def test_what_is_no_choice_is_named(encoded, wrong, said):
    with pytest.raises(UsageError, match=said):
        coefficients(encoded, **wrong)
