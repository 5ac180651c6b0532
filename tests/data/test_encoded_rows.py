"""Rows of a table with texts, as a model takes them: by name, checked, and named in errors."""

import numpy as np
import pandas as pd
import pytest

from tfsoftmax import DataError, ModelError, Spec
from tfsoftmax.columns.column import Column, Encoding, Input
from tfsoftmax.data.inputs import rows_for
from tfsoftmax.data.sparse_rows import SparseFeatures

ENCODING = Encoding(
    (
        Input("age", "float32"),
        Input("sex", "string"),
        Input("member", "string"),
        Input("zip", "int64"),
    ),
    (
        Column("age", "number", ("age",)),
        Column("member", "boolean", ("member",)),
        Column("sex", "category", ("sex",), vocabulary=("f", "m")),
        Column("zip", "hashed", ("zip",), size=5),
    ),
)
ROWS = [
    {"age": 31, "sex": "m", "member": "Yes", "zip": 8001, "id": 1},
    {"age": None, "sex": None, "member": "no", "zip": 8002, "id": 2},
    {"age": 7.5, "sex": " f ", "member": None, "zip": 8001, "id": 3},
]
SPEC = Spec((ENCODING.n_features,), "float32", ("a", "b"), missing="indicator", encoding=ENCODING)


def wide(encoding):
    """The same with so many buckets that rows are sparse."""
    columns = tuple(
        column if column.kind != "hashed" else Column(*("zip", "hashed", ("zip",)), size=2000)
        for column in encoding.columns
    )
    return Encoding(encoding.inputs, columns)


def test_rows_by_hand():
    expected = [
        [31, 1, 0, 0, 0, 1],
        [np.nan, 0, 1, 0, 0, 0],
        [7.5, np.nan, 0, 0, 1, 0],
    ]
    rows = rows_for(SPEC, ROWS)
    np.testing.assert_array_equal(rows[:, :6], np.float32(expected))
    np.testing.assert_array_equal(rows[:, 6:].sum(axis=1), 1)
    np.testing.assert_array_equal(rows[0, 6:], rows[2, 6:])


@pytest.mark.parametrize(
    "form",
    [
        pd.DataFrame,
        lambda rows: pd.DataFrame(rows)[["zip", "sex", "id", "member", "age"]],
        lambda rows: pd.DataFrame(rows).astype({"sex": "category", "age": "Float64"}),
        lambda rows: pd.DataFrame(rows).astype(object),
        lambda rows: {name: [row[name] for row in rows] for name in rows[0]},
        lambda rows: [{key: value for key, value in row.items() if value} for row in rows],
    ],
)
def test_all_forms_of_a_table_are_the_same_rows(form):
    np.testing.assert_array_equal(rows_for(SPEC, form(ROWS)), rows_for(SPEC, ROWS))


def test_encoded_rows_pass_through():
    rows = rows_for(SPEC, ROWS)
    np.testing.assert_array_equal(rows_for(SPEC, rows), rows)


def test_wide_rows_are_sparse_and_their_numbers_are_always_there():
    encoding = wide(ENCODING)
    spec = Spec((encoding.n_features,), "float32", ("a", "b"), missing="mean", encoding=encoding)
    rows = rows_for(spec, ROWS)
    assert isinstance(rows, SparseFeatures)
    matrix = rows.read_sparse([slice(None)])
    assert np.diff(matrix.indptr).tolist() == [4, 4, 4]
    assert all(set(matrix[[row]].indices) >= {0, 1} for row in range(3))
    np.testing.assert_array_equal(matrix[:, :6].toarray(), rows_for(SPEC, ROWS)[:, :6])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": "x"}, "asked, row 11, column 'age': 'x' is not a number"),
        ({"member": "maybe"}, "asked, row 11, column 'member': expected yes or no.*found 'maybe'"),
        ({"zip": None}, "asked, row 11, column 'zip': the value is missing"),
        ({"zip": 1.5}, "asked, row 11, column 'zip': '1.5' is not a whole number"),
        ({"zip": 2**63}, "asked, row 11, column 'zip': '9223372036854775808' is not a whole"),
        ({"sex": b"\xff"}, "asked, row 11, column 'sex': .* not UTF-8"),
        ({"sex": ["f"]}, "asked, row 11, column 'sex': the cell is no text"),
        ({"sex": "\ud800"}, "asked, row 11, column 'sex': the text is damaged"),
        ({"sex": "x" * (2**20 + 1)}, "asked, row 11, column 'sex': a text of 1,048,577 char"),
    ],
)
def test_a_cell_that_does_not_fit_is_named(change, message):
    rows = [ROWS[0], {**ROWS[0], **change}]
    with pytest.raises(DataError, match=message):
        rows_for(SPEC, rows, "asked", 10)


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(ModelError, match="no column 'sex'.*did you mean 'sexe'"):
        rows_for(SPEC, pd.DataFrame(ROWS).rename(columns={"sex": "sexe"}))
    with pytest.raises(ModelError, match="list of equal length for each column, or .* of rows"):
        rows_for(SPEC, ROWS[0])
    with pytest.raises(ModelError, match="takes 12 features"):
        rows_for(SPEC, np.zeros((2, 4)))


def test_a_missing_number_is_an_error_for_a_model_that_does_not_fill_in():
    spec = Spec((ENCODING.n_features,), "float32", ("a", "b"), encoding=ENCODING)
    with pytest.raises(DataError, match="row 1, column 'age': the value is missing"):
        rows_for(spec, ROWS)
    with pytest.raises(DataError, match="row 0, member: the value is missing"):
        rows_for(spec, [ROWS[2]])
