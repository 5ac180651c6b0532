"""A warm start on an encoded table keeps what was learnt, and predicts as before."""

import numpy as np
import pytest

from tfsoftmax import (
    Dataset,
    ModelError,
    Recipe,
    Scaling,
    SoftmaxRegression,
    SourceOptions,
    Spec,
    Split,
    fit,
    load_dataset,
    warm_start,
)
from tfsoftmax.columns.column import Column, Encoding, Input
from tfsoftmax.data.encoded import features_of_cells
from tfsoftmax.data.features import Features

N_ROWS = 40
SEXES = ["f", "m", "", "x"]


def encoding(categories, sex_first=False, **changes):
    columns = [
        Column("age", "number", ("age",)),
        Column("city", "category", ("city",), tuple(categories)),
        Column("sex", "category", ("sex",), ("f", "m")),
        Column("zip", "hashed", ("zip",), size=changes.get("size", 7)),
    ]
    inputs = [Input("age", "float32"), *(Input(name, "string") for name in ("city", "sex"))]
    inputs.append(Input("zip", changes.get("zip", "string")))
    if sex_first:
        columns = [columns[index] for index in (2, 3, 0, 1)]
    return Encoding(tuple(inputs), tuple(columns))


def cells(cities, seed=0, zip_dtype=object):
    generator = np.random.default_rng(seed)
    ages = generator.normal(40, 9, size=N_ROWS).astype(np.float32)
    ages[::6], ages[1] = np.nan, 0
    zips = generator.integers(1000, 1050, size=N_ROWS)
    return {
        "age": ages,
        "city": generator.choice(np.array(cities, object), size=N_ROWS),
        "sex": generator.choice(np.array(SEXES, object), size=N_ROWS),
        "zip": zips if zip_dtype is np.int64 else zips.astype(str).astype(object),
    }


def dataset_of(found, raw):
    labels = (np.arange(N_ROWS) % 2).astype(np.int32)
    rows = Split(features_of_cells(found, raw), labels, raw=raw)
    shape = (found.n_features,)
    spec = Spec(shape, "float32", ("no", "yes"), missing="indicator", encoding=found)
    return Dataset("new.csv", spec, rows, rows)


def model_of(found, seed=3):
    scaling = Scaling(
        (40.0,) + (0.0,) * (found.n_features - 1),
        (0.1,) + (1.0,) * (found.n_features - 1),
        (41.0,) + (0.0,) * (found.n_features - 1),
        (0,),
        5.0,
    )
    shape = (found.n_features,)
    spec = Spec(shape, "float32", ("no", "yes"), None, None, "indicator", scaling, None, found)
    return SoftmaxRegression(spec, np.random.default_rng(seed).standard_normal)


OLD = ["Berlin", "Paris", "Rome"]
# Rome is not in the new file, and others are.
NEW = ["Athens", "Berlin", "Oslo", "Paris"]


@pytest.mark.parametrize("many", [0, 600])
@pytest.mark.parametrize("sex_first", [False, True])
def test_categories_are_added_and_every_row_is_predicted_as_before(sex_first, many):
    before = model_of(encoding([*OLD, *(f"old {index}" for index in range(many))]))
    new_cells = cells([*NEW, "", "nowhere"])
    dataset = dataset_of(encoding(NEW, sex_first), new_cells)
    start, aligned = warm_start(before, dataset)
    both = start.spec.encoding
    assert both.columns[1].vocabulary[:3] == tuple(OLD)
    assert both.columns[1].vocabulary[-2:] == ("Athens", "Oslo")
    assert [column.name for column in both.columns] == ["age", "city", "sex", "zip"]
    # The rows are those that the united encoding makes of the cells.
    expected = features_of_cells(both, new_cells)
    np.testing.assert_array_equal(aligned.train.features[:], expected[:])
    assert isinstance(aligned.train.features, Features) == bool(many)
    # And of old rows and new ones the model says what it said.
    for raw in (cells(OLD, seed=1), new_cells):
        old_rows = features_of_cells(before.spec.encoding, raw)
        np.testing.assert_allclose(
            start.predict_proba(features_of_cells(both, raw)),
            before.predict_proba(old_rows),
            atol=1e-6,
        )


