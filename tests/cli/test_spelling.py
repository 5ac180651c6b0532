"""The same error or note from Python and from the command, each in its own words."""

import re
import shlex

import click
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bad_input import GOOD, HEADER, ROWS, csv, png
from support.commands import QUICK, run

from tfsoftmax import SourceOptions, TfsoftmaxError, load_dataset
from tfsoftmax.cli._flags import render
from tfsoftmax.cli._sources import data_options
from tfsoftmax.cli.main import main as group
from tfsoftmax.cli.train import main as train_command
from tfsoftmax.data.tables.columns import named
from tfsoftmax.messages import setting


def pictures(folder):
    for name, size in (("a", (4, 4)), ("b", (4, 4)), ("c", (6, 5))):
        for label in ("cat", "dog"):
            (folder / label).mkdir(exist_ok=True)
            (folder / label / f"{name}.png").write_bytes(png(size))
    return [f"images:{folder}"]


# What makes the source; what Python reads, and what the command's user reads.
ERRORS = {
    "a missing value": (
        csv(GOOD + "1,,x\n"),
        'with missing="mean"; or leave out its row with bad_rows="skip", or the column with '
        'drop=["b"]',
        "with --missing mean; or leave out its row with --bad-rows skip, or the column with "
        "--drop b",
    ),
    "an odd name": (
        csv('a,"full, name",label\n' + "1,5%,x\n2,6,y\n" * 5),
        'drop=["full, name"]',
        "--drop 'full, name'",
    ),
    "no number": (csv(GOOD + "1,?,x\n"), 'say na_values="?"', "say --na-values '?'"),
    "tabs": (csv(GOOD.replace(",", "\t")), r'delimiter="\t"', "--delimiter tab"),
    "semicolons": (csv(GOOD.replace(",", ";")), 'delimiter=";"', "--delimiter ';'"),
    "no header": (csv(ROWS), "give header=False", "give --no-header"),
    "no class": (
        csv(GOOD.replace("label", "kind")), "with label_column;", "with --label-column;",
    ),
    "no text": (csv(GOOD.replace("x", "é").encode("latin-1")), '"latin-1"', "--encoding latin-1"),
    "two meanings": (
        csv(HEADER + '1,"3,800",x\n2,900,y\n' * 5),
        '3800 (thousands=",") or 3.8 (thousands="." and decimal=","): say which',
        "3800 (--thousands ,) or 3.8 (--thousands . and --decimal ,): say which",
    ),
    "pictures of two sizes": (pictures, "with image_size=(4, 4)", "with --image-size 4x4"),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_is_spelled_for_whoever_reads_it(tmp_path, case):
    build, python, command = ERRORS[case]
    (name,) = build(tmp_path)
    with pytest.raises(TfsoftmaxError) as caught:
        load_dataset(name, data_dir=tmp_path / "kept")
    assert python in str(caught.value)
    assert "--" not in str(caught.value)
    result = run(train_command, "--dataset", name, "--output-dir", tmp_path / "m")
    assert result.stderr.splitlines()[-1] == f"Error: {render(caught.value)}"
    assert command in result.stderr


def test_the_options_that_an_error_names_can_be_followed_from_python(tmp_path):
    (name,) = ERRORS["two meanings"][0](tmp_path)
    with pytest.raises(TfsoftmaxError) as caught:
        load_dataset(name)
    assert caught.value.options == ("thousands", "thousands", "decimal", "column", "drop")
    advised = re.search(r"3\.8 \((.*?)\)", str(caught.value))[1].replace(" and ", ", ")
    dataset = load_dataset(name, options=SourceOptions(**eval(f"dict({advised})")))
    assert np.unique(dataset.train.features[:, 1]).tolist() == [np.float32(3.8), 900]


def test_a_note_is_spelled_for_whoever_reads_it(tmp_path, log):
    ids = np.random.default_rng(0).permutation(30) + 100
    rows = "".join(f"{n},{n % 7},{number},{'xy'[n % 2]}\n" for n, number in enumerate(ids))
    (name,) = csv("size,count,the id,label\n" + rows)(tmp_path)
    load_dataset(name)
    assert [note for note in log.messages if note.endswith('drop=["size", "the id"]')]
    result = run(group, "inspect", name)
    assert "--drop 'size,the id'" in result.stdout
    short = ["--epochs", "1", "--l2", "0.1", "--tflite", "none"]
    result = run(train_command, "--dataset", name, *short, "--output-dir", tmp_path / "m")
    assert "--drop 'size,the id'" in result.stderr
    assert "drop=" not in result.stderr


def test_advice_is_spelled_for_whoever_trains(tmp_path):
    result = run(
        train_command,
        *QUICK,
        "--learning-rate",
        "1e-4",
        "--output-dir",
        tmp_path,
        "--tflite",
        "none",
    )
    card = (tmp_path / "digits" / "1" / "README.md").read_text(encoding="utf-8")
    described = (tmp_path / "digits" / "1" / "tfsoftmax.json").read_text(encoding="utf-8")
    for text in (result.stdout, card, described):
        assert "try --learning-rate auto." in text
        assert "learning_rate=" not in text


NAMES = st.lists(
    st.text("ab ,-='\"\\é", min_size=1, max_size=5).filter(lambda name: name == name.strip()),
    min_size=1, max_size=5, unique=True,
)  # fmt: skip


@settings(max_examples=50)
@given(NAMES)
def test_columns_to_drop_can_be_copied_from_either_spelling(names):
    advice = setting("drop", names)
    assert eval(f"dict({advice})") == {"drop": names}
    found = []
    command = click.command()(data_options(lambda data: found.append(data)))
    command.main(shlex.split(render(advice)), standalone_mode=False)
    assert set(named(found[0].choices["drop"], names)) == set(names)
