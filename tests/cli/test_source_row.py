"""A source is a reader and a row: what is told of it everywhere comes from the row."""

import json
import re

import pytest
from support.process import run_python

from tfsoftmax.data.kinds import KINDS

# A file of this kind holds a whole number a line; its class is whether that is even.
TOY = """
import numpy as np
from tfsoftmax.data.kinds import KINDS, Kind

def read(path, source):
    from tfsoftmax import from_arrays
    numbers = np.array(path.read_text().split(), int)
    bits = (numbers[:, None] >> np.arange(4)) & 1
    return from_arrays(bits, numbers % 2 == 0, name=source.name)

KINDS["toy"] = Kind(
    "toy", "whole numbers, a line each", read, ("na_values", "memory_limit"),
    takes="FILE", example="toy:numbers.toy", suffixes=(".toy",),
)

from tfsoftmax.cli.main import main
from tfsoftmax.cli.train import main as train

def run(command, *arguments):
    command.main([str(argument) for argument in arguments], standalone_mode=False)

from pathlib import Path
from tfsoftmax import SourceOptions, load_dataset
run(train, "--help")
run(main, "datasets")
for name, options in (("toy:x", SourceOptions(delimiter=";")), ("toz:x", None)):
    try:
        load_dataset(name, options=options)
    except Exception as error:
        print(error)
Path("numbers.toy").write_text(" ".join(map(str, range(100))))
run(train, "numbers.toy", "--epochs", 3, "--l2", 0.1, "--tflite", "none", "-q")
(card,) = Path("savedmodels/numbers").glob("1/README.md")
print("== card", card.read_text())
"""


@pytest.mark.slow
def test_a_new_row_is_in_the_help_the_listing_the_suggestions_and_the_model_card():
    result = run_python(TOY)
    assert result.returncode == 0, result.stderr
    said, card = result.stdout.split("== card")
    words = " ".join(said.split())
    assert "(csv, parquet, npz, npy, svmlight, text, images, tfrecord, idx, toy)" in words
    assert re.search(r"--na-values TEXT,\.\.\. .*? For csv, parquet, toy\.", words)
    assert re.search(r"^toy:FILE +whole numbers, a line each$", said, re.M)
    assert "delimiter does not apply to toy; it is for csv" in said
    assert re.search("unknown dataset 'toz:x': did you mean .*toy", said)
    assert "toy:numbers.toy" in card


def test_every_kind_has_an_example_of_itself():
    for name, kind in KINDS.items():
        assert kind.name == name
        assert kind.example.startswith(f"{name}:")
        assert json.dumps(kind.usage) == f'"{name}:{kind.takes}"'
