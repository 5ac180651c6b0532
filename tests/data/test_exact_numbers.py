"""A number that would become another one without a word is an error; other scales are noted."""

import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from tfsoftmax import DataError, SourceOptions, from_arrays, from_frame, from_tf_data, load_dataset

_LABELS = np.array([0, 1] * 50)


def saved(folder, **arrays):
    np.savez(folder / "data.npz", **arrays)
    return f"npz:{folder / 'data.npz'}"


@pytest.fixture
def bytes_to_train_on():
    return np.random.default_rng(0).integers(0, 256, (100, 5), np.uint8)


@pytest.mark.parametrize("value", [-39.6, 0.5, 256.0, 300.25, -1.0])
def test_a_test_value_that_no_byte_can_hold_is_an_error(tmp_path, bytes_to_train_on, value):
    """-39.6 became 217, and 0.5 became 0."""
    test = bytes_to_train_on.astype(np.float64)
    test[7, 3] = value
    name = saved(tmp_path, x_train=bytes_to_train_on, y_train=_LABELS, x_test=test, y_test=_LABELS)
    expected = rf"test rows, row 7, feature 3: found {value:g}; .* from 0 to 255: save both parts"
    with pytest.raises(DataError, match=expected):
        load_dataset(name, data_dir=tmp_path)


def test_test_values_that_fit_are_taken_whatever_their_type(tmp_path, bytes_to_train_on):
    test = bytes_to_train_on[:50].astype(np.float64)
    name = saved(
        tmp_path, x_train=bytes_to_train_on, y_train=_LABELS, x_test=test, y_test=_LABELS[:50]
    )
    assert np.array_equal(load_dataset(name, data_dir=tmp_path).test.features, test)


def test_test_rows_of_another_scale_are_noted(caplog):
    digits = load_digits()
    rows, labels = digits.data.astype(np.float32) * 16, digits.target
    with caplog.at_level(logging.WARNING):
        from_arrays(rows[:1400], labels[:1400], test=(rows[1400:], labels[1400:]))
    assert "scale" not in caplog.text
    with caplog.at_level(logging.WARNING):
        from_arrays(rows[:1400], labels[:1400], test=(rows[1400:] / 255, labels[1400:]))
    assert "in the test rows; scale both alike" in caplog.text


def test_one_column_in_another_unit_is_noted_by_name(caplog):
    metres = np.random.default_rng(0).normal(5, 1, (100, 4))
    millimetres = metres * [1, 1, 1000, 1]
    names = ["a", "b", "length", "c"]
    with caplog.at_level(logging.WARNING):
        from_arrays(metres, _LABELS, test=(millimetres, _LABELS), feature_names=names)
    assert "medians of 'length' are" in caplog.text


def test_sparse_rows_and_columns_without_values_are_no_other_scale(caplog):
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.05, (200, 300)).astype(np.float32)
    counts[:, 7] = np.nan
    options = SourceOptions(missing="mean")
    with caplog.at_level(logging.WARNING):
        from_arrays(counts[:100], _LABELS, test=(counts[100:], _LABELS), options=options)
    assert "scale" not in caplog.text


_IDENTIFIERS = 2**60 + np.arange(100)


def as_npz(frame, folder):
    load_dataset(
        saved(folder, features=frame[["x", "number"]].to_numpy(), labels=frame["label"].to_numpy()),
        data_dir=folder,
    )


def as_csv(frame, folder):
    frame.to_csv(folder / "rows.csv", index=False)
    load_dataset(f"csv:{folder / 'rows.csv'}", data_dir=folder)


def as_parquet(frame, folder):
    frame.to_parquet(folder / "rows.parquet")
    load_dataset(f"parquet:{folder / 'rows.parquet'}", data_dir=folder)


def as_csv_with_missing(frame, folder):
    frame.to_csv(folder / "rows.csv", index=False)
    options = SourceOptions(missing="mean")
    load_dataset(f"csv:{folder / 'rows.csv'}", data_dir=folder, options=options)


def as_parquet_with_missing(frame, folder):
    frame.to_parquet(folder / "rows.parquet")
    options = SourceOptions(missing="mean")
    load_dataset(f"parquet:{folder / 'rows.parquet'}", data_dir=folder, options=options)


def as_frame(frame, _):
    from_frame(frame)


def as_nullable_frame(frame, _):
    from_frame(frame.astype({"number": "Int64"}))


@pytest.mark.parametrize("read", [as_npz, as_csv, as_parquet, as_frame, as_nullable_frame])
def test_whole_numbers_beyond_2_to_the_53_that_become_one_are_an_error(tmp_path, read):
    frame = pd.DataFrame({"x": range(100), "number": _IDENTIFIERS, "label": _LABELS})
    with pytest.raises(
        DataError, match=r"1152921504606846977 and 1152921504606846976 are the same"
    ):
        read(frame, tmp_path)


@pytest.mark.parametrize("read", [as_csv_with_missing, as_parquet_with_missing])
def test_missing_values_beside_them_do_not_hide_it(tmp_path, read):
    """pandas makes float64 of such a column."""
    frame = pd.DataFrame({"x": range(100), "number": _IDENTIFIERS, "label": _LABELS})
    frame["number"] = frame["number"].astype("Int64").mask(frame["x"] == 3)
    with pytest.raises(DataError, match=r"row 2, column 'number': 1152921504606846977 and"):
        read(frame, tmp_path)