def test_a_category_that_is_new_learns_from_its_rows_and_old_ones_keep_theirs():
    before = model_of(encoding(OLD))
    start, aligned = warm_start(before, dataset_of(encoding(NEW), cells(NEW)))
    after = fit(aligned, Recipe(epochs=2, l2=0.0), start=start).model
    names = [start.spec.feature_name(index) for index in range(start.spec.n_inputs)]
    W = dict(zip(names, after.W.numpy(), strict=True))
    old = dict(
        zip(
            (before.spec.feature_name(index) for index in range(before.spec.n_inputs)),
            before.W.numpy(),
            strict=True,
        )
    )
    assert not np.allclose(W["city=Oslo"], old["city is unknown"])
    np.testing.assert_allclose(W["city=Rome"], old["city=Rome"], atol=1e-6)


def test_whole_numbers_and_texts_are_the_same_categories():
    before = model_of(encoding(OLD, zip="int64"))
    raw = cells(NEW)
    start, aligned = warm_start(before, dataset_of(encoding(NEW), raw))
    assert start.spec.encoding.inputs[-1].dtype == "string"
    ints = cells(NEW, zip_dtype=np.int64)
    dataset = dataset_of(encoding(NEW, zip="int64"), ints)
    other, moved = warm_start(model_of(encoding(OLD)), dataset)
    np.testing.assert_array_equal(moved.train.raw["zip"], raw["zip"])
    np.testing.assert_array_equal(
        features_of_cells(other.spec.encoding, moved.train.raw)[:], aligned.train.features[:]
    )


def test_the_same_columns_change_nothing():
    before = model_of(encoding(OLD))
    start, _ = warm_start(before, dataset_of(encoding(OLD), cells(OLD)))
    np.testing.assert_array_equal(start.W, before.W)
    assert start.spec.encoding == before.spec.encoding


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            encoding(NEW, size=9),
            r"new.csv: column 'zip' is hashed in 9 buckets, and hashed in 7 buckets in the model "
            r"to start from; read it in the same way",
        ),
        (
            Encoding(encoding(OLD).inputs[:2], encoding(OLD).columns[:2]),
            "new.csv has no column 'sex', which the model to start from takes",
        ),
        (
            Encoding(
                (*encoding(OLD).inputs, Input("y", "float32")),
                (*encoding(OLD).columns, Column("y", "number", ("y",))),
            ),
            "the model to start from does not know column 'y' of new.csv",
        ),
    ],
)
def test_columns_that_differ_are_refused(found, message):
    raw = {**cells(NEW), "y": np.zeros(N_ROWS, np.float32)}
    dataset = dataset_of(found, {each.name: raw[each.name] for each in found.inputs})
    with pytest.raises(ModelError, match=message):
        warm_start(model_of(encoding(OLD)), dataset)


def test_a_table_of_numbers_and_an_encoded_one_do_not_match():
    spec = Spec((2,), "float32", ("no", "yes"), feature_names=("age", "y"))
    numbers = Split(np.zeros((4, 2), np.float32), np.int32([0, 1, 0, 1]))
    with pytest.raises(ModelError, match="takes numbers only; new.csv is a table in which 'city'"):
        warm_start(SoftmaxRegression(spec), dataset_of(encoding(NEW), cells(NEW)))
    with pytest.raises(ModelError, match="made has numbers only"):
        warm_start(model_of(encoding(OLD)), Dataset("made", spec, numbers, numbers))


def test_sparse_rows_of_fewer_features_are_read_with_as_many(tmp_path):
    lines = [f"{row % 2} {1 + row % 2}:1 {590 + row % 9}:2" for row in range(40)]
    (tmp_path / "new.svmlight").write_text("\n".join(lines))
    source = f"svmlight:{tmp_path / 'new.svmlight'}"
    spec = Spec((900,), "float32", ("0", "1"))
    before = SoftmaxRegression(spec, np.random.default_rng(0).standard_normal)
    with pytest.raises(ModelError, match="read it with n_features=900"):
        warm_start(before, load_dataset(source))
    start, aligned = warm_start(before, load_dataset(source, options=SourceOptions(n_features=900)))
    np.testing.assert_array_equal(start.W, before.W)
    assert aligned.train.features.shape[1] == 900
