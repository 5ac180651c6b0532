"""Several workers read the parts of a source, each its own: what they find is what one finds."""

import numpy as np
import pytest
from support.marks import slow_but
from support.parted import (
    SOURCES,
    full_records,
    in_workers,
    mixed_csv,
    mixed_parquet,
    packed_npz,
    sparse_records,
    table,
    tfrecords,
    write_records,
)
from support.tfrecord import example
from support.workers import in_threads

from tfsoftmax import SourceOptions, UsageError, fit, load_dataset
from tfsoftmax.data.record import DataRecord
from tfsoftmax.data.sharded_rows import in_memory, own_rows
from tfsoftmax.data.source_parts import own_parts, own_range, shares
from tfsoftmax.data.sparse_rows import SparseFeatures
from tfsoftmax.data.split import with_validation
from tfsoftmax.data.statistics import ColumnStatistics, most_frequent, quantiles
from tfsoftmax.training.prepare import with_scaling

COUNTS = [2, 3, 5]


@pytest.fixture
def source(request, tmp_path):
    """A function that loads one of the sources."""
    (tmp_path / "source").mkdir()
    name, options = request.param(tmp_path / "source")

    def load(memory_limit=None, **how):
        chosen = options or SourceOptions()
        chosen = chosen if memory_limit is None else chosen.but(memory_limit=memory_limit)
        return load_dataset(name, options=chosen, data_dir=tmp_path / "cache", **how)

    return load


def content(features):
    """The bytes of rows, whoever has them."""
    found = in_memory(features)
    arrays = [found] if isinstance(found, np.ndarray) else [found.indices, found.data, found.indptr]
    return b"".join(array.tobytes() for array in arrays)


def facts(dataset):
    """What is to be the same for all workers as for one process."""
    recorded = DataRecord.of(dataset)
    validated = with_validation(dataset, 0.3)
    features = dataset.train.features
    scaling = with_scaling(dataset, "auto").spec.scaled_by
    return {
        "spec": dataset.spec,
        "labels": [part.labels.tolist() for part in validated.splits().values()],
        "rows": content(features),
        "validation": content(validated.validation.features),
        "test": content(dataset.test.features),
        "sha256": [recorded.sha256, validated.sha256()],
        "notes": dataset.notes,
        "shared": (recorded.shared_samples, recorded.first_shared),
        "quantiles": quantiles(features, np.arange(3), [0.25, 0.5]).tolist(),
        "frequent": most_frequent(features, np.arange(3)).tolist(),
        "low and high": (ColumnStatistics.of(features).low.tolist(), scaling.limit),
        "offsets": np.float32(scaling.offset).tolist(),
        "zeros": ColumnStatistics.of(features).zeros.tolist(),
    }


@pytest.mark.parametrize("count", slow_but([3], COUNTS))
@pytest.mark.parametrize("source", SOURCES, indirect=True)
def test_workers_find_what_one_process_finds(source, count):
    expected = facts(source())

    def read(workers):
        dataset = source(workers=workers)
        own = len(own_rows(dataset.train.features))
        assert dataset.test.features.here == workers.is_chief
        return own, len(dataset.train), facts(dataset)

    found = in_workers(count, read)
    assert sum(own for own, _, _ in found) == found[0][1]
    assert all(own < total for own, total, _ in found)
    for _, _, each in found:
        for key, value in expected.items():
            if key != "offsets":
                assert each[key] == value, key
        np.testing.assert_allclose(each["offsets"], expected["offsets"], rtol=1e-7)


# A record of many ids has more bytes than rows of other sources have all together.
LIMITS = {sparse_records: 4000, full_records: 4000}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "limit"),
    [(each, LIMITS.get(each, 200)) for each in SOURCES if each is not packed_npz],
    indirect=["source"],
)
def test_rows_beyond_memory_are_in_files_and_cached(source, limit, monkeypatch):
    expected = facts(source())

    def read(workers):
        dataset = source(limit, workers=workers)
        assert dataset.train.features.in_file
        return facts(dataset)

    for _ in range(2):
        for each in in_workers(2, read):
            assert each["sha256"] == expected["sha256"]
            assert each["test"] == expected["test"]
        monkeypatch.setattr("tfsoftmax.data.collector.Collector.add", None)  # Cached by now.


