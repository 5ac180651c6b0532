"""Bad Parquet, through the command itself: one line, nothing written."""

import io
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.bad_input import GOOD, assert_one_line_and_nothing_left, cases, file, odd_path

FRAME = pd.DataFrame({"a": range(10), "b": np.arange(10) ** 2, "label": ["x", "y"] * 5})


def parquet(*frames, options=(), name="table.parquet"):
    def build(folder):
        path = folder / name
        if len(frames) == 1:
            frames[0].to_parquet(path)
            return [f"parquet:{path}", *options]
        path.mkdir()
        for part, frame in enumerate(frames):
            frame.to_parquet(path / f"part-{part}.parquet")
        return [f"parquet:{path}", *options]

    return build


def in_parquet(change):
    """The good table's Parquet bytes, damaged."""
    buffer = io.BytesIO()
    FRAME.to_parquet(buffer)
    return file("parquet", "table.parquet", change(buffer.getvalue()))


PARQUET = {
    "not one": ("not a Parquet file", in_parquet(lambda content: GOOD.encode())),
    "no bytes": ("not a Parquet file", in_parquet(lambda content: b"")),
    "truncated": ("not a Parquet file", in_parquet(lambda content: content[:-100])),
    "damaged pages": (
        "table.parquet is (damaged|not a Parquet file)",
        in_parquet(
            lambda content: (
                content[:8] + bytes(len(content) // 3) + content[8 + len(content) // 3 :]
            )
        ),
    ),
    "parts of other columns": (
        "have different columns.*'b'",
        parquet(FRAME, FRAME.drop(columns="b")),
    ),
    "parts of other types": ("part-1.*column 'b'", parquet(FRAME, FRAME.assign(b="text"))),
    "a folder of none": (r"no \*\.parquet file", odd_path("parquet", Path.mkdir)),
    "nothing there": ("found nothing", odd_path("parquet"), 2),
    "no rows": ("no rows", parquet(FRAME[:0])),
    "a column of durations": (
        "column 'b': its type is timedelta",
        parquet(FRAME.assign(b=pd.Timedelta(1, "s"))),
    ),
    "a column of lists": (
        "row 1, column 'b': the cell is no text",
        parquet(FRAME.assign(b=[[1, 2]] * 10)),
    ),
    "a column of structures": (
        "row 1, column 'b': the cell is no text",
        parquet(FRAME.assign(b=[{"u": 1}] * 10)),
    ),
    "a column of bytes": (
        "row 1, column 'b': the cell is no text, or its bytes are not UTF-8",
        parquet(FRAME.assign(b=[b"\xff"] * 10)),
    ),
    "a text among numbers": (
        "row 3, column 'b': 'two' is not a number",
        parquet(FRAME.assign(b=["1", "2", "two", *"4567890"])),
    ),
    "a missing value": (
        "row 3, column 'b': the value is missing",
        parquet(FRAME.assign(b=pd.array([1, 2, None] + [4] * 7, "Int64"))),
    ),
    "a missing truth": (
        "row 3, column 'b': the value is missing",
        parquet(FRAME.assign(b=pd.array([True, False, None] + [True] * 7, "boolean"))),
    ),
    "a missing text label": (
        "row 3: the label is missing",
        parquet(FRAME.assign(label=["x", "y", None] + ["x"] * 7)),
    ),
    "a missing whole label": (
        "row 3: the label is missing",
        parquet(FRAME.assign(label=pd.array([1, 2, None] + [1] * 7, "Int64"))),
    ),
    "a missing true label": (
        "row 3: the label is missing",
        parquet(FRAME.assign(label=pd.array([True, False, None] + [True] * 7, "boolean"))),
    ),
    "an empty label": (
        "row 3: the label is missing",
        parquet(FRAME.assign(label=["x", "y", ""] + ["x"] * 7)),
    ),
    "an empty label of bytes": (
        "row 3: the label is missing",
        parquet(FRAME.assign(label=[b"x", b"y", b""] + [b"x"] * 7)),
    ),
    "a label of the second part missing": (
        "row 2: the label is missing",
        parquet(FRAME, FRAME.assign(label=["x", None] * 5)),
    ),
    "labels that are lists": (
        "row 1: the label is of type ndarray",
        parquet(FRAME.assign(label=[[1], [2]] * 5)),
    ),
    "labels that are times": (
        "labels are of type datetime64",
        parquet(FRAME.assign(label=[datetime(2020, 1, 1), None] * 5)),
    ),
    "labels that are fractions": (
        "row 2: the label 0.5 is not a class",
        parquet(FRAME.assign(label=[0.0, 0.5] * 5)),
    ),
    "infinite labels": (
        "row 2: the label inf is not a class",
        parquet(FRAME.assign(label=[0.0, np.inf] * 5)),
    ),
}


@pytest.mark.parametrize("case", cases("parquet", PARQUET))
def test_bad_parquet(tmp_path, case):
    assert_one_line_and_nothing_left(tmp_path, case)
