"""Data that somebody writes to: what is trained on is what the checksum says, or it is an error."""

import os

import numpy as np
import pandas as pd
import pytest
from support.commands import assert_one_line, run

from tfsoftmax import DataError, SourceOptions, load_dataset
from tfsoftmax.cli.train import main as train_command
from tfsoftmax.data.readers import csv

_FRAME = pd.DataFrame({"x": np.arange(100.0), "label": ["a", "b"] * 50})


@pytest.fixture
def table(tmp_path):
    _FRAME.to_csv(tmp_path / "rows.csv", index=False)
    return tmp_path / "rows.csv"


def on_disk(table, **how):
    """Loaded with so little memory that the rows are kept on the disk."""
    options = SourceOptions(memory_limit=64)
    return load_dataset(f"csv:{table}", data_dir=table.parent / "kept", options=options)


def rows(dataset):
    return sorted(dataset.train.features[:].ravel()) + sorted(dataset.test.features[:].ravel())


def test_other_content_of_the_same_size_and_time_is_read_again(table):
    before, status = rows(on_disk(table)), table.stat()
    table.write_text(table.read_text().replace("\n1", "\n2"))
    os.utime(table, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (table.stat().st_size, table.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    assert rows(on_disk(table)) != before


def test_a_file_that_was_only_touched_is_not_copied_again(table, monkeypatch):
    before = on_disk(table).sha256()
    os.utime(table, ns=(1, 1))
    monkeypatch.setattr(csv, "read_parts", None)  # would be called
    assert on_disk(table).sha256() == before
    assert len(list((table.parent / "kept/tfsoftmax-cache/1").iterdir())) == 1


@pytest.mark.parametrize("limit", [64, 2**20])
def test_a_file_written_to_while_it_is_read_is_an_error(table, monkeypatch, limit):
    read_parts = csv.read_parts

    def read_and_write(*args, **kwargs):
        yield from read_parts(*args, **kwargs)
        table.write_text(table.read_text() + "1,a\n")

    monkeypatch.setattr(csv, "read_parts", read_and_write)
    with pytest.raises(DataError, match=r"rows\.csv changed while it was read; start again"):
        load_dataset(
            f"csv:{table}",
            data_dir=table.parent / "kept",
            options=SourceOptions(memory_limit=limit),
        )
    assert not (table.parent / "kept").exists()


def saved(folder, rows):
    np.save(folder / "features.npy", rows)
    np.save(folder / "labels.npy", np.array([0, 1] * 50))
    return f"npy:{folder}"


def test_a_mapped_array_that_was_rewritten_has_another_checksum(tmp_path):
    from tfsoftmax.data.dataset import check_unchanged

    first = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    dataset = load_dataset(saved(tmp_path, first), data_dir=tmp_path)
    checksum = dataset.sha256()
    check_unchanged(dataset, checksum)
    saved(tmp_path, first + 1)
    with pytest.raises(DataError, match="the data changed while it was used"):
        check_unchanged(dataset, checksum)


def test_no_model_comes_of_an_array_that_is_rewritten_during_the_run(tmp_path, monkeypatch):
    first = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    name = saved(tmp_path, first)
    from tfsoftmax.cli import train

    trained_on = train.trained_on

    def train_and_write(*args):
        saved(tmp_path, first + 1)
        return trained_on(*args)

    monkeypatch.setattr(train, "trained_on", train_and_write)
    models = tmp_path / "models"
    result = run(
        train_command, "--dataset", name, "--epochs", "1", "--l2", "1", "--output-dir", models
    )
    assert_one_line(result, 1, "the data changed while it was used")
    assert not list(models.rglob("tfsoftmax.json"))
