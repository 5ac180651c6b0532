"""A person's own table on the command line: trained on, evaluated, asked about."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine
from support.commands import assert_one_line, run

from tfsoftmax.cli.main import main as group
from tfsoftmax.cli.train import main as train_command


@pytest.fixture(scope="module")
def wine(tmp_path_factory):
    """Wine as a CSV file with texts for labels, and a model of it."""
    folder = tmp_path_factory.mktemp("wine")
    bunch = load_wine(as_frame=True)
    frame = bunch.frame.rename(columns={"target": "kind"})
    frame["kind"] = bunch.target_names[frame["kind"]]
    frame.to_csv(folder / "wine.csv", index=False)
    arguments = ["--dataset", f"csv:{folder / 'wine.csv'}", "--label-column", "kind"]
    result = run(
        train_command,
        *arguments,
        "--epochs",
        "40",
        "--l2",
        "0.01",
        "--output-dir",
        folder / "models",
    )
    assert result.exit_code == 0, result.stderr
    return folder, frame, result


def test_one_command_from_a_table_to_a_proven_model(wine):
    folder, _, result = wine
    assert re.search(r"^test accuracy +(0\.9|1\.0)", result.stdout, re.M)
    assert re.search(r"^training +\S", result.stdout, re.M)
    described = json.loads((folder / "models/wine/1/tfsoftmax.json").read_text())
    assert described["dataset"]["options"] == {"label_column": "kind"}
    assert described["spec"]["class_names"] == ["class_0", "class_1", "class_2"]
    assert described["spec"]["feature_names"][0] == "alcohol"


@pytest.mark.parametrize("form", ["", "1/model.tflite"])
def test_predict_finds_columns_by_name_wherever_they_stand(wine, tmp_path, form):
    folder, frame, _ = wine
    mixed = frame.drop(columns="kind").iloc[::-1, ::-1]
    mixed.insert(3, "note", "whatever")
    mixed.to_csv(tmp_path / "new.csv", index=False)
    result = run(group, "predict", folder / "models/wine" / form, tmp_path / "new.csv")
    assert result.exit_code == 0, result.stderr
    answers = [line.split("\t") for line in result.stdout.splitlines()]
    assert answers[0][0] == f"{tmp_path / 'new.csv'}:1"
    found = [label for _, label, _ in answers]
    assert np.mean(found == frame["kind"].to_numpy()[::-1]) > 0.97


def test_evaluate_takes_rows_of_one_class(wine, tmp_path):
    folder, frame, _ = wine
    frame[frame["kind"] == "class_1"].to_csv(tmp_path / "one.csv", index=False)
    arguments = ["evaluate", folder / "models/wine", "--dataset", f"csv:{tmp_path / 'one.csv'}"]
    result = run(group, *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    figures = json.loads(result.stdout)
    assert figures["n_samples"] == 71
    assert figures["accuracy"] > 0.97
    assert_one_line(run(group, *arguments, "--split", "train"), 1, "has no training rows")


def test_predict_names_what_it_cannot_read(wine, tmp_path):
    folder, frame, _ = wine
    model = folder / "models/wine"
    frame.drop(columns="hue").to_csv(tmp_path / "less.csv", index=False)
    assert_one_line(run(group, "predict", model, tmp_path / "less.csv"), 1, "no column 'hue'")
    frame = frame.astype({"hue": object})
    frame.loc[4, "hue"] = "blue"
    frame.to_csv(tmp_path / "text.csv", index=False)
    found = run(group, "predict", model, tmp_path / "text.csv")
    assert_one_line(found, 1, r"text.csv, row 5, column 'hue': 'blue' is not a number")
    assert_one_line(run(group, "predict", model, tmp_path / "none.csv"), 2, "found nothing")


def test_evaluate_takes_what_was_recorded_and_all_rows_of_another_file(wine, tmp_path):
    folder, frame, _ = wine
    model, own = folder / "models/wine", f"csv:{folder / 'wine.csv'}"
    assert "rows      36 " in run(group, "evaluate", model, "--dataset", own).stdout
    frame.sample(frac=0.5, random_state=0).to_csv(tmp_path / "half.csv", index=False)
    result = run(group, "evaluate", model, "--dataset", f"csv:{tmp_path / 'half.csv'}")
    assert "rows      89 " in result.stdout
    result = run(group, "verify", model)
    assert result.exit_code == 0
    result = run(group, "export", model, "--tflite", "float32,dynamic,int8", "--onnx")
    assert result.exit_code == 0, result.stderr


def test_the_recorded_command_makes_the_same_model_again(wine):
    folder, _, _ = wine
    described = json.loads((folder / "models/wine/1/tfsoftmax.json").read_text())
    command, *arguments = described["command"]
    assert command == "tfsoftmax-train"
    result = run(train_command, *arguments, "--output-dir", folder / "again", "--tflite", "none")
    assert result.exit_code == 0, result.stderr
    ours, theirs = (
        (folder / place / "variables/variables.data-00000-of-00001").read_bytes()
        for place in ("models/wine/1", "again/wine/1")
    )
    assert ours == theirs


def test_shared_rows_are_pointed_out(wine, tmp_path):
    _, frame, _ = wine
    pd.concat([frame, frame]).to_csv(tmp_path / "twice.csv", index=False)
    result = run(
        train_command, "--dataset", f"csv:{tmp_path / 'twice.csv'}", "--label-column", "kind",
        "--epochs", "1", "--l2", "0.01", "--output-dir", tmp_path / "models", "--tflite", "none",
    )  # fmt: skip
    assert re.search(r"^Note: \d\d of 72 test rows are training rows, too", result.stderr, re.M)
