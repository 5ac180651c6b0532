"""Messages name options in Python's words, and in a command's."""

import ast
import pickle
import re
from pathlib import Path

import pytest

import tfsoftmax
from tfsoftmax.cli._flags import render
from tfsoftmax.errors import DataError
from tfsoftmax.messages import Message, setting

PACKAGE = Path(tfsoftmax.__file__).parent


@pytest.mark.parametrize(
    ("message", "python", "command"),
    [
        (setting("l2"), "l2", "--l2"),
        (setting("missing", "mean"), 'missing="mean"', "--missing mean"),
        (setting("epochs", 20), "epochs=20", "--epochs 20"),
        (setting("memory_limit"), "memory_limit", "--memory-limit"),
        ("a %s " + setting("l1", 0.1) + ", or 100 %", "a %s l1=0.1, or 100 %", None),
        (setting("l2", [0.1, 1.0]), "l2=[0.1, 1.0]", "--l2 0.1,1.0"),
        (setting("calibrate_on"), "calibrate_on", "--dataset"),
        (setting("na_values", "n/a;"), 'na_values="n/a;"', "--na-values 'n/a;'"),
    ],
)
def test_both_spellings(message, python, command):
    assert message == python
    assert render(message) == (command or "a %s --l1 0.1, or 100 %")


def test_parts_survive_joining_nesting_errors_and_pickling():
    inner = "take the mean (" + setting("missing", "mean") + ")"
    message = "row 3: " + inner + "; or " + setting("bad_rows", "skip")
    wanted = "row 3: take the mean (--missing mean); or --bad-rows skip"
    for each in (message, Message("row 3: ", inner, "; or ", setting("bad_rows", "skip"))):
        assert render(each) == render(DataError(each)) == wanted
        assert render(pickle.loads(pickle.dumps(DataError(each)))) == wanted
    # What lost its parts is still right for Python.
    assert render(f"{inner}") == 'take the mean (missing="mean")'


def texts(tree):
    """The texts of a module, parts of f-strings too, but for its docstrings."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef
    nodes = list(ast.walk(tree))
    docstrings = {ast.get_docstring(each, False) for each in nodes if isinstance(each, documented)}
    found = {each.value for each in nodes if isinstance(each, ast.Constant)}
    return {text for text in found - docstrings if isinstance(text, str)}


# Other programs' flags, and the one of the command that starts a model's workers again.
FOREIGN = {"--force-reinstall", "--tf_xla_persistent_cache_directory", "--workers"}


def test_the_library_spells_out_no_flag():
    sources = [path for path in PACKAGE.rglob("*.py") if "cli" not in path.parts]
    # Ray's workers run the command.
    sources.remove(PACKAGE / "ray.py")
    assert len(sources) > 100
    found = {
        (path.name, flag)
        for path in sources
        for text in texts(ast.parse(path.read_text(encoding="utf-8")))
        for flag in re.findall(r"(?<![\w-])--[a-z][\w-]*", text)
        if flag not in FOREIGN
    }
    assert not found
