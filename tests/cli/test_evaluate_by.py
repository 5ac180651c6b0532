"""tfsoftmax evaluate --by: a model measured on the rows of each value of a column."""

import json
import os
import re
import subprocess

import numpy as np
import pandas as pd
import pytest
from support.commands import assert_one_line, refuse, run
from support.process import TFSOFTMAX

from tfsoftmax import SourceOptions, load_dataset, load_predictor
from tfsoftmax.cli.main import main as group


def measured(birds, column, *more):
    path = birds / "birds.csv"
    result = run(group, "evaluate", birds / "models/all", path, "--by", column, "--json", *more)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout, parse_constant=refuse), result.stderr


@pytest.mark.parametrize("column", ["island", "team"])
def test_the_figures_are_those_of_the_values_rows(birds, column):
    """Also of a column that the model does not use."""
    document, notes = measured(birds, column, "--split", "all")
    frame = pd.read_csv(birds / "birds.csv")
    predictor = load_predictor(birds / "models/all")
    frame["right"] = predictor.predict(frame) == frame["label"]
    probabilities = predictor.predict_proba(frame)
    of_true = probabilities[np.arange(len(frame)), (frame["label"] == "young").astype(int)]
    frame["loss"] = -np.log(of_true)
    wanted = frame.groupby(column).agg(n=("right", "size"), a=("right", "mean"), b=("loss", "mean"))
    found = {one["value"]: one for one in document["by"]["values"]}
    assert list(found) == list(wanted.index)
    for value, row in wanted.iterrows():
        assert found[value]["rows"] == row["n"]
        assert found[value]["accuracy"] == pytest.approx(row["a"])
        assert found[value]["log_loss"] == pytest.approx(row["b"], rel=1e-5)
    assert ("Rare (" in notes) == (column == "island")


def test_numbers_are_cut_into_quarters_and_missing_ones_are_a_group(birds):
    document, _ = measured(birds, "age")
    values = [one["value"] for one in document["by"]["values"]]
    assert len(values) == 5
    assert re.fullmatch(r"age < [\d.]+", values[0])
    assert values[-1] == "(missing)"
    assert sum(one["rows"] for one in document["by"]["values"]) == document["n_samples"] == 80


def test_the_screen_has_a_line_for_each_value(birds):
    result = run(group, "evaluate", birds / "models/all", birds / "birds.csv", "--by", "island")
    assert result.exit_code == 0, result.stderr
    table = result.stdout.split("by island\n")[1].splitlines()
    assert [line.split()[0] for line in table] == ["value", "Biscoe", "Dream", "Rare"]
    assert "ROC AUC" in result.stdout
    assert re.search(r"^Brier +0\.\d{4}, calibration error 0\.\d{4}$", result.stdout, re.MULTILINE)


def test_json_has_the_metrics_of_probabilities_and_every_class(birds):
    document, _ = measured(birds, "team")
    dataset = load_dataset(
        birds / "birds.csv",
        options=SourceOptions(features=("island", "age", "note"), missing="indicator"),
    )
    found = load_predictor(birds / "models/all").evaluate(dataset, dataset.test)
    assert document["roc_auc"] == found.of_probabilities.roc_auc
    assert document["top_k"] == {}
    assert document["classes"][1]["recall_interval"] == list(found.per_class()[1].recall_interval)


@pytest.mark.parametrize(
    ("column", "code", "message"),
    [
        ("islnd", 1, "no column 'islnd'; did you mean 'island'"),
        ("label", 1, "cannot be both the label and a feature"),
    ],
)
def test_what_is_no_column_to_group_by_is_one_line(birds, column, code, message):
    found = run(group, "evaluate", birds / "models/all", birds / "birds.csv", "--by", column)
    assert_one_line(found, code, message)


def test_texts_are_no_groups(birds, tmp_path):
    frame = pd.read_csv(birds / "birds.csv")
    frame["story"] = [f"a long story of bird {index} on its way" for index in range(len(frame))]
    frame.to_csv(tmp_path / "birds.csv", index=False)
    found = run(group, "evaluate", birds / "models/all", tmp_path / "birds.csv", "--by", "story")
    assert_one_line(found, 1, "'story' is read as text; rows are grouped by columns of categories")


def test_pictures_have_no_columns(model):
    found = run(group, "evaluate", model[0], "digits", "--by", "x")
    assert_one_line(found, 2, "--by: digits has no columns with names")


def test_rows_that_are_left_out_cannot_be_matched(birds, tmp_path):
    frame = pd.read_csv(birds / "birds.csv")
    frame.loc[3, "label"] = np.nan
    frame.to_csv(tmp_path / "birds.csv", index=False)
    arguments = [birds / "models/all", tmp_path / "birds.csv", "--bad-rows", "skip"]
    assert run(group, "evaluate", *arguments).exit_code == 0
    assert_one_line_after_notes(run(group, "evaluate", *arguments, "--by", "team"), "are left out")


def assert_one_line_after_notes(result, message):
    assert result.exit_code == 1
    assert re.search(message, result.stderr.splitlines()[-1])
    assert result.stdout == ""


def test_the_shell_completes_the_columns_of_the_file(tmp_path):
    (tmp_path / "birds.csv").write_text("island,sex,species\n")
    typed = f"tfsoftmax evaluate models/birds {tmp_path / 'birds.csv'} --by s"
    environment = {
        **os.environ,
        "_TFSOFTMAX_COMPLETE": "bash_complete",
        "COMP_WORDS": typed,
        "COMP_CWORD": "5",
    }
    result = subprocess.run([TFSOFTMAX], env=environment, capture_output=True, text=True)
    assert result.stdout.split() == ["plain,sex", "plain,species"]
