"""tfsoftmax drift: new rows beside those a model was trained on."""

import json
from pathlib import Path

import pandas as pd
import pytest
from support.commands import assert_one_line, refuse, run

from tfsoftmax.cli.main import main as group


@pytest.fixture
def new(birds, tmp_path):
    frame = pd.read_csv(birds / "birds.csv")[:300].drop(columns="label")
    frame["age"] += 20
    frame.loc[:99, "island"] = "Atlantis"
    frame.to_csv(tmp_path / "new.csv", index=False)
    return tmp_path / "new.csv"


def test_rows_without_labels_are_compared(birds, new):
    result = run(group, "drift", birds / "models/all", new)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[1] == "rows      then 320 (of training), now 300"
    names = [line.split()[0] for line in lines[4:7]]
    assert set(names[:2]) == {"age", "island"}
    assert names[2] == "note"
    (island,) = (line for line in lines if line.startswith("island"))
    assert island.endswith("to 33.3%")
    assert lines[-1].startswith("Drift: 2 of 3 columns differ from the training rows, 2 of them")
    document = json.loads(
        run(group, "drift", birds / "models/all", new, "--json").stdout, parse_constant=refuse
    )
    assert [column["name"] for column in document["columns"]] == names
    assert document["verdict"] == lines[-1]
    assert document["n_samples"] == [320, 300]


def test_rows_of_the_training_file_do_not_differ(birds):
    result = run(group, "drift", birds / "models/all", birds / "birds.csv", birds / "birds.csv")
    assert result.exit_code == 0, result.stderr
    assert "now 800" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("No drift that these 800 rows show")


def test_pictures_are_compared_by_their_brightness(model, pictures):
    result = run(group, "drift", model[0], *pictures)
    assert result.exit_code == 0, result.stderr
    assert "brightness" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("No drift that these 3 rows show")


def test_what_drift_refuses_is_one_line(birds, new, tmp_path):
    known = birds / "models/all"
    assert_one_line(run(group, "drift", known, tmp_path / "x.csv"), 2, "x.csv")
    assert_one_line(run(group, "drift", tmp_path / "x", new), 2, "no such file or folder")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert_one_line(run(group, "drift", known, tmp_path / "other.csv"), 1, "no column 'island'")
    (tmp_path / "words.csv").write_text("island,age,note\nDream,old,so so\n")
    assert_one_line(run(group, "drift", known, tmp_path / "words.csv"), 1, "column 'age'")
    (tmp_path / "none.csv").write_text("island,age,note\n")
    assert_one_line(run(group, "drift", known, tmp_path / "none.csv"), 1, "no rows|empty")


def test_a_model_of_an_earlier_version_says_what_to_do(pictures):
    old = Path(__file__).parents[2] / "savedmodels" / "mnist-reference"
    found = run(group, "drift", old, *pictures)
    assert_one_line(
        found, 1, "no counts of its training rows were kept .* train it with tfsoftmax train"
    )
