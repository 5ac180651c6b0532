"""Bad names and options, through the command itself: one line, nothing written."""

import pytest
from support.bad_input import GOOD, assert_one_line_and_nothing_left, csv, file

OTHERS = {
    "a name nobody knows": (
        "unknown dataset 'mnits': did you mean mnist",
        lambda folder: ["mnits"],
        2,
    ),
    "a name nobody could have": ("unknown dataset 'No Such!'", lambda folder: ["No Such!"], 2),
    "an unknown kind": ("unknown dataset", file("xlsx", "table.xlsx", ""), 2),
    "a file without its kind": (
        "tell what kind of source it is; say which: csv:.*prose",
        lambda folder: [file("csv", "prose", "one, two\nthree")(folder)[0].removeprefix("csv:")],
        2,
    ),
    "a test fraction of 0": ("'--test-fraction'", csv(GOOD, "--test-fraction", "0"), 2),
    "a test fraction of 1": ("'--test-fraction'", csv(GOOD, "--test-fraction", "1"), 2),
    "a test fraction of NaN": ("test.fraction", csv(GOOD, "--test-fraction", "nan"), 2),
    "a memory limit that is none": ("'foo' is not a size", csv(GOOD, "--memory-limit", "foo"), 2),
    "a memory limit of 0": ("'0' is not a size", csv(GOOD, "--memory-limit", "0"), 2),
    "an encoding that is no text": (
        r"unknown encoding '\\udcff'; try latin-1",
        csv(GOOD, "--encoding", "\udcff"),
        2,
    ),
    "an encoding of zero bytes": ("unknown encoding", csv(GOOD, "--encoding", "utf\0"), 2),
    "a delimiter of two characters": (
        "'ab' is not one character",
        csv(GOOD, "--delimiter", "ab"),
        2,
    ),
    "means for what is no choice": ("'--missing'", csv(GOOD, "--missing", "zero"), 2),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=what) for what, case in OTHERS.items()])
def test_bad_options(tmp_path, case):
    assert_one_line_and_nothing_left(tmp_path, case)
