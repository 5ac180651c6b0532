"""Bad TFRecord files, through the command itself: one line, nothing written."""

import gzip
from pathlib import Path

import pytest
from support.bad_input import (
    assert_one_line_and_nothing_left,
    cases,
    file,
    odd_path,
    png,
    png_header,
    secret,
)
from support.tfrecord import RECORDS, example, framed


def tfrecord(*records, name="rows.tfrecord", options=(), change=lambda content: content):
    content = change(b"".join(framed(record) for record in records))
    return file("tfrecord", name, content, *options)


def other_record(number, **features):
    """The good records with another in the place of one, from 1."""
    return tfrecord(*RECORDS[: number - 1], example(**features), *RECORDS[number:])


TFRECORD = {
    "garbage": (
        "record 1: damaged, or no TFRecord: the file ends",
        file("tfrecord", "rows.tfrecord", b"garbage" * 9),
    ),
    "no bytes": ("no records", tfrecord()),
    "truncated": (
        "record 10: damaged, or no TFRecord: the file ends",
        tfrecord(*RECORDS, change=lambda content: content[:-5]),
    ),
    "a damaged record": (
        "record 1: damaged",
        tfrecord(*RECORDS, change=lambda content: content[:14] + b"\xff" + content[15:]),
    ),
    "a length that lies": (
        "record 1: damaged",
        file("tfrecord", "rows.tfrecord", framed(RECORDS[0], 2**40)),
    ),
    "a length beyond any memory": (
        "record 1: damaged",
        file("tfrecord", "rows.tfrecord", framed(RECORDS[0], 2**63)),
    ),
    "the greatest length": (
        "record 1: damaged",
        file("tfrecord", "rows.tfrecord", framed(RECORDS[0], 2**64 - 1)),
    ),
    "no feature": (
        "record 1: no feature 'features'; there are 'label'",
        tfrecord(example(label=[1])),
    ),
    "no feature in the third": ("record 3: no feature 'features'", other_record(3, label=[1])),
    "no label": (
        "record 1: no feature 'label'; there are 'features'",
        tfrecord(example(features=[1.0])),
    ),
    "no label in the third": ("record 3: no feature 'label'", other_record(3, features=[1.0, 2.0])),
    "a record of another length": (
        "record 3: 3 values in 'features', expected 2",
        other_record(3, features=[1.0, 2.0, 3.0], label=[1]),
    ),
    "a record of no values": (
        "record 3: 'features' is bytes, expected float",
        other_record(3, features=[], label=[1]),
    ),
    "a fraction for a label": (
        "record 3: expected one whole number or text as 'label'",
        other_record(3, features=[1.0, 2.0], label=[0.5]),
    ),
    "two labels": (
        "record 3: expected one whole number or text",
        other_record(3, features=[1.0, 2.0], label=[1, 2]),
    ),
    "a text among numbers for labels": (
        "record 3",
        other_record(3, features=[1.0, 2.0], label=[b"x"]),
    ),
    "an empty label": ("record|row 1", tfrecord(*[example(features=[1.0], label=[b""])] * 3)),
    "bytes among numbers": (
        "record 3: 'features' is bytes, expected float",
        other_record(3, features=[b"xy"], label=[1]),
    ),
    "no message": ("record 3: not a tf.Example message", tfrecord(*RECORDS[:2], b"\xff\xff")),
    "an empty message": ("record 1: no feature 'features'; there are none", tfrecord(b"")),
    "NaN": (
        "record 3, feature 1: the value is missing",
        other_record(3, features=[1.0, float("nan")], label=[1]),
    ),
    "infinity": (
        "record 3, feature 1: the value is infinite",
        other_record(3, features=[1.0, float("inf")], label=[1]),
    ),
    "a picture that is damaged": (
        "record 2",
        tfrecord(example(image=[png()], label=[0]), example(image=[png()[:-20]], label=[1])),
    ),
    "a first picture that is damaged": (
        "record 1",
        tfrecord(example(image=[png()[:20]], label=[0])),
    ),
    "a record without its picture": (
        "record 2",
        tfrecord(example(image=[png()], label=[0]), example(image=[b""], label=[1])),
    ),
    "a picture that would fill the memory": (
        "record 1",
        tfrecord(example(image=[png_header(60_000, 60_000)], label=[0])),
    ),
    "a raw example of another length": (
        "record 2: 3 values",
        tfrecord(example(image=[b"abcd"], label=[0]), example(image=[b"abc"], label=[1])),
    ),
    "several features of several values": (
        "must be one number each",
        tfrecord(example(a=[1.0, 2.0], b=[1.0], label=[0]), options=["--features", "a,b"]),
    ),
    "a later one of several values": (
        "record 2: (2 values in 'a', expected one|'[ab]' is)",
        tfrecord(
            example(a=[1.0], b=[1.0], label=[0]),
            example(a=[1.0, 2.0], b=[], label=[1]),
            options=["--features", "a,b"],
        ),
    ),
    "an unknown feature": (
        "no feature 'nonsense'; there are 'features', 'label'",
        tfrecord(*RECORDS, options=["--features", "nonsense"]),
    ),
    "an unknown label": (
        "no feature 'nonsense'",
        tfrecord(*RECORDS, options=["--label-column", "nonsense"]),
    ),
    "no gzip": ("cannot be read: Not a gzipped file", tfrecord(*RECORDS, name="rows.tfrecord.gz")),
    "a truncated gzip": (
        "cannot be read: Compressed file ended",
        tfrecord(
            *RECORDS, name="rows.tfrecord.gz", change=lambda content: gzip.compress(content)[:-20]
        ),
    ),
    "a folder of none": (r"no \*\.tfrecord\* file", odd_path("tfrecord", Path.mkdir)),
    "nothing there": ("found nothing", odd_path("tfrecord"), 2),
    "a file that may not be read": ("Permission denied", odd_path("tfrecord", secret)),
}


@pytest.mark.parametrize("case", cases("tfrecord", TFRECORD))
def test_bad_tfrecord(tmp_path, case):
    assert_one_line_and_nothing_left(tmp_path, case)
