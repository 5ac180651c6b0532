"""Rows that do not fit in memory, kept on the disk, and used again only for the same data."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.data_files import CODES, FILES, FRAME, NUMBERS, N, csv, npy, npz, rows_of

from tfsoftmax import DataError, SourceOptions, from_arrays, from_frame, load_dataset
from tfsoftmax.data.features import ChosenRows
from tfsoftmax.data.source import Source

SPILLED = {kind: FILES[kind] for kind in ("csv", "parquet, parts", "npz, float64", "tfrecord")}


@pytest.mark.parametrize("kind", SPILLED)
def test_rows_kept_on_the_disk_are_the_same_dataset_and_used_again(tmp_path, kind, monkeypatch):
    write, _, how = SPILLED[kind]
    folder, kept = tmp_path / "data", tmp_path / "kept"
    folder.mkdir()
    name = write(folder)
    options = SourceOptions(**how, memory_limit=200)
    in_memory = load_dataset(name, data_dir=kept, options=options.but(memory_limit=2**20))
    assert not kept.exists()
    spilled = load_dataset(name, data_dir=kept, options=options)
    assert isinstance(spilled.train.features, ChosenRows)
    assert spilled.sha256() == in_memory.sha256()
    assert len(list(kept.rglob("rows-*"))) == 1
    assert not list(kept.rglob(".staging*"))
    before = {path: path.stat().st_mtime_ns for path in kept.rglob("*")}
    other = options.but(test_fraction=0.5)
    assert load_dataset(name, data_dir=kept, options=options).sha256() == in_memory.sha256()
    assert len(load_dataset(name, data_dir=kept, options=other).test) == N / 2
    assert {path: path.stat().st_mtime_ns for path in kept.rglob("*")} == before


def test_a_data_dir_that_cannot_be_made_is_named_and_not_the_file(tmp_path):
    name, options = csv(tmp_path), SourceOptions(memory_limit=200)
    with pytest.raises(DataError, match="cannot be kept in /proc/nowhere/.*another data_dir$"):
        load_dataset(name, data_dir="/proc/nowhere/kept", options=options)
    # Rows in memory need none.
    assert load_dataset(name, data_dir="/proc/nowhere/kept").spec.n_features == 3


def test_kept_rows_are_not_read_anew_unless_the_file_changed(tmp_path, monkeypatch):
    kept, options = tmp_path / "kept", SourceOptions(memory_limit=200)
    name = csv(tmp_path)
    first = load_dataset(name, data_dir=kept, options=options).sha256()
    with monkeypatch.context() as patch:
        patch.setattr("tfsoftmax.data.readers.csv.read_parts", None)
        assert load_dataset(name, data_dir=kept, options=options).sha256() == first
    csv(tmp_path, frame=FRAME.assign(width=FRAME["width"] * 2))
    changed = load_dataset(name, data_dir=kept, options=options)
    np.testing.assert_array_equal(rows_of(changed)[0], NUMBERS * np.float32([1, 2, 1]))
    # Read otherwise, it is another dataset.
    dropped = load_dataset(name, data_dir=kept, options=options.but(drop=("width",)))
    assert dropped.spec.n_features == 2


def test_arrays_stay_in_their_file(tmp_path):
    for name in (
        npy(tmp_path, features=NUMBERS, labels=CODES),
        npz(tmp_path, features=NUMBERS, labels=CODES),
    ):
        dataset = load_dataset(name, data_dir=tmp_path / "kept")
        for split in (dataset.train, dataset.test):
            assert isinstance(split.features, ChosenRows)
            assert split.features.in_file
        assert not (tmp_path / "kept").exists()
    mapped = from_arrays(np.load(tmp_path / "features.npy", mmap_mode="r"), CODES)
    assert isinstance(mapped.train.features, ChosenRows)


def test_a_sources_key_is_of_its_files_and_how_they_are_read(tmp_path):
    path = Path(csv(tmp_path).partition(":")[2])

    def key(name=f"csv:{path}", **how):
        return Source(name, SourceOptions(**how), None).key([path])

    assert key() == key(memory_limit=5) == key(test_fraction=0.5)
    first = key()
    assert len({first, key(drop=("row",)), key(missing="mean"), key(name="parquet:x")}) == 4
    path.touch()
    assert key() == first
    status = path.stat()
    path.write_text(path.read_text().replace("1", "2"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    assert key() != first


@pytest.mark.parametrize(
    "make", [from_frame, lambda frame, **how: from_arrays(frame[["x"]], CODES, **how)]
)
def test_rows_in_memory_that_spill_are_never_taken_for_others(tmp_path, monkeypatch, make):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    options = SourceOptions(memory_limit=100)
    for first in (0.0, 1000.0):
        frame = pd.DataFrame({"x": np.arange(N) + first, "label": CODES})
        features, _ = rows_of(make(frame, options=options))
        np.testing.assert_array_equal(features[:, 0], frame["x"])


@pytest.mark.parametrize(
    ("file", "kept_bytes"),
    [("features.npy", 0), ("features.npy", 1), ("features.npy", 150), ("rows.npz", 0)],
)
def test_kept_rows_that_are_damaged_are_read_anew(tmp_path, file, kept_bytes):
    name, options = csv(tmp_path), SourceOptions(memory_limit=100)
    first = load_dataset(name, data_dir=tmp_path / "kept", options=options).sha256()
    path = next((tmp_path / "kept").rglob(file))
    path.write_bytes(path.read_bytes()[:kept_bytes])
    for _ in range(2):
        assert load_dataset(name, data_dir=tmp_path / "kept", options=options).sha256() == first


def test_rows_that_are_refused_are_not_kept(tmp_path):
    frame = pd.concat([FRAME, FRAME[:1].assign(label="rare")])
    name, options = csv(tmp_path, frame=frame), SourceOptions(memory_limit=100)
    with pytest.raises(DataError, match="class 'rare' has one row only"):
        load_dataset(name, data_dir=tmp_path / "kept", options=options)
    assert not (tmp_path / "kept").exists()
