"""A model answers sparse rows as it answers the same rows with their zeros."""

import numpy as np
import pytest
import scipy.sparse
import sklearn.metrics
import tensorflow as tf

from tfsoftmax import SoftmaxRegression, Spec, Split, evaluate
from tfsoftmax.columns.column import Column, Encoding, Input
from tfsoftmax.columns.entries import entries_of
from tfsoftmax.data.sparse_rows import SparseRows, sparse_blocks
from tfsoftmax.errors import UnansweredError
from tfsoftmax.spec import Scaling
from tfsoftmax.training.calibration import calibrate

N_ROWS, N_FEATURES = 60, 1003
NAMES = ("a", "b", "c")
# Three numbers, then a text of 1,000 buckets.
ENCODING = Encoding(
    (*(Input(name, "float32") for name in "xyz"), Input("t", "string")),
    (*(Column(name, "number", (name,)) for name in "xyz"), Column("t", "text", ("t",), size=999)),
)


def numbers_then_words(seed=0):
    """Dense numbers, some missing and one of them 0, beside words."""
    generator = np.random.default_rng(seed)
    numbers = generator.normal(3, 2, size=(N_ROWS, 3)).astype(np.float32)
    numbers[::7, 0], numbers[1, 1], numbers[3] = np.nan, 0, np.nan
    words = scipy.sparse.random_array(
        (N_ROWS, N_FEATURES - 3), density=0.02, rng=generator, dtype=np.float32
    )
    # Numbers are entries even if they are 0.
    rows = np.repeat(np.arange(N_ROWS), 3)
    entries = (numbers.ravel(), (rows, np.tile(np.arange(3), N_ROWS)))
    matrix = scipy.sparse.hstack([scipy.sparse.csr_array(entries, (N_ROWS, 3)), words.tocsr()])
    return scipy.sparse.csr_array(matrix)


def scaling(**changes):
    rest = (0.0,) * (N_FEATURES - 3)
    return Scaling(
        offset=(3.0, -2.0, 1.0, *rest),
        scale=(0.5, 3.0, 1.0, *[1.0] * len(rest)),
        fill=(1.0, 2.0, -3.0, *rest),
        indicators=(2, 0),
        limit=2.5,
        **changes,
    )


@pytest.fixture(scope="module")
def matrix():
    return numbers_then_words()


@pytest.fixture
def model():
    spec = Spec(
        (N_FEATURES,), "float32", NAMES, missing="mean", scaling=scaling(), encoding=ENCODING
    )
    return SoftmaxRegression(spec, np.random.default_rng(3).standard_normal)


@pytest.fixture(scope="module")
def split(matrix):
    labels = np.random.default_rng(1).integers(3, size=N_ROWS).astype(np.int32)
    return Split(SparseRows(matrix), labels)


def with_zeros(split):
    return Split(split.features[:], split.labels)


def test_entries_are_scaled_as_numpy_scales_rows(model, matrix):
    exact = model.spec.scaled_by.apply(matrix.toarray())
    found = model.scaled(entries_of(matrix)).dense(model.spec.n_inputs)
    np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-6)
    assert exact[3, -2:].tolist() == [1, 1]
    matrix = model.scaled(entries_of(matrix)).matrix(model.spec.n_inputs)
    np.testing.assert_array_equal(matrix.toarray(), found)
    assert matrix.has_canonical_format


def test_probabilities_are_those_of_the_rows_with_their_zeros(model, matrix):
    np.testing.assert_allclose(
        model.raw_probabilities(matrix), model.raw_probabilities(matrix.toarray()), atol=1e-6
    )


@pytest.mark.parametrize("entries", [1, 40, 2**17])
def test_evaluation_is_scikit_learns(model, split, monkeypatch, entries):
    monkeypatch.setattr("tfsoftmax.data.sparse_rows._BLOCK_ENTRIES", entries)
    result = evaluate(model, split)
    probabilities = model.raw_probabilities(split.features[:]).astype(np.float64)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    expected = sklearn.metrics.log_loss(split.labels, probabilities)
    assert result.log_loss == pytest.approx(expected, rel=1e-5)
    np.testing.assert_array_equal(
        result.confusion,
        sklearn.metrics.confusion_matrix(split.labels, probabilities.argmax(axis=1)),
    )


def test_no_zeros_are_filled_in(model, split, monkeypatch):
    def read(*_):
        raise AssertionError("filled in the zeros")

    monkeypatch.setattr(SparseRows, "read", read)
    evaluate(model, split)
    calibrate(model, split)


def test_a_model_that_moves_zeros_is_given_them(split):
    # Such as one that was trained on the same columns as a table.
    spec = Spec((N_FEATURES,), "float32", NAMES, missing="mean", scaling=scaling())
    model = SoftmaxRegression(spec, np.random.default_rng(3).standard_normal)
    assert not spec.keeps_zeros
    assert evaluate(model, split).figures() == evaluate(model, with_zeros(split)).figures()


def test_calibration_finds_the_same_temperature(model, split):
    same = SoftmaxRegression(model.spec, np.random.default_rng(3).standard_normal)
    assert calibrate(model, split) == pytest.approx(calibrate(same, with_zeros(split)), rel=1e-3)


def test_a_row_that_overflows_is_named(model, split):
    model.W.assign(tf.fill(model.W.shape, 3e38))
    model.W[0, 0].assign(-3e38)
    with pytest.raises(UnansweredError, match=r"rows, row \d+: there is no prediction"):
        evaluate(model, split)
    with pytest.raises(UnansweredError, match=r"^these, row \d+: "):
        model.predict_proba(split.features, where="these")


def test_blocks_hold_few_entries_however_uneven_the_rows_are():
    lengths = np.r_[np.zeros(50, int), 900, np.ones(50, int), np.full(5, 900)]
    indices = np.concatenate([np.arange(length) for length in lengths])
    matrix = scipy.sparse.csr_array(
        (np.ones(len(indices), np.float32), indices, np.r_[0, lengths.cumsum()]), (106, 1000)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfsoftmax.data.sparse_rows._BLOCK_ENTRIES", 2000)
        blocks = list(sparse_blocks(SparseRows(matrix), 20))
    found = scipy.sparse.vstack([block for _, block in blocks])
    assert (found != matrix).nnz == 0
    assert np.concatenate([np.arange(106)[part] for part, _ in blocks]).tolist() == [*range(106)]
    assert max(block.nnz for _, block in blocks) <= 2000
    assert max(block.shape[0] for _, block in blocks) == 20
