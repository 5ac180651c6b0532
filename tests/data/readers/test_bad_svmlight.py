"""Bad svmlight files, through the command itself: one line, nothing written."""

import bz2
import gzip
from pathlib import Path

import pytest
from support.bad_input import (
    assert_one_line_and_nothing_left,
    cases,
    file,
    odd_path,
    secret,
    zipped_bomb,
)


def svmlight(content, *options, name="rows.svm"):
    return file("svmlight", name, content, *options)


SVMLIGHT = {
    "no number": ("line 1: could not .* float: 'x'; expected LABEL", svmlight("1 1:x\n0 1:1\n")),
    "twice": ("line 1: .* sorted and unique; expected LABEL", svmlight("1 1:2 1:3\n0 1:1\n")),
    "garbage": ("line 2: .*expected LABEL INDEX:VALUE", svmlight("1 1:2\nnonsense\n")),
    "a value that is none": ("line 2", svmlight("1 1:2\n0 1:two\n")),
    "no value": ("line 2", svmlight("1 1:2\n0 1\n")),
    "indices that fall": ("line 2", svmlight("1 1:2\n0 2:1 1:1\n")),
    "a negative index": ("line 2", svmlight("1 1:2\n0 -1:1\n")),
    "several labels": ("line 1", svmlight("1,2 1:2\n0 1:1\n")),
    "a huge index": (
        "makes 2,000,000,000 features, for 6 values",
        svmlight("1 1:2\n0 2000000000:1\n" * 3),
    ),
    "an index of 2^40": (
        "line 2: an index is beyond 2,147,483,647: correct it, or hash",
        svmlight(f"1 1:2\n0 {2**40}:1\n" * 3),
    ),
    "an index beyond any": ("line 2", svmlight(f"1 1:2\n0 {10**30}:1\n")),
    "an index that occurs twice": ("line 2: .*sorted and unique", svmlight("1 1:2\n0 2:1 2:1\n")),
    "an index of 0 where they count from 1": (
        "row 4: an index of 0, but --first-index 1",
        svmlight("1 1:2\n0 1:1\n1 1:2\n0 0:1\n", "--first-index", "1"),
    ),
    "a long line": ("line 2", svmlight(b"1 1:2\n0 " + b"1:1 " * 2**18 + b"\n")),
    "invalid UTF-8": ("line 2", svmlight(b"1 1:2\n\xff\xfe 1:2\n")),
    "no bytes": ("no rows", svmlight("")),
    "comments only": ("no rows", svmlight("# 1 1:2\n")),
    "labels only": ("no rows; expected lines of LABEL INDEX:VALUE", svmlight("1\n0\n" * 5)),
    "an infinite value": (
        "row 2, feature 0: the value is infinite",
        svmlight("1 1:2\n0 1:inf\n" * 3),
    ),
    "NaN": ("row 2, feature 0: the value is missing", svmlight("1 1:2\n0 1:nan\n" * 3)),
    "1e300": (
        "row 2, feature 0: the value is infinite, or beyond",
        svmlight("1 1:2\n0 1:1e300\n" * 3),
    ),
    "a fraction for a label": (
        "row 1: the label 1.5 is not a class",
        svmlight("1.5 1:2\n0 1:1\n" * 3),
    ),
    "a label that is missing": ("row 1: the label is missing", svmlight("nan 1:2\n0 1:1\n" * 3)),
    "an infinite label": ("row 1: the label inf", svmlight("inf 1:2\n0 1:1\n" * 3)),
    "one class": ("one class, '1'", svmlight("1 1:2\n" * 3)),
    "zero bytes": ("holds zero bytes", svmlight(b"1 1:2\n\0 1:\0\n")),
    "a truncated gzip": (
        "cannot be read: Compressed file ended",
        svmlight(gzip.compress(b"1 1:2\n0 1:3\n" * 99)[:-20], name="rows.svm.gz"),
    ),
    "a damaged gzip": (
        "cannot be read: .*decompressing",
        svmlight(gzip.compress(b"1 1:2\n0 1:3\n")[:10] + b"garbage", name="rows.svm.gz"),
    ),
    "no gzip": (
        "cannot be read: Not a gzipped file",
        svmlight(b"1 1:2\n0 1:3\n", name="rows.svm.gz"),
    ),
    "garbage in a gzip": (
        "line 2",
        svmlight(gzip.compress(b"1 1:2\nnonsense\n"), name="rows.svm.gz"),
    ),
    "a gzip of an endless line": ("longer", zipped_bomb("svmlight", "rows.svm.gz", b"1 1:", b"2")),
    "a truncated bz2": (
        "cannot be read: Compressed file ended",
        svmlight(bz2.compress(b"1 1:2\n0 1:3\n" * 99)[:-20], name="rows.svm.bz2"),
    ),
    "a folder": ("found a folder", odd_path("svmlight", Path.mkdir)),
    "a file that may not be read": (
        "cannot be read: Permission denied",
        odd_path("svmlight", secret),
    ),
}


@pytest.mark.parametrize("case", cases("svmlight", SVMLIGHT))
def test_bad_svmlight(tmp_path, case):
    assert_one_line_and_nothing_left(tmp_path, case)
