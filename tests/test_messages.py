"""Messages name options in Python's words, and in a command's."""

import pickle

import pytest

from tfsoftmax.cli._flags import spelled
from tfsoftmax.errors import DataError
from tfsoftmax.messages import Message, setting


@pytest.mark.parametrize(
    ("message", "python", "command"),
    [
        (setting("l2"), "l2", "--l2"),
        (setting("missing", "mean"), 'missing="mean"', "--missing mean"),
        (setting("epochs", 20), "epochs=20", "--epochs 20"),
        (setting("memory_limit"), "memory_limit", "--memory-limit"),
        ("a %s " + setting("l1", 0.1) + ", or 100 %", "a %s l1=0.1, or 100 %", None),
        (setting("na_values", "n/a;"), 'na_values="n/a;"', "--na-values 'n/a;'"),
    ],
)
def test_both_spellings(message, python, command):
    assert message == python
    assert spelled(message) == (command or "a %s --l1 0.1, or 100 %")


def test_parts_survive_joining_nesting_errors_and_pickling():
    inner = "take the mean (" + setting("missing", "mean") + ")"
    message = "row 3: " + inner + "; or " + setting("bad_rows", "skip")
    wanted = "row 3: take the mean (--missing mean); or --bad-rows skip"
    for each in (message, Message("row 3: ", inner, "; or ", setting("bad_rows", "skip"))):
        assert spelled(each) == spelled(DataError(each)) == wanted
        assert spelled(pickle.loads(pickle.dumps(DataError(each)))) == wanted
    # What lost its parts is still right for Python.
    assert spelled(f"{inner}") == 'take the mean (missing="mean")'
