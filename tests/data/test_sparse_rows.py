"""Sparse rows are, wherever they are kept, the rows that they would be with their zeros."""

import uuid

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from tfsoftmax import DataError, SourceOptions, Spec, Split
from tfsoftmax.data.bad_rows import BadRows
from tfsoftmax.data.cache import DatasetCache
from tfsoftmax.data.collector import collecting, load_cached
from tfsoftmax.data.dataset import check_finite, check_unchanged
from tfsoftmax.data.duplicates import row_hashes, rows_among
from tfsoftmax.data.features import features_of
from tfsoftmax.data.scale_check import compare_scales
from tfsoftmax.data.source import Source
from tfsoftmax.data.sparse_files import ChosenSparseRows
from tfsoftmax.data.sparse_rows import SparseFeatures, SparseRows, rows_of_entries, sparse_blocks

WIDE = 700


def drawn(seed, n_rows=60, width=WIDE, density=0.02):
    """Rows of whole numbers, some of them equal, some empty."""
    generator = np.random.default_rng(seed)
    rows = np.zeros((n_rows, width), np.float32)
    places = generator.random(rows.shape) < density
    rows[places] = generator.integers(-3, 4, places.sum())
    rows[generator.integers(n_rows)] = 0
    rows[-1] = rows[0]
    return rows


def collected(rows, folder, limit, key="key", part_rows=17, **options):
    """The dataset of rows that come in parts, and the source."""
    source = Source("rows", SourceOptions(memory_limit=limit, **options), DatasetCache(folder))
    with collecting(source, key) as collector:
        for start in range(0, rows.shape[0], part_rows):
            part = rows[start : start + part_rows]
            collector.add(part, np.arange(start, start + part.shape[0]) % 3)
        width = rows.shape[1]
        return collector.dataset(lambda names: Spec((width,), "float32", names)), source


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    limit=st.sampled_from([1, 5_000, 200_000, 2**30]),
    width=st.sampled_from([1, 512, 513, 5000]),
    density=st.sampled_from([0.001, 0.02, 0.3]),
    part_rows=st.sampled_from([1, 17, 100]),
    keyed=st.booleans(),
)
def test_sparse_rows_make_the_dataset_that_dense_rows_make(
    folder, seed, limit, width, density, part_rows, keyed
):
    rows, key = drawn(seed, 40, width, density), uuid.uuid4().hex if keyed else ""
    dense, _ = collected(rows, folder, 2**30)
    found, source = collected(sparse.csr_array(rows), folder, limit, key, part_rows)
    in_memory, _ = collected(sparse.csr_array(rows), folder, 2**30)
    cached = load_cached(source, key)
    assert (cached is None) == (not keyed or not features_of(found.train.features).in_file)
    for dataset in (found, in_memory, *([cached] if cached else [])):
        assert dataset.sha256() == found.sha256()
        for part in ("train", "test"):
            one, other = getattr(dataset, part), getattr(dense, part)
            np.testing.assert_array_equal(one.features[:], other.features)
            np.testing.assert_array_equal(one.labels, other.labels)
    kept_sparse = width > 512 and np.count_nonzero(rows) <= 0.2 * rows.size
    assert isinstance(found.train.features, SparseFeatures) == kept_sparse
    if not kept_sparse:
        assert found.sha256() == dense.sha256()


@pytest.fixture(scope="module", params=["in memory", "in files"])
def split(request, folder):
    """Sparse rows, all of them, and the same with their zeros."""
    rows = drawn(1)
    limit = 1 if request.param == "in files" else 2**30
    train = collected(sparse.csr_array(rows), folder, limit)[0].train
    assert train.features.in_file == (limit == 1)
    return train, np.asarray(train.features)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_rows_are_read_in_any_order(split, data):
    train, rows = split
    features = train.features
    indices = data.draw(st.lists(st.integers(-len(rows), len(rows) - 1), max_size=30))
    indices = np.array(indices, int)
    np.testing.assert_array_equal(features[indices], rows[indices])
    positive = indices % len(rows)
    taken = features.take(positive)
    np.testing.assert_array_equal(taken[:], rows[positive])
    backwards = taken.take(np.arange(len(positive))[::-1])
    np.testing.assert_array_equal(backwards[:], rows[positive[::-1]])
    bounds = st.integers(0, len(rows) + 3)
    pairs = data.draw(st.lists(st.tuples(bounds, bounds), min_size=1, max_size=4))
    blocks = [slice(*pair) for pair in pairs]
    expected = np.concatenate([rows[block] for block in blocks])
    found = features.read_sparse(blocks)
    assert found.has_canonical_format
    start, stop = sorted(data.draw(st.tuples(bounds, bounds)))
    lengths = features.lengths(start, min(stop, len(rows)))
    np.testing.assert_array_equal(lengths, np.count_nonzero(rows[start:stop], axis=1))
    assert (found.dtype, found.indices.dtype) == (np.float32, np.int32)
    np.testing.assert_array_equal(found.toarray(), expected)
    out = np.full((len(expected) + 1, WIDE), 7, np.float32)
    assert features.read(blocks, out) == len(expected)
    np.testing.assert_array_equal(out[:-1], expected)
    assert (out[-1] == 7).all()


def test_a_row_may_be_chosen_twice(split):
    """As many rows as lie between the first and the last, but not those."""
    train, rows = split
    np.testing.assert_array_equal(train.features[np.array([3, 3, 5])], rows[[3, 3, 5]])


