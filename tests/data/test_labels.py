"""Labels of every kind become class names and come back from predict."""

import numpy as np
import pandas as pd
import pytest
from support.data_files import CODES, FRAME, NUMBERS, TEXTS, N, npz, rows_of

from tfsoftmax import RECIPES, DataError, fit, from_arrays, from_frame, load_dataset

LABELS = {
    "texts": (["b", "a", "ü c"], ("a", "b", "ü c")),
    "sparse whole numbers": ([1000, 7, 30], ("7", "30", "1000")),
    "negative whole numbers": ([-10, -2, 0], ("-10", "-2", "0")),
    "booleans": ([True, False, True], ("False", "True")),
    "whole numbers with a point": ([2.0, -1.0, 10.0], ("-1", "2", "10")),
    "objects": ([b"b", "a", 3], ("3", "a", "b")),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_any_kind_come_back_from_predict(kind):
    values, names = LABELS[kind]
    objects = kind == "objects"
    labels = np.array(values, object if objects else None)[CODES]
    rows = np.eye(3, dtype=np.float32)[CODES] * 5
    if kind == "booleans":
        rows = np.eye(3, dtype=np.float32)[labels.astype(int)] * 5
    dataset = from_arrays(rows, labels)
    assert dataset.spec.class_names == names
    model, _ = fit(dataset, RECIPES["default"].but(epochs=20, xla=False))
    spelt = {b"b": "b"} if objects else {}
    if kind == "whole numbers with a point":
        labels = labels.astype(int)
    expected = [spelt.get(label, str(label)) for label in labels.tolist()]
    np.testing.assert_array_equal(model.predict(rows), expected)


@pytest.mark.parametrize("order", "<>")
def test_labels_of_what_is_no_character_are_named(tmp_path, order):
    numbers = np.full(N, ord("x"), f"{order}u4")
    numbers[7] = 0x110000
    with pytest.raises(DataError, match="row 7: the label is damaged"):
        load_dataset(npz(tmp_path, features=NUMBERS, labels=numbers.view(f"{order}U1")))
    with pytest.raises(DataError, match="row 1: the label is damaged"):
        from_arrays(NUMBERS, ["x", "\ud800", *TEXTS[2:]])


def test_nullable_and_categorical_labels(tmp_path):
    for column, names in (
        (pd.array([5, -1, 40], "Int64")[CODES], ("-1", "5", "40")),
        (pd.array([True, False, True], "boolean")[CODES], ("False", "True")),
        (pd.Categorical(["b", "a", "c"])[CODES], ("a", "b", "c")),
    ):
        frame = FRAME.assign(label=column)
        frame.to_parquet(tmp_path / "t.parquet")
        found = load_dataset(f"parquet:{tmp_path / 't.parquet'}")
        assert found.spec.class_names == from_frame(frame).spec.class_names == names
        np.testing.assert_array_equal(rows_of(found)[1], column.astype(str))


@pytest.mark.parametrize(
    ("labels", "noted"),
    [
        (["0.5", "1.5"], "0.5"),
        (["1", "-2.25"], "-2.25"),
        (["1.0", "2.0"], None),
        (["0.5", "none"], None),
        (["3.10", "3.9"], "3.10"),
    ],
)
def test_labels_that_are_numbers_with_fractions_are_pointed_out(tmp_path, log, labels, noted):
    frame = pd.DataFrame({"x": np.arange(40) % 7, "label": labels * 20})
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert set(load_dataset(tmp_path / "t.csv").spec.class_names) == set(labels)
    assert ("need a regression" in log.text) == bool(noted)
    assert f"such as {noted}," in log.text or not noted