def test_whole_numbers_of_25_digits_are_looked_at_as_texts(tmp_path):
    frame = pd.DataFrame({"number": [10**24 + n for n in range(100)], "label": _LABELS})
    with pytest.raises(DataError, match=f"{10**24 + 1} and {10**24} are the same"):
        as_csv(frame, tmp_path)


def test_large_measurements_with_some_missing_are_no_whole_numbers(tmp_path):
    mass = np.round(np.random.default_rng(0).uniform(1, 9, 100), 3) * 1e30
    mass[5] = np.nan
    pd.DataFrame({"mass": mass, "label": _LABELS}).to_csv(tmp_path / "stars.csv", index=False)
    options = SourceOptions(missing="mean")
    dataset = load_dataset(f"csv:{tmp_path / 'stars.csv'}", data_dir=tmp_path, options=options)
    assert len(dataset.train) == 80


def test_seconds_of_one_hour_are_an_error_and_seconds_of_a_month_are_not():
    seconds = 1_700_000_000 + np.arange(100) * 36
    with pytest.raises(DataError, match=r"row \d+, feature 0: .* subtract what all have in common"):
        from_arrays(seconds[:, None], _LABELS)
    assert len(from_arrays((seconds - 1_700_000_000)[:, None], _LABELS).train)
    assert len(from_arrays((1_700_000_000 + np.arange(100) * 26_000)[:, None], _LABELS).train)


def test_a_table_in_parts_is_judged_as_a_whole(monkeypatch, tmp_path):
    """A part sorted by time spans an hour, the file a month."""
    monkeypatch.setattr("tfsoftmax.data.readers.csv_file._NUMBERS_PER_PART", 30)
    seconds = 1_700_000_000 + np.repeat(np.arange(10), 10) * 260_000 + np.tile(np.arange(10), 10)
    frame = pd.DataFrame({"when": seconds, "label": _LABELS})
    frame.to_csv(tmp_path / "rows.csv", index=False)
    assert len(load_dataset(f"csv:{tmp_path / 'rows.csv'}", data_dir=tmp_path).train) == 80
    frame["when"] = 1_700_000_000 + np.arange(100)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(DataError, match="column 'when'"):
        load_dataset(f"csv:{tmp_path / 'rows.csv'}", data_dir=tmp_path)


def test_large_counts_some_of_which_are_neighbours_are_no_error():
    counts = np.append(np.arange(98), [20_000_000, 20_000_001])
    assert len(from_arrays(counts[:, None], _LABELS).train)


def test_whole_numbers_in_tensorflows_forms_are_looked_at_too(tmp_path):
    import tensorflow as tf

    def int64s(*values):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    with tf.io.TFRecordWriter(str(tmp_path / "rows.tfrecord")) as writer:
        for row in range(10):
            found = {"features": int64s(row, 2**60 + row), "label": int64s(row % 2)}
            example = tf.train.Example(features=tf.train.Features(feature=found))
            writer.write(example.SerializeToString())
    with pytest.raises(DataError, match=r"row 2, feature 1: 1152921504606846977 and"):
        load_dataset(f"tfrecord:{tmp_path / 'rows.tfrecord'}", data_dir=tmp_path)
    pairs = tf.data.Dataset.from_tensor_slices((_IDENTIFIERS[:, None], _LABELS))
    with pytest.raises(DataError, match=r"row 1, feature 0: 1152921504606846977 and"):
        from_tf_data(pairs)


@pytest.mark.parametrize(("offset", "noted"), [(0, False), (1e4, False), (1e6, True), (1e9, True)])
def test_numbers_far_from_0_that_float32_rounds_away_are_noted(tmp_path, caplog, offset, noted):
    """A model of such a column is another one than of the same column less its mean."""
    frame = pd.DataFrame({"a": np.random.default_rng(0).normal(offset, 1, 100), "label": _LABELS})
    frame["exact"] = offset + np.arange(100) % 2 * 64
    frame["constant"] = 0.1
    lost = np.abs(frame["a"] - frame["a"].astype(np.float32)).max() / np.ptp(frame["a"])
    assert noted == (lost > 1 / 300)
    frame.to_csv(tmp_path / "far.csv", index=False)
    frame.to_parquet(tmp_path / "far.parquet")
    for load in (
        lambda: load_dataset(str(tmp_path / "far.csv"), data_dir=tmp_path),
        lambda: load_dataset(str(tmp_path / "far.parquet"), data_dir=tmp_path),
        lambda: from_frame(frame, options=SourceOptions(label_column="label")),
        lambda: from_arrays(frame[["a", "exact", "constant"]].to_numpy(), _LABELS),
    ):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            load()
        found = [line for line in caplog.messages if "float32" in line]
        assert len(found) == noted, found
        assert not noted or ("column 'a': beside" in found[0] or "feature 0: beside" in found[0])


def test_rows_of_float32_lose_nothing(caplog):
    rows = np.random.default_rng(0).normal(1e6, 1, (100, 2)).astype(np.float32)
    with caplog.at_level(logging.WARNING):
        from_arrays(rows, _LABELS)
    assert not caplog.messages
