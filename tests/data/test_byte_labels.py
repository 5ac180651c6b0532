"""Labels that are bytes: read as texts, and no two as one."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.tfrecord import example, framed

from tfsoftmax import DataError, SourceOptions, UsageError, from_frame, load_dataset

_LATIN = ["caf\xe9".encode("latin-1"), "caf\xe8".encode("latin-1")] * 5
_ROWS = np.arange(10.0)


def as_npz(folder, labels):
    np.savez(folder / "data.npz", features=_ROWS[:, None], labels=np.array(labels))
    return f"npz:{folder / 'data.npz'}"


def as_tfrecord(folder, labels):
    frames = [
        framed(example(features=[float(row)], label=[label])) for row, label in enumerate(labels)
    ]
    (folder / "data.tfrecord").write_bytes(b"".join(frames))
    return f"tfrecord:{folder / 'data.tfrecord'}"


def as_parquet(folder, labels):
    pq.write_table(pa.table({"x": _ROWS, "label": pa.array(labels, pa.binary())}), folder / "t")
    return f"parquet:{folder / 't'}"


def as_parquet_text(folder, labels):
    """Written by a program that calls texts what are none."""
    content = pa.array(labels, pa.binary())
    texts = pa.Array.from_buffers(pa.string(), len(labels), content.buffers())
    pq.write_table(pa.table({"x": _ROWS, "label": texts}), folder / "t")
    return f"parquet:{folder / 't'}"


def as_parquet_categories(folder, labels):
    as_parquet_text(folder, labels)
    table = pq.read_table(folder / "t")
    pq.write_table(table.set_column(1, "label", table["label"].dictionary_encode()), folder / "t")
    return f"parquet:{folder / 't'}"


FORMS = [as_npz, as_tfrecord, as_parquet, as_parquet_text, as_parquet_categories]


@pytest.mark.parametrize("form", FORMS)
def test_bytes_that_are_not_utf8_are_an_error_that_names_the_row_and_the_way_out(tmp_path, form):
    """They became one class, 'caf\ufffd'."""
    name = form(tmp_path, _LATIN)
    with pytest.raises(DataError, match=r"row [01]: the label b'caf\\xe9' is not utf-8 text"):
        load_dataset(name, data_dir=tmp_path)
    options = SourceOptions(encoding="latin-1")
    dataset = load_dataset(name, data_dir=tmp_path, options=options)
    assert dataset.spec.class_names == ("caf\xe8", "caf\xe9")
    labels = np.concatenate([dataset.train.labels, dataset.test.labels])
    rows = np.concatenate([dataset.train.features, dataset.test.features])[:, 0]
    assert np.array_equal(labels, 1 - rows % 2)


@pytest.mark.parametrize("form", FORMS)
def test_utf8_needs_no_option(tmp_path, form):
    name = form(tmp_path, [text.decode("latin-1").encode() for text in _LATIN])
    assert load_dataset(name, data_dir=tmp_path).spec.class_names == ("caf\xe8", "caf\xe9")


def test_different_bytes_that_an_encoding_reads_as_one_are_an_error():
    labels = ["a".encode("utf-16-le"), "a".encode("utf-16"), "b".encode("utf-16")] * 3
    frame = pd.DataFrame({"x": range(9), "label": labels})
    with pytest.raises(DataError, match="row 1: the labels .* are both 'a' as utf-16"):
        from_frame(frame, options=SourceOptions(encoding="utf-16"))


def test_an_encoding_nobody_knows_is_said_to_be_so():
    frame = pd.DataFrame({"x": range(10), "label": _LATIN})
    with pytest.raises(UsageError, match="unknown encoding 'klingon'"):
        from_frame(frame, options=SourceOptions(encoding="klingon"))
