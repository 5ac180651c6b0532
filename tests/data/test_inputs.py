"""What a caller hands in: tables by name, arrays by position, and what does not fit is said."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from support.datasets import make_dataset

import tfsoftmax
from tfsoftmax import (
    DataError,
    ModelError,
    SoftmaxRegression,
    SourceOptions,
    Spec,
    UsageError,
    evaluate,
    export_model,
    from_arrays,
    from_frame,
    load_predictor,
)
from tfsoftmax.spec import Scaling

NAMES = ("height", "width", "age")


def table(n_samples=60):
    return pd.DataFrame(np.random.default_rng(0).normal(size=(n_samples, 3)), columns=NAMES)


def random_model(spec):
    return SoftmaxRegression(spec, np.random.default_rng(1).standard_normal)


@pytest.fixture(scope="module")
def model():
    return random_model(Spec((3,), "float32", ("no", "yes", "so"), feature_names=NAMES))


@pytest.fixture(scope="module")
def plain():
    return random_model(Spec((3,), "float32", ("no", "yes", "so")))


@pytest.fixture(scope="module")
def pixels():
    return random_model(Spec((2, 3), "uint8", ("no", "yes"), (0, 255)))


def expected(model, rows):
    return model.probabilities(np.asarray(rows, np.float32)).numpy()


@pytest.mark.parametrize(
    "arranged",
    [
        lambda frame: frame,
        lambda frame: frame[list(NAMES[::-1])],
        lambda frame: frame[["age", "height", "width"]].assign(name="Ann", extra=1),
        lambda frame: frame.astype("Float64"),
        lambda frame: frame[list(NAMES[::-1])].to_records(index=False),
        lambda frame: frame.to_numpy(),
        lambda frame: frame.to_numpy().tolist(),
        lambda frame: pd.DataFrame(frame.to_numpy()),
        lambda frame: frame.to_numpy().astype(">f8"),
        lambda frame: np.asfortranarray(frame),
    ],
)
def test_columns_are_found_by_name_and_arrays_by_position(model, arranged):
    frame = table()
    given = arranged(frame)
    np.testing.assert_allclose(model.predict_proba(given), expected(model, frame), atol=1e-6)
    best = expected(model, frame).argmax(axis=1)
    np.testing.assert_array_equal(model.predict(given), np.array(("no", "yes", "so"))[best])


def test_columns_of_yes_and_no_and_booleans_are_read_as_tables_are(model):
    frame = pd.DataFrame({"age": ["yes", "No"], "height": [True, False], "width": ["1.5", 2]})
    np.testing.assert_allclose(
        model.predict_proba(frame), expected(model, [[1, 1.5, 1], [0, 2, 0]]), atol=1e-6
    )


def test_a_model_without_names_takes_as_many_columns_in_their_order(plain):
    frame = table()
    np.testing.assert_allclose(plain.predict_proba(frame), expected(plain, frame), atol=1e-6)
    with pytest.raises(ModelError, match="no names for its features, .* 3 of them, not 4"):
        plain.predict(frame.assign(more=1))


def test_one_feature_may_come_as_a_list():
    model = random_model(Spec((1,), "float32", ("no", "yes")))
    np.testing.assert_allclose(model.predict_proba([1, 2]), expected(model, [[1], [2]]), atol=1e-6)


def test_no_rows_have_no_answers(model):
    assert model.predict_proba([]).shape == (0, 3)
    assert model.predict(table().iloc[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (table().drop(columns="age"), ModelError, "no column 'age', .* takes 'height', 'width'"),
        (table().rename(columns={"age": "aeg"}), ModelError, "did you mean 'aeg'"),
        (table()[["age", "age", "height", "width"]], ModelError, "two columns are called 'age'"),
        (pd.DataFrame(np.ones((4, 5))), ModelError, "5 columns have no names, .* 'height'"),
        (table().iloc[0], ModelError, r"one example, .*frame\.iloc\[\[0\]\]"),
        ([1, 2, 3], ModelError, r"one example, of shape \(3,\); .*x\[None\] makes one row"),
        (np.ones((4, 5)), ModelError, "takes 3 features a row, not 5"),
        (np.ones((4, 3, 3)), ModelError, r"rows of shape \(n, 3\), not \(4, 3, 3\)"),
        (3.0, ModelError, "rows of shape"),
        (table().assign(age="old"), DataError, r"column 'age': it is text \(row 0: 'old'\)"),
        (table().assign(age=pd.Timestamp(0)), DataError, "column 'age': its type is datetime64"),
        ([["a", "b", "c"]], DataError, "found values of type <U1; the model takes numbers"),
        ([["a", 1, None]], DataError, "found values of type|found the text 'a'"),
        ([[1, 2, 3], [1, 2]], DataError, "expected rows of numbers, all of one length"),
        (table().assign(age=np.nan), DataError, r"row 0, age: the value is missing \(NaN\).*mean"),
        ([[1, None, 2]], DataError, "row 0, width: the value is missing"),
        ([[1, 2, 3], [1, np.inf, 3]], DataError, "row 1, width: the value is infinite"),
        ([[1, 2, 3], [1, 1e39, 3]], DataError, "row 1, width: .* beyond 3.4e38"),
        (np.ma.masked_greater([[1.0, 2.0, 3.0]], 2.5), DataError, "row 0, age: the value is miss"),
    ],
)
def test_what_does_not_fit_is_said(model, given, error, message):
    for ask in (model.predict, model.predict_proba):
        with pytest.raises(error, match=message) as raised:
            ask(given)
        assert "--drop" not in str(raised.value)


def test_a_sparse_matrix_is_answered_as_its_dense_form(model):
    rows = sparse.csr_array(np.eye(3))
    np.testing.assert_array_equal(model.predict(rows), model.predict(rows.toarray()))


def test_polars_frames_are_matched_by_name(model):
    polars = pytest.importorskip("polars")
    frame = table()
    given = polars.DataFrame({name: frame[name].to_numpy() for name in NAMES[::-1]})
    np.testing.assert_allclose(model.predict_proba(given), expected(model, frame), atol=1e-6)


def test_whole_numbers_are_taken_by_a_model_of_pixels_if_they_fit(pixels):
    rows = np.arange(12).reshape(2, 6) * 20
    answers = pixels.predict_proba(rows.astype(np.uint8))
    for same in (rows, rows.astype(float), rows.reshape(2, 2, 3), rows.reshape(2, 2, 3, 1)):
        np.testing.assert_array_equal(pixels.predict_proba(same), answers)


@pytest.mark.parametrize("wrong", [-1, 256, 0.5, np.nan, np.inf])
def test_other_numbers_are_not_wrapped_into_pixels(pixels, wrong):
    rows = np.ones((3, 6))
    rows[2, 4] = wrong
    with pytest.raises(DataError, match=f"row 2, feature 4: found {wrong:g}; .* from 0 to 255"):
        pixels.predict(rows)


@pytest.mark.parametrize("shape", [(5, 3, 2), (2, 3), (5, 7)])
def test_pictures_of_another_shape_are_not_flattened_into_one_that_fits(pixels, shape):
    with pytest.raises(ModelError, match="one example|rows of shape"):
        pixels.predict(np.zeros(shape, np.uint8))


def test_a_model_that_fills_in_takes_missing_values():
    options = SourceOptions(missing="mean")
    frame = table()
    dataset = from_arrays(frame, ["a", "b"] * 30, options=options)
    model = tfsoftmax.fit(dataset, tfsoftmax.Recipe(epochs=1, l2=1e-3)).model
    frame.iloc[3, 1] = np.nan
    assert np.isfinite(model.predict_proba(frame)).all()
    frame.iloc[3, 1] = np.inf
    with pytest.raises(DataError, match="row 3, width: the value is infinite"):
        model.predict(frame)


def test_arrays_of_a_frame_keep_its_names():
    frame = table()
    labels = np.where(frame["age"] > 0, "old", "young")
    test = (frame[list(NAMES[::-1])].iloc[:9], labels[:9])
    dataset = from_arrays(frame, labels, test=test)
    assert dataset.spec.feature_names == NAMES
    np.testing.assert_array_equal(dataset.test.features, dataset.train.features[:9])
    assert from_arrays(pd.DataFrame(frame.to_numpy()), labels).spec.feature_names is None
    assert from_arrays(frame, labels, feature_names="xyz").spec.feature_names == ("x", "y", "z")
    with pytest.raises(ModelError, match="test rows: no column 'age'"):
        from_arrays(frame, labels, test=(frame.drop(columns="age"), labels))


def test_arrays_of_a_frame_with_text_name_the_column_and_the_way():
    frame = table().assign(name="Ann", kind=["a", "b"] * 30)
    with pytest.raises(DataError, match=r"column 'name': it is text.*from_frame\(frame, .*drop="):
        from_arrays(frame.drop(columns="kind"), frame["kind"])
    options = SourceOptions(label_column="kind", drop=["name"])
    assert from_frame(frame, options=options).spec.feature_names == NAMES


def test_evaluation_takes_rows_and_the_names_of_their_classes(model):
    frame = table()
    labels = model.predict(frame)
    labels[0] = "so" if labels[0] != "so" else "no"
    for given in ((frame[list(NAMES[::-1])], labels), [frame, pd.Series(labels)]):
        assert evaluate(model, given).accuracy == 59 / 60
    with pytest.raises(ModelError, match="does not know class '0'; its classes are no, yes, so"):
        evaluate(model, (frame, np.zeros(60, int)))
    with pytest.raises(DataError, match="60 rows but 59 labels"):
        evaluate(model, (frame, labels[1:]))
    with pytest.raises(UsageError, match="dataset.test, for example"):
        evaluate(model, make_dataset())


def test_exported_models_take_what_the_model_takes(model, tmp_path):
    frame = table()
    turned = frame[list(NAMES[::-1])].assign(name="Ann")
    formats = ("float32", "int8")
    result = export_model(
        model, tmp_path, "m", check_on=turned, calibrate_on=turned, formats=formats
    )
    for path in (result.path, result.tflite):
        predictor = load_predictor(path)
        for ask in (predictor.predict_proba, predictor.probabilities):
            np.testing.assert_allclose(ask(turned), expected(model, frame), atol=1e-5)
        np.testing.assert_array_equal(predictor.predict(turned), model.predict(frame))
        np.testing.assert_allclose(
            predictor.predict_proba(frame.to_numpy()), expected(model, frame), atol=1e-5
        )
        with pytest.raises(DataError, match="row 0, age: the value is missing"):
            predictor.predict(frame.assign(age=np.nan))
        with pytest.raises(ModelError, match="no column 'age'"):
            predictor.predict(frame.drop(columns="age"))


@pytest.mark.parametrize("rows", ["check_on", "calibrate_on"])
def test_an_export_says_what_is_wrong_with_its_rows_and_writes_nothing(model, tmp_path, rows):
    good = {"check_on": table(), "calibrate_on": table()}
    for wrong, message in (
        (table().drop(columns="age"), f"{rows}: no column 'age'"),
        (table().assign(age=np.nan), f"{rows}, row 0, age: the value is missing"),
    ):
        with pytest.raises((ModelError, DataError), match=message):
            export_model(model, tmp_path, "m", **{**good, rows: wrong}, formats=("int8",))
    assert not list(tmp_path.iterdir())


def test_a_text_that_stands_for_a_missing_value_is_replaced_as_advised():
    scaling = Scaling((0.0,) * 3, (1.0,) * 3, fill=(1.0, 2.0, 3.0))
    spec = Spec((3,), "float32", ("no", "yes"), feature_names=NAMES, missing="mean")
    filling = random_model(replace(spec, scaling=scaling))
    frame = table(5).astype(object)
    frame.loc[2, "age"] = "?"
    with pytest.raises(DataError, match="it stands for a missing value, replace it") as caught:
        filling.predict_proba(frame)
    assert "na_values" not in str(caught.value)
    text = re.search(r"replace it: '(.*)' by None$", str(caught.value))[1]
    advised = filling.predict_proba(frame.replace({text: None}))
    found = filling.predict_proba(frame.replace({"age": {"?": 3.0}}))
    np.testing.assert_array_equal(advised, found)
