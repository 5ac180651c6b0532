"""SciPy's sparse matrices, of any format, are the rows that their dense form is."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tfsoftmax import DataError, ModelError, Recipe, SourceOptions, Spec, fit, from_arrays
from tfsoftmax.data.features import features_of
from tfsoftmax.data.inputs import rows_for
from tfsoftmax.data.matrices import rows_of_matrix
from tfsoftmax.data.sparse_rows import SparseFeatures

WIDE = 900
FORMATS = ("csr", "csc", "coo", "lil", "dok", "bsr", "dia")


def wide_rows(seed=0, n_rows=60):
    """Rows of which a class is the place of the largest entry."""
    generator = np.random.default_rng(seed)
    rows = sparse.random(n_rows, WIDE, 0.02, format="lil", random_state=generator)
    labels = np.arange(n_rows) % 3
    rows[np.arange(n_rows), labels * 7] = 3.5
    return rows.tocsr(), np.array(["a", "b", "c"])[labels]


@settings(max_examples=60, deadline=None)
@given(
    entries=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 8), st.integers(-3, 3)), max_size=20
    ),
    form=st.sampled_from(FORMATS),
    dtype=st.sampled_from(["int8", "int64", "uint16", "float32", "float64", "bool"]),
    array=st.booleans(),
)
def test_any_format_and_type_is_its_dense_form(entries, form, dtype, array):
    rows, columns, values = np.reshape(entries, (-1, 3)).T.astype(int)
    values = np.abs(values) if dtype in ("uint16", "bool") else values
    kind = sparse.coo_array if array else sparse.coo_matrix
    given = kind((values.astype(dtype), (rows, columns)), shape=(6, 9)).asformat(form)
    before = given.copy()
    found = rows_of_matrix(given, "rows").read_sparse([slice(None)])
    np.testing.assert_array_equal(found.toarray(), given.toarray().astype(np.float32))
    assert (found.dtype, found.indices.dtype) == (np.float32, np.int32)
    assert found.data.all()
    for row in range(6):
        assert (np.diff(found.indices[slice(*found.indptr[row : row + 2])]) > 0).all()
    assert (given != before).nnz == 0


def test_what_scipy_was_told_of_a_matrix_is_not_believed():
    rows = sparse.csr_array((np.float32([1, 2, 4]), [2, 0, 2], [0, 3]), shape=(1, 3))
    rows.has_canonical_format = True
    assert rows_of_matrix(rows, "rows")[:].tolist() == [[2.0, 0.0, 5.0]]


def test_rows_as_they_should_be_are_not_copied():
    rows = sparse.csr_array(np.float32([[0, 1], [2, 0]]))
    found = rows_of_matrix(rows, "rows").read_sparse([slice(None)])
    assert np.shares_memory(found.data, rows.data)
    assert np.shares_memory(found.indices, rows.indices)


def test_indices_of_int64_are_taken():
    rows, labels = wide_rows()
    rows.indices, rows.indptr = rows.indices.astype(np.int64), rows.indptr.astype(np.int64)
    dataset = from_arrays(rows, labels)
    assert dataset.sha256() == from_arrays(rows.toarray(), labels).sha256() or isinstance(
        dataset.train.features, SparseFeatures
    )
    assert dataset.train.features.read_sparse([slice(None)]).indices.dtype == np.int32


def test_a_model_of_sparse_rows_answers_any_form_of_them_alike():
    rows, labels = wide_rows()
    dataset = from_arrays(rows, labels, name="documents")
    assert isinstance(dataset.train.features, SparseFeatures)
    assert dataset.spec.class_names == ("a", "b", "c")
    model = fit(dataset, Recipe(epochs=30, l2=1e-3)).model
    expected = model.predict_proba(rows.toarray())
    for form in FORMATS[:-1]:
        np.testing.assert_allclose(model.predict_proba(rows.asformat(form)), expected, atol=1e-6)
    assert (model.predict(rows) == labels).mean() > 0.9
    with pytest.raises(ModelError, match="rows: the model takes 900 features a row, not 899"):
        model.predict(rows[:, :-1])


def test_narrow_matrices_are_the_arrays_that_they_would_be(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    generator = np.random.default_rng(0)
    rows = generator.integers(0, 3, (40, 5)).astype(float)
    labels = np.arange(40) % 2
    dense = from_arrays(rows, labels, sample_weight=np.arange(40))
    for limit in (2**30, 100):
        options = SourceOptions(memory_limit=limit)
        given = sparse.coo_array(rows)
        found = from_arrays(given, labels, sample_weight=np.arange(40), options=options)
        assert features_of(found.train.features).in_file == (limit == 100)
        assert found.sha256() == dense.sha256()


def test_test_rows_are_sparse_as_the_training_rows_are():
    rows, labels = wide_rows()
    expected = from_arrays(rows, labels, test=(rows[:9], labels[:9]))
    assert isinstance(expected.test.features, SparseFeatures)
    found = from_arrays(rows, labels, test=(rows[:9].toarray(), labels[:9]))
    assert found.sha256() == expected.sha256()
    dense = from_arrays(rows.toarray(), labels, test=(rows[:9], labels[:9]))
    np.testing.assert_array_equal(dense.test.features, rows[:9].toarray().astype(np.float32))
    with pytest.raises(DataError, match="they must agree"):
        from_arrays(rows, labels, test=(rows[:9, :5], labels[:9]))


def test_sparse_frames_keep_their_names(tmp_path):
    rows, labels = wide_rows()
    names = [f"word {index}" for index in range(WIDE)]
    frame = pd.DataFrame.sparse.from_spmatrix(rows, columns=names)
    dataset = from_arrays(frame, labels)
    assert dataset.spec.feature_names == tuple(names)
    assert isinstance(dataset.train.features, SparseFeatures)
    assert dataset.sha256() == from_arrays(rows, labels, feature_names=names).sha256()
    found = rows_for(dataset.spec, frame[names[::-1]])
    assert isinstance(found, SparseFeatures)
    np.testing.assert_array_equal(found[:], rows.toarray().astype(np.float32))


def damaged():
    rows = sparse.csr_array(np.eye(3))
    rows.indices[1] = 7
    return rows


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (sparse.csr_array([[1, np.nan], [0, 2]]), "row 0, feature 1: the value is missing"),
        (sparse.csr_array([[1, 0], [0, np.inf]]), "row 1, feature 1: the value is infinite"),
        (sparse.csr_array([[1, 0], [0, 1e39]]), "row 1, feature 1: .*infinite, or beyond 3.4e38"),
        (sparse.csr_array([[0, 0], [0, 2**60 + 1]]), "row 1, feature 1: 1152921504606846977 has"),
        (sparse.csr_array([[1, 0], [0, 1j]]), "expected a sparse matrix of numbers"),
        (sparse.csr_array((2, 2**40), dtype=float), "features; there may be 2,147,483,647: hash"),
        (sparse.csr_array((0, 2), dtype=float), "but 2 labels"),
        (sparse.csr_array((2, 0), dtype=float), "rows of no features"),
        (sparse.csr_array(np.eye(3)), "3 training rows but 2 labels"),
        (sparse.coo_array(np.ones(2)), "expected a sparse matrix of numbers"),
        (damaged(), "a damaged sparse matrix"),
    ],
)
def test_bad_matrices_are_one_clear_error(given, message):
    with pytest.raises(DataError, match=message) as caught:
        from_arrays(given, [0, 1])
    assert "\n" not in str(caught.value)


def test_missing_values_are_filled_in_where_asked():
    rows = sparse.csr_array([[1, np.nan], [0, 2]] * 5)
    dataset = from_arrays(rows, [0, 1] * 5, options=SourceOptions(missing="mean"))
    assert np.isnan(dataset.train.features[:]).any()
    spec = Spec((2,), "float32", ("0", "1"))
    with pytest.raises(DataError, match="row 7, feature 1: the value is missing"):
        rows_for(spec, rows[6:], first_row=7)
