"""Bad CSV, through the command itself: one line, nothing written."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from support.bad_input import (
    GOOD,
    HEADER,
    ROWS,
    assert_one_line_and_nothing_left,
    cases,
    csv,
    in_secret_folder,
    odd_path,
    secret,
    zipped_bomb,
)


def damaged(line, text):
    """The good table with another row in the place of one, from 1."""
    rows = ROWS.splitlines()
    rows[line - 1] = text
    return HEADER + "\n".join(rows) + "\n"


def row_3(text, *options):
    """The good table with another third row."""
    return csv(damaged(3, text), *options)


def text_rows(values, label="label"):
    return f"a,{label}\n" + "".join(f"{n},{value}\n" for n, value in enumerate(values))


# What it is: (what the line says, what makes the arguments, exit code if it is not 1).
CSV = {
    "semicolons": ("one column, 'a;b;label'.*--delimiter ';'", csv(GOOD.replace(",", ";"))),
    "tabs": ("seem to be separated by 'tab'", csv(GOOD.replace(",", "\t"))),
    "the wrong delimiter asked for": (
        "one column, 'a,b,label'.*--delimiter ,",
        csv(GOOD, "--delimiter", ";"),
    ),
    "a row with a column too many": ("line 4 has 4 columns, expected 3", row_3("1,2,x,9")),
    "the first row with a column too many": (
        "more columns than its first row has names",
        csv(damaged(1, "1,2,x,9")),
    ),
    "all rows with a column too many": (
        "more columns than its first row has names",
        csv(HEADER + ROWS.replace("\n", ",9\n")),
    ),
    "a row with a column too few": ("row 3, column 'b': 'x' is not a number", row_3("1,x")),
    "a row with the label only": (
        "row 6, column 'a': the value is missing",
        csv("label,a,b\n" + "x,1,2\n" * 5 + "y\n" * 5),
    ),
    "a missing label": ("row 3: the label is missing", row_3("1,2,")),
    "a label of blanks": ("row 3: the label is missing", row_3("1,2,  ")),
    "one row": ("the only row is of one class, 'x'", csv("a,b,label\n1,2,x\n")),
    "one class": ("all 10 rows are of one class, 'x'", csv(GOOD.replace("y", "x"))),
    "a class of one row": ("class 'z' has one row only", row_3("1,2,z")),
    "NaN": ("row 3, column 'b': the value is missing", row_3("1,NaN,x")),
    "an empty value": ("row 3, column 'b'", row_3("1,,x")),
    "inf": ("row 3, column 'b': inf is", row_3("1,inf,x")),
    "-inf, means asked for": ("row 3, column 'b'", row_3("1,-inf,x", "--missing", "mean")),
    "1e308": (r"row 3, column 'b': 1e\+308 is beyond", row_3("1,1e308,x")),
    "1e999": ("row 3, column 'b'", row_3("1,1e999,x")),
    "an endless integer": ("row 3, column 'b'", row_3(f"1,{'9' * 60},x")),
    "a text among numbers": ("row 3, column 'b': 'two' is not a number", row_3("1,two,x")),
    "a decimal comma": ("row 3, column 'b': '1,5' is not a number", row_3('1,"1,5",x')),
    "a column of texts and numbers": (
        r"column 'b': it is part text \(row 1: 'u'\), part numbers",
        csv(HEADER + "1,u,x\n2,v,y\n3,4,y\n" * 5),
    ),
    "a column of dates and others": (
        r"column 'b': it has \(row 3: 'soon'\) among dates such as '2020-01-01' \(row 1\)",
        csv(HEADER + "1,2020-01-01,x\n2,2020-01-02,y\n3,soon,y\n" * 5),
    ),
    "no bytes": ("the file is empty", csv("")),
    "blank lines only": ("the file is empty", csv("\n\n\n")),
    "a header only": ("no rows", csv(HEADER)),
    "a header without an end of line": ("no rows", csv(HEADER.strip())),
    "nothing without a header": (
        "the file is empty",
        csv("", "--no-header", "--label-column", "3"),
    ),
    "two columns of a name": ("two columns are called 'a'", csv(GOOD.replace("b,", "a,", 1))),
    "two labels": ("which column", csv(GOOD.replace("b,", "class,", 1))),
    "no label to be guessed": ("which column has the classes", csv(GOOD.replace("label", "kind"))),
    "an unknown label column": (
        "no column 'lable'; did you mean 'label'",
        csv(GOOD, "--label-column", "lable"),
    ),
    "an unknown feature": ("no column 'c'; there are 'a', 'b'", csv(GOOD, "--features", "a,c")),
    "a feature asked for twice": (
        "a feature is asked for twice, of 'a', 'a'",
        csv(GOOD, "--features", "a,a"),
    ),
    "an unknown column to drop": ("no column 'c'", csv(GOOD, "--drop", "c")),
    "an unknown weight column": ("no column 'c'", csv(GOOD, "--weight-column", "c")),
    "the label as the weight": (
        "column 'label': it is text",
        csv(GOOD, "--weight-column", "label"),
    ),
    "the label dropped": (
        "column 'label' cannot be both",
        csv(GOOD, "--label-column", "label", "--drop", "label"),
    ),
    "a negative weight": (
        "row 3, column 'b': a weight of -1",
        row_3("1,-1,x", "--weight-column", "b"),
    ),
    "a missing weight": (
        "row 3, column 'b'",
        row_3("1,,x", "--weight-column", "b", "--missing", "mean"),
    ),
    "weights of 0": (
        "all weights are 0",
        csv(HEADER + "1,0,x\n2,0,y\n" * 5, "--weight-column", "b"),
    ),
    "no feature left": ("no column is left", csv(GOOD, "--drop", "a,b")),
    "the label only": ("no column is left", csv("label\nx\ny\n")),
    "latin-1": (
        r"not utf-8 text \(byte 0xe9 after .*--encoding latin-1",
        csv(damaged(3, "1,2,café").encode("latin-1")),
    ),
    "latin-1 in the header": ("not utf-8 text", csv(GOOD.replace("b,", "é,", 1).encode("latin-1"))),
    "UTF-16 not asked for": ("is it UTF-16", csv(GOOD.encode("utf-16"))),
    "UTF-16 cut within a character": (
        "not utf-16 text",
        csv(GOOD.encode("utf-16")[:-1], "--encoding", "utf-16"),
    ),
    "an unknown encoding": ("unknown encoding 'nonsense'", csv(GOOD, "--encoding", "nonsense"), 2),
    "an encoding that is none of text": (
        "unknown encoding 'base64'",
        csv(GOOD, "--encoding", "base64"),
        2,
    ),
    "an encoding that cannot be read": (
        "not undefined text",
        csv(GOOD, "--encoding", "undefined"),
    ),
    "zero bytes": ("holds zero bytes", csv(GOOD.replace("3", "\0"))),
    "random bytes": ("holds zero bytes", csv(np.random.default_rng(0).bytes(5000))),
    "a zip file": ("holds zero bytes; is it a text file", csv(b"PK\3\4" + bytes(100))),
    "a truncated gzip": (
        "gzip stream is damaged or ends early",
        csv(gzip.compress(GOOD.encode())[:-20], name="table.csv.gz"),
    ),
    "a gzip's first bytes": ("gzip", csv(b"\x1f\x8b")),
    "a gzip of a wrong checksum": ("gzip", csv(gzip.compress(GOOD.encode())[:-8] + bytes(8))),
    "garbage after a gzip's head": ("gzip", csv(gzip.compress(GOOD.encode())[:10] + b"garbage")),
    "a gzip of an endless line": (
        "a line is longer than 67,108,864 bytes",
        zipped_bomb("csv", "table.csv.gz", b"", b"a"),
    ),
    "a gzip of endless columns": (
        "a line is longer than",
        zipped_bomb("csv", "table.csv.gz", b"", b"1,"),
    ),
    "a gzip of an endless row": (
        "a line is longer than",
        zipped_bomb("csv", "table.csv.gz", GOOD.encode(), b"1,"),
    ),
    "a quote never closed": ("a quote .* never closed", row_3('1,"2,x')),
    "a quote never closed in the header": ("a quote .* never closed", csv('"' + GOOD)),
    "no header": ("its first row is 0, 0, x.*--no-header", csv(ROWS, "--label-column", "label")),
    "a column without a name": ("column 2 has no name", csv(GOOD.replace("b,", ",", 1))),
    "continuous labels": ("these are not classes", csv(text_rows(np.linspace(0, 1, 250)))),
    "an id as the label": (
        "250 different labels in 250 rows",
        csv(text_rows(range(250), "id"), "--label-column", "id"),
    ),
    "a class name with a line break": ("has a line break", csv(GOOD.replace("x", '"x\nz"'))),
    "an endless class name": (
        "row 1: the label is a text of 70,000 characters",
        csv(GOOD.replace("x", "x" * 70_000)),
    ),
    "a folder": ("no ..csv file in this folder", odd_path("csv", Path.mkdir)),
    "nothing there": ("files, found nothing", odd_path("csv"), 2),
    "a link to nothing": (
        "found nothing",
        odd_path("csv", lambda path: path.symlink_to("nowhere")),
        2,
    ),
    "a pipe": ("found a pipe", odd_path("csv", os.mkfifo)),
    "a name that is too long": (
        "File name too long",
        lambda folder: [f"csv:{folder}/{'n' * 300}/table.csv"],
    ),
    "a file that may not be read": ("cannot be read: Permission denied", odd_path("csv", secret)),
    "a folder that may not be read": (
        "Permission denied",
        lambda folder: (in_secret_folder(folder / "s"), [f"csv:{folder}/s/table.csv"])[1],
    ),
    "too few rows to hold some out": (
        "4 rows of 2 classes are too few.*0.01",
        csv("a,label\n1,x\n2,y\n3,x\n4,y\n", "--test-fraction", "0.01"),
    ),
    "a delimiter that is a quote": (
        "cannot separate columns",
        csv(GOOD, "--delimiter", '"'),
        2,
    ),
    "a delimiter that ends lines": (
        "cannot separate columns",
        csv(GOOD, "--delimiter", "\n"),
        2,
    ),
    "a delimiter beyond ASCII": (
        "expected an ASCII character",
        csv(GOOD.replace(",", "§"), "--delimiter", "§"),
        2,
    ),
    "a blank line before the header": (
        "row 3, column 'b': 'two' is not a number",
        csv("\n" + damaged(3, "1,two,x")),
    ),
    "no path": ("csv: needs a path, as in csv:", lambda folder: ["csv:"], 2),
}


@pytest.mark.parametrize("case", cases("csv", CSV))
def test_bad_csv(tmp_path, case):
    assert_one_line_and_nothing_left(tmp_path, case)
