"""Several workers read the parts of a source, each its own: what they find is what one finds."""

import logging

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
from support.tfrecord import example, framed
from support.workers import in_threads

from tfsoftmax import DataError, SourceOptions, UsageError, fit, load_dataset
from tfsoftmax.data.record import DataRecord
from tfsoftmax.data.sharded_rows import in_memory, own_rows
from tfsoftmax.data.source_parts import own_parts, shares
from tfsoftmax.data.split import with_validation
from tfsoftmax.data.statistics import ColumnStatistics, most_frequent, quantiles
from tfsoftmax.training.prepare import with_scaling

COUNTS = [2, 3, 5]


def table(n_rows, seed=0):
    """Numbers of different scales, and a class that the last rows alone have."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n_rows, 3)) * [1, 50, 0.01], columns=["a", "b", "c"])
    frame["d"] = rng.poisson(0.3, n_rows)
    frame["label"] = np.where(frame["a"] > 0, "yes", "no")
    frame.loc[n_rows - 9 :, "label"] = "late"
    return frame


def parquet_file(folder):
    path = folder / "rows.parquet"
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pandas(table(310)), path, row_group_size=70, compression="none"
    )
    return f"parquet:{path}"


def parquet_folder(folder):
    frame = table(310)
    (folder / "parts").mkdir()
    for number, (first, last) in enumerate([(0, 11), (11, 250), (250, 250), (250, 310)]):
        frame[first:last].to_parquet(folder / "parts" / f"{number}.parquet", index=False)
    return f"parquet:{folder / 'parts'}"


def write_records(path, records):
    path.write_bytes(b"".join(framed(record) for record in records))


def tfrecords(folder):
    frame = table(90)
    records = [
        example(features=[float(row.a), float(row.b), float(row.d)], label=[row.label.encode()])
        for row in frame.itertuples()
    ]
    for number, (first, last) in enumerate([(0, 0), (0, 50), (50, 55), (55, 90)]):
        write_records(folder / f"{number}.tfrecord", records[first:last])
    return f"tfrecord:{folder}"


SOURCES = [parquet_file, parquet_folder, tfrecords]


def facts(dataset):
    """What is to be the same for all workers as for one process."""
    recorded = DataRecord.of(dataset)
    validated = with_validation(dataset, 0.3)
    features = dataset.train.features
    scaling = with_scaling(dataset, "auto").spec.scaling
    return {
        "spec": dataset.spec,
        "labels": [part.labels.tolist() for part in validated.splits().values()],
        "rows": in_memory(features).tobytes(),
        "validation": in_memory(validated.validation.features).tobytes(),
        "test": in_memory(dataset.test.features).tobytes(),
        "sha256": [recorded.sha256, validated.sha256()],
        "notes": dataset.notes,
        "shared": (recorded.shared_samples, recorded.first_shared),
        "quantiles": quantiles(features, np.arange(3), [0.25, 0.5]).tolist(),
        "frequent": most_frequent(features, np.arange(3)).tolist(),
        "low and high": (ColumnStatistics.of(features).low.tolist(), scaling.limit),
        "offsets": np.float32(scaling.offset).tolist(),
        "zeros": ColumnStatistics.of(features).zeros.tolist(),
    }


def in_workers(count, task):
    found = in_threads(count, task)
    for each in found:
        if isinstance(each, Exception):
            raise each
    return found


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("make", SOURCES)
def test_workers_find_what_one_process_finds(tmp_path, make, count):
    name = make(tmp_path)
    expected = facts(load_dataset(name))

    def read(workers):
        dataset = load_dataset(name, workers=workers, data_dir=tmp_path / "cache")
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


@pytest.mark.parametrize("make", SOURCES)
def test_rows_beyond_memory_are_in_files_and_cached(tmp_path, make, monkeypatch):
    name = make(tmp_path)
    expected = facts(load_dataset(name))
    options = SourceOptions(memory_limit=200)

    def read(workers):
        cache = tmp_path / "cache"
        dataset = load_dataset(name, workers=workers, options=options, data_dir=cache)
        assert dataset.train.features.in_file
        return facts(dataset)

    for _ in range(2):
        for each in in_workers(2, read):
            assert each["sha256"] == expected["sha256"]
            assert each["test"] == expected["test"]
        monkeypatch.setattr("tfsoftmax.data.collector.Collector.add", None)  # Cached by now.


def test_text_columns_single_files_and_other_encodings_are_read_whole(tmp_path):
    write_records(tmp_path / "one.tfrecord", [example(features=[1.0], label=[0])] * 5
                  + [example(features=[2.0], label=[1])] * 5)  # fmt: skip
    table(40).assign(word="some text").to_parquet(tmp_path / "t.parquet", row_group_size=10)
    for name in (f"tfrecord:{tmp_path / 'one.tfrecord'}", f"parquet:{tmp_path / 't.parquet'}"):
        for dataset in in_workers(
            2, lambda workers, name=name: load_dataset(name, workers=workers)
        ):
            assert own_rows(dataset.train.features) is dataset.train.features


BAD = {
    "a value": (lambda row: {"features": [float("nan"), 1.0], "label": [row % 2]}, "record 3"),
    "a label": (lambda row: {"features": [1.0, 2.0], "label": [b""]}, "record 3"),
    "the width": (lambda row: {"features": [1.0], "label": [row % 2]}, "record 3"),
}


@pytest.mark.parametrize("which", BAD)
@pytest.mark.parametrize("bad_file", [0, 2])
def test_all_end_with_the_same_error(tmp_path, which, bad_file):
    make, record = BAD[which]
    for number in range(3):
        rows = [{"features": [row, 1.0], "label": [row % 2]} for row in range(8)]
        rows = [{**row, "features": list(map(float, row["features"]))} for row in rows]
        if number == bad_file:
            rows[2] = make(2)
        write_records(tmp_path / f"{number}.tfrecord", [example(**row) for row in rows])
    with pytest.raises(DataError) as alone:
        load_dataset(f"tfrecord:{tmp_path}")
    assert f"{bad_file}.tfrecord, {record}" in str(alone.value)
    found = in_threads(3, lambda workers: load_dataset(f"tfrecord:{tmp_path}", workers=workers))
    assert [type(each) for each in found] == [DataError] * 3
    assert {str(each) for each in found} == {str(alone.value)}
    assert {each.options for each in found} == {alone.value.options}


def test_bad_rows_of_all_are_skipped_and_counted(tmp_path, caplog):
    frame = table(100)
    frame.loc[[3, 60, 61], "b"] = np.nan
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pandas(frame), tmp_path / "t.parquet", row_group_size=20
    )
    name, options = f"parquet:{tmp_path / 't.parquet'}", SourceOptions(bad_rows="skip")
    expected = load_dataset(name, options=options)
    with caplog.at_level(logging.ERROR):
        found = in_workers(3, lambda each: load_dataset(name, options=options, workers=each))
    for dataset in found:
        assert dataset.notes == expected.notes
        assert dataset.notes.skipped[0].rows == 3


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
    name = tfrecords(tmp_path)

    def read(workers):
        return load_dataset(name, workers=workers).train.features[:]

    for error in in_threads(2, read):
        assert isinstance(error, UsageError)
        assert "has read its own parts" in str(error)


def test_only_the_workers_that_have_read_the_parts_train_on_them(tmp_path):
    name = tfrecords(tmp_path)

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
