"""Rows that cannot be used, left out because that was asked for: the others are all there."""

import logging
import re

import pytest
from PIL import Image
from support.datasets import all_rows
from support.tfrecord import RECORDS, example, framed

from tfsoftmax import DataError, SourceOptions, load_dataset

SKIP = SourceOptions(bad_rows="skip")


def svmlight(folder):
    good = [f"{n % 2} 1:{n} 2:{n * n}\n" for n in range(1, 30)]
    lines = [
        *good[:4],
        "0 1:2 1:x\n",
        "# a comment\n",
        *good[4:20],
        "1 7\n",
        *good[20:],
        "1 2:inf\n",
    ]
    (folder / "rows.svm").write_text("".join(lines))
    return f"svmlight:{folder / 'rows.svm'}", [
        ((float(n), float(n * n)), str(n % 2)) for n in range(1, 30)
    ]


def tfrecord(folder):
    bad = [
        b"\xff\xff",
        example(features=[1.0], label=[0]),
        example(features=[1.0, float("nan")], label=[1]),
    ]
    bad.append(example(features=[1.0, 2.0], label=[]))
    records = [bad[0], *RECORDS[:5], *bad[1:], *RECORDS[5:]]
    (folder / "rows.tfrecord").write_bytes(b"".join(map(framed, records)))
    rows = [((float(n), n * 0.5), str(n % 2)) for n in range(10)]
    return f"tfrecord:{folder / 'rows.tfrecord'}", rows


def images(folder):
    rows = []
    for place in range(12):
        label, path = "ab"[place % 2], folder / "photos" / "ab"[place % 2] / f"{place:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 1), place).save(path)
        rows.append(((float(place),) * 2, label))
    whole = path.read_bytes()
    (folder / "photos/a/head.png").write_bytes(b"\x89PNG of old")
    (folder / "photos/b/tail.png").write_bytes(whole[:45])
    return f"images:{folder / 'photos'}", rows


@pytest.mark.parametrize("memory_limit", [2**30, 8])
@pytest.mark.parametrize("make", [svmlight, tfrecord, images])
def test_the_other_rows_are_all_there_and_the_bad_ones_counted(
    tmp_path, make, memory_limit, caplog, monkeypatch
):
    monkeypatch.setattr(logging.getLogger("tfsoftmax"), "propagate", True)
    name, rows = make(tmp_path)
    with pytest.raises(DataError):
        load_dataset(name, data_dir=tmp_path)
    # A record's bytes are bounded by the same limit; rows of pictures are not.
    limit = 64 if make is tfrecord and memory_limit == 8 else memory_limit
    for _ in range(2):  # the second time from what was kept
        dataset = load_dataset(name, data_dir=tmp_path, options=SKIP.but(memory_limit=limit))
        assert all_rows(dataset) == sorted(rows)
        reading = dataset.notes
        count = sum(skipped.rows for skipped in reading.skipped)
        assert (reading.rows, count) == (
            len(rows) + count,
            {images: 2, svmlight: 3, tfrecord: 4}[make],
        )
        assert re.search(f"{count} of {reading.rows} rows (is|are) left out", caplog.text)
        caplog.clear()


def test_more_bad_rows_than_good_ones_are_an_error(tmp_path):
    lines = [f"{n % 2} 1:{n}\n" for n in range(10)] + ["x\n"] * 11
    (tmp_path / "rows.svm").write_text("".join(lines))
    with pytest.raises(DataError, match="11 of 21 rows cannot be used.*line 11"):
        load_dataset(f"svmlight:{tmp_path / 'rows.svm'}", options=SKIP)