def test_chosen_rows_are_in_the_order_of_their_file(split):
    train, rows = split
    some = train.take(np.array([9, 2, 5]))
    order = [2, 5, 9] if train.features.in_file else [9, 2, 5]
    np.testing.assert_array_equal(some.features[:], rows[order])
    np.testing.assert_array_equal(some.labels, train.labels[order])
    assert isinstance(some.features, ChosenSparseRows if train.features.in_file else SparseRows)


def test_blocks_are_small_whatever_the_rows(monkeypatch, split):
    train, rows = split
    monkeypatch.setattr("tfsoftmax.data.sparse_rows._BLOCK_ENTRIES", 40)
    monkeypatch.setattr("tfsoftmax.data.sparse_files._SPAN_ENTRIES", 30)
    entries_read, read = [], train.features.read_sparse

    def counted(wanted):
        found = read(wanted)
        entries_read.append(found.nnz)
        return found

    monkeypatch.setattr(train.features, "read_sparse", counted)
    blocks = list(sparse_blocks(train.features, 4))
    assert all(block.nnz <= 40 and block.shape[0] <= 4 for _, block in blocks)
    assert all(read <= 40 for read in entries_read)
    np.testing.assert_array_equal(np.concatenate([b.toarray() for _, b in blocks]), rows)
    np.testing.assert_array_equal(train.take(np.arange(0, 40, 7)).features[:], rows[0:40:7])


def test_equal_rows_are_found_as_among_dense_ones():
    rows, others = drawn(3), drawn(4)
    others[5], others[7] = rows[11], rows[2]
    entries = [SparseRows(sparse.csr_array(each)) for each in (rows, others)]
    expected = rows_among(others, rows)
    assert expected.sum() > 2
    for one, other in ((entries[1], entries[0]), (entries[1], rows), (others, entries[0])):
        np.testing.assert_array_equal(rows_among(one, other), expected)
    explicit = sparse.csr_array((np.float32([2, 0, -0.0]), [3, 4, 5], [0, 3]), shape=(1, 9))
    plain = sparse.csr_array((np.float32([2]), [3], [0, 1]), shape=(1, 9))
    assert row_hashes(SparseRows(explicit)) == row_hashes(SparseRows(plain))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("missing", [None, "mean"])
def test_a_bad_value_is_named_as_in_a_dense_row(value, missing):
    rows = drawn(5)
    rows[31, 600] = rows[40, 2] = value
    spec = Spec((WIDE,), "float32", ("a", "b"), missing=missing)
    entries = sparse.csr_array(rows)
    messages = []
    for each in (rows, SparseRows(entries)):
        try:
            check_finite("rows", each, spec, 100)
            messages.append(None)
        except DataError as error:
            messages.append(str(error))
    assert messages[0] == messages[1]
    assert (messages[0] is None) == (missing == "mean" and np.isnan(value))
    assert messages[0] is None or "row 131, feature 600" in messages[0]
    found = [BadRows("rows", True).find_finite("rows", each, spec) for each in (rows, entries)]
    np.testing.assert_array_equal(*found)
    assert found[0].sum() == (58 if messages[0] else 60)


def test_other_units_are_noticed_without_the_zeros():
    rows = np.abs(drawn(6, 200)) + 0
    rows[:, 30] = np.random.default_rng(0).uniform(1, 2, 200)
    scaled = rows * np.float32(255)
    one = rows.copy()
    one[:, 30] *= 100
    spec = Spec((WIDE,), "float32", ("a", "b"))
    for other, words in ((scaled, "typical values are"), (one, "medians of 'feature 30'")):
        found = compare_scales(
            *(SparseRows(sparse.csr_array(each)) for each in (rows, other)), spec
        )
        assert found == compare_scales(rows, other, spec)
        assert words in found
    rare = drawn(6, 200)
    for same in (SparseRows(sparse.csr_array(each)) for each in (rows, rare)):
        assert compare_scales(same, same, spec) is None


def test_files_that_change_are_noticed(tmp_path):
    dataset, source = collected(sparse.csr_array(drawn(7)), tmp_path, 1)
    (entry,) = tmp_path.rglob("rows.npz")
    indices = entry.with_name("features-indices.npy")
    content = bytearray(indices.read_bytes())
    content[128:132] = (10**6).to_bytes(4, "little")
    indices.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read any more: did they change"):
        check_unchanged(dataset, "")
    assert load_cached(source, "key") is None
    ends = entry.with_name("features-ends.npy")
    ends.write_bytes(ends.read_bytes()[:-8])
    assert load_cached(source, "key") is None


def test_a_source_does_not_mix_sparse_and_dense_rows(tmp_path):
    source = Source("rows", SourceOptions(), DatasetCache(tmp_path))
    with collecting(source, "") as collector:
        collector.add(np.zeros((2, 3), np.float32), np.zeros(2))
        with pytest.raises(TypeError, match="either all arrays, or all sparse"):
            collector.add(sparse.csr_array(np.zeros((2, 3), np.float32)), np.zeros(2))


def test_a_split_of_sparse_rows_is_one(tmp_path):
    rows = rows_of_entries(sparse.csr_array(drawn(8)))
    split = Split(rows, np.arange(60, dtype=np.int32) % 3)
    assert len(split.take(np.array([3, 1]))) == 2