@pytest.mark.parametrize("source", [mixed_parquet, mixed_csv], indirect=True)
def test_cells_of_all_workers_are_kept_to_check_exports_on(source):
    for dataset in in_workers(3, lambda workers: source(workers=workers)):
        days = dataset.test.raw["day"]
        assert len(days) >= 250
        assert sorted(set(days)) == sorted(days)
        assert {cell[:4] for cell in days} == {"2024"}


def read_whole(folder):
    """Sources of which each worker has to read all."""
    write_records(folder / "one.tfrecord", [example(features=[1.0], label=[0])] * 5
                  + [example(features=[2.0], label=[1])] * 5)  # fmt: skip
    yield f"tfrecord:{folder / 'one.tfrecord'}"
    frame = table(60)
    frame.to_csv(folder / "one.csv", index=False)
    yield f"csv:{folder / 'one.csv'}"
    prices = frame["a"].abs().map("${:.2f}".format)
    names = [f"n{row}" for row in range(60)]
    columns = {"prices": prices, "late words": "no", "names": names}
    for what, cells in columns.items():
        (folder / what).mkdir()
        rows = frame.assign(word=cells)
        frames = [rows[:30].assign(word=False) if what == "late words" else rows[:30], rows[30:]]
        for number, each in enumerate(frames):
            each.to_csv(folder / what / f"{number}.csv", index=False)
        yield f"csv:{folder / what}"


def test_what_one_has_to_see_as_a_whole_is_read_whole(tmp_path):
    for name in read_whole(tmp_path):
        expected = load_dataset(name)
        for dataset in in_workers(
            2, lambda workers, name=name: load_dataset(name, workers=workers)
        ):
            assert own_rows(dataset.train.features) is dataset.train.features, name
            assert dataset.sha256() == expected.sha256()
            assert dataset.notes == expected.notes


@pytest.mark.parametrize("source", [sparse_records, full_records], indirect=True)
def test_all_keep_rows_in_the_same_way_as_one(source):
    expected = isinstance(source().train.features, SparseFeatures)
    for count in COUNTS:
        for dataset in in_workers(count, lambda workers: source(workers=workers)):
            features = dataset.train.features
            assert isinstance(features, SparseFeatures) == expected
            assert isinstance(features.own, SparseFeatures) == expected


def test_workers_that_see_other_files_are_named(tmp_path):
    for worker in range(2):
        folder = tmp_path / str(worker) / "rows"
        folder.mkdir(parents=True)
        for number in range(2 + worker):
            write_records(
                folder / f"{number}.tfrecord",
                [example(features=[1.0 * row], label=[row % 2]) for row in range(9)],
            )

    def read(workers):
        return load_dataset(f"tfrecord:{tmp_path / str(workers.index) / 'rows'}", workers=workers)

    for error in in_threads(2, read):
        assert "worker 1 of 2 finds other files" in str(error)


def test_rows_of_others_are_refused(tmp_path):
    name, _ = tfrecords(tmp_path)

    def read(workers):
        return load_dataset(name, workers=workers).train.features[:]

    for error in in_threads(2, read):
        assert isinstance(error, UsageError)
        assert "has read its own parts" in str(error)


def test_only_the_workers_that_have_read_the_parts_train_on_them(tmp_path):
    name, _ = tfrecords(tmp_path)

    def train(workers):
        return fit(load_dataset(name, workers=workers))

    for error in in_threads(2, train):
        assert isinstance(error, UsageError)
        assert "was read by 2 workers" in str(error)


def test_parts_are_dealt_in_order_by_their_size():
    rng = np.random.default_rng(0)
    for count in (1, 2, 7):
        for n_parts in (1, 2, 5, 40):
            sizes = rng.integers(0, 100, n_parts).tolist()
            dealt = shares(sizes, count)
            assert [part for each in dealt for part in each] == list(range(n_parts))
            most = max(sum(sizes[part] for part in each) for each in dealt)
            assert most <= sum(sizes) / count + max(sizes)
    assert own_parts("x", [("a", 1)], type("Alone", (), {"count": 1, "index": 0})()) == range(1)
    for n_rows in (0, 3, 100):
        workers = [type("Worker", (), {"count": 7, "index": index})() for index in range(7)]
        ranges = [own_range(n_rows, each) for each in workers]
        assert [row for each in ranges for row in each] == list(range(n_rows))
        assert max(map(len, ranges)) - min(map(len, ranges)) <= 1
