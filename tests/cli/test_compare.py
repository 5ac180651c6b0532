"""tfsoftmax compare: two models that read the same table in their own ways."""

import json

import pandas as pd
from support.commands import assert_one_line, refuse, run

from tfsoftmax import load_predictor
from tfsoftmax.cli.main import main as group


def test_the_model_that_knows_more_is_better(birds, tmp_path):
    models, table = [birds / "models/age", birds / "models/all"], birds / "birds.csv"
    arguments = ["compare", *models, table, "--split", "all"]
    result = run(group, *arguments, "--output", tmp_path / "rows.csv")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1].startswith("B is better: B's accuracy is ")
    document = json.loads(run(group, *arguments, "--json").stdout, parse_constant=refuse)
    frame = pd.read_csv(table)
    a, b = (load_predictor(model).predict(frame) for model in models)
    right = [answers == frame["label"] for answers in (a, b)]
    assert document["n_samples"] == len(frame) == 400
    assert document["only_a"] == int((right[0] & ~right[1]).sum())
    assert document["only_b"] == int((right[1] & ~right[0]).sum())
    assert document["differing"] == len(document["rows"]) == int((a != b).sum())
    rows = pd.read_csv(tmp_path / "rows.csv")
    assert list(rows["row"]) == [row["row"] for row in document["rows"]]
    assert list(rows["class"]) == [row["class"] for row in document["rows"]]


def test_a_model_compared_with_a_file_of_itself_gives_the_same_answers(birds):
    version = birds / "models/all/1"
    result = run(group, "compare", version, version, birds / "birds.csv")
    assert result.exit_code == 0, result.stderr
    last = result.stdout.splitlines()[-1]
    assert last.startswith("A and B answer the same on every row (80 of them): the same class")


def test_what_compare_refuses_is_one_line(birds, model, tmp_path):
    table, known = birds / "birds.csv", birds / "models/all"
    assert_one_line(run(group, "compare", known, tmp_path / "x", table), 2, "no such file or fold")
    assert_one_line(run(group, "compare", known, model[0], table), 1, "column 'island': it is text")
    assert_one_line(run(group, "compare", known, known), 2, "Missing argument 'DATASET'")
    found = run(group, "compare", known, known, table, "--output", tmp_path)
    assert_one_line(found, 2, "is a directory")
