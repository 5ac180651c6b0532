"""svmlight files, as scikit-learn reads them, but in parts and without the zeros."""

import bz2
import gzip
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.datasets import dump_svmlight_file, load_svmlight_file
from support.data_files import rows_of

from tfsoftmax import SourceOptions, load_dataset
from tfsoftmax.data.features import features_of
from tfsoftmax.data.record import DataRecord
from tfsoftmax.data.sparse_rows import SparseFeatures

PARTS = "tfsoftmax.data.readers.svmlight._PART_BYTES"
PACKED = {"rows.svm": bytes, "rows.svm.gz": gzip.compress, "rows.svm.bz2": bz2.compress}


def sorted_rows(features, labels):
    return sorted(
        (str(label), *map(float, row)) for row, label in zip(features, labels, strict=True)
    )


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    width=st.sampled_from([3, 600, 3000]),
    zero_based=st.booleans(),
    part_bytes=st.sampled_from([1, 300, 2**22]),
    limit=st.sampled_from([1, 3000, 2**30]),
    name=st.sampled_from(sorted(PACKED)),
)
def test_rows_are_as_scikit_learn_reads_them(
    tmp_path_factory, seed, width, zero_based, part_bytes, limit, name
):
    folder = tmp_path_factory.mktemp("svm")
    generator = np.random.default_rng(seed)
    rows = sparse.random(30, width, 0.02, format="csr", random_state=generator)
    labels = np.arange(30) % 3 - 1
    dump_svmlight_file(rows, labels, str(folder / "raw"), zero_based=zero_based)
    path = folder / name
    path.write_bytes(PACKED[name]((folder / "raw").read_bytes()))
    if not rows.nnz:
        return
    expected, _ = load_svmlight_file(str(folder / "raw"), dtype=np.float32)
    options = SourceOptions(memory_limit=limit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PARTS, part_bytes)
        dataset = load_dataset(f"svmlight:{path}", data_dir=folder / "kept", options=options)
    assert dataset.spec.n_features == expected.shape[1]
    found, names = rows_of(dataset)
    assert sorted_rows(found, names) == sorted_rows(expected.toarray(), labels)
    whole = load_dataset(f"svmlight:{path}", data_dir=folder)
    assert whole.sha256() == dataset.sha256()
    assert isinstance(whole.train.features, SparseFeatures) == (expected.shape[1] > 512)
    again = load_dataset(f"svmlight:{path}", data_dir=folder / "kept", options=options)
    assert again.sha256() == dataset.sha256()


def test_sparse_rows_are_as_scikit_learn_reads_them(tmp_path):
    path = tmp_path / "rows.svm"
    path.write_text("".join(f"{n % 2} qid:1 1:{n} {n % 7 + 2}:1.5 # note\n" for n in range(30)))
    expected, labels = load_svmlight_file(str(path))
    features, names = rows_of(load_dataset(f"svmlight:{path}"))
    np.testing.assert_array_equal(features, expected.toarray())
    np.testing.assert_array_equal(names, labels.astype(int).astype(str))


def test_empty_rows_and_lines_are_read(tmp_path):
    path = tmp_path / "rows.svm"
    path.write_text("# of somebody\n1 700:2\n\n0\n1 5:1 700:0\n0 # empty\n" * 4)
    dataset = load_dataset(f"svmlight:{path}")
    assert dataset.notes.rows == 16
    rows = np.concatenate([np.asarray(split.features) for split in dataset.splits().values()])
    assert rows.shape == (16, 700)
    assert np.count_nonzero(rows) == np.count_nonzero(rows[:, [4, 699]]) == 8


@pytest.mark.parametrize("part_bytes", [1, 2**22])
def test_indices_count_from_0_if_one_is_0_anywhere_or_as_told(tmp_path, part_bytes, monkeypatch):
    monkeypatch.setattr(PARTS, part_bytes)
    path = tmp_path / "rows.svm"

    def read(text, **options):
        path.write_text(text)
        found = load_dataset(f"svmlight:{path}", options=SourceOptions(**options))
        return found.spec.n_features, DataRecord.of(found).options.first_index

    ones = "0 1:1\n1 3:1\n" * 5
    assert read(ones) == (3, 1)
    assert read(ones + "1 0:1\n") == (4, 0)
    assert read(ones, first_index=0) == (4, 0)
    assert read(ones, first_index=1) == (3, 1)


def test_a_model_reads_other_files_as_it_read_its_own(tmp_path):
    """Without an index of 0 the same features would be those beside them."""
    first, other = tmp_path / "first.svm", tmp_path / "other.svm"
    first.write_text("0 0:1\n1 2:1\n" * 5)
    other.write_text("0 1:1\n1 2:1\n" * 5)
    trained = load_dataset(f"svmlight:{first}")
    options = DataRecord.of(trained).options
    found = load_dataset(f"svmlight:{other}", options=options, model=trained.spec)
    assert sum(part.features.sum(axis=0) for part in (found.train, found.test)).tolist() == [
        0,
        5,
        5,
    ]


def test_a_wide_file_takes_memory_for_its_entries_alone(tmp_path):
    """With their zeros, these rows would take 4 GB."""
    generator = np.random.default_rng(0)
    rows = sparse.random(1000, 10**6, 5e-6, format="csr", random_state=generator)
    path = tmp_path / "wide.svm"
    dump_svmlight_file(rows, np.arange(1000) % 2, str(path), zero_based=False)
    load_dataset(f"svmlight:{path}")  # imports
    for limit in (2**30, 1000):
        tracemalloc.start()
        try:
            options = SourceOptions(memory_limit=limit)
            dataset = load_dataset(f"svmlight:{path}", data_dir=tmp_path, options=options)
            DataRecord.of(dataset)
            assert tracemalloc.get_traced_memory()[1] < 2**24
        finally:
            tracemalloc.stop()
        assert features_of(dataset.train.features).in_file == (limit == 1000)
        assert len(dataset.train) == 800


def test_a_wide_file_is_read_though_a_row_with_its_zeros_exceeds_the_limit(tmp_path):
    path = tmp_path / "rows.svm"
    path.write_text("".join(f"{n % 2} {n + 1}:1 90000:2\n" for n in range(20)))
    options = SourceOptions(memory_limit=100)
    dataset = load_dataset(f"svmlight:{path}", data_dir=tmp_path / "kept", options=options)
    assert dataset.sha256() == load_dataset(f"svmlight:{path}").sha256()
    np.testing.assert_array_equal(np.asarray(dataset.train.features)[:, -1], 2)
