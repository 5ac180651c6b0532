"""tfsoftmax evaluate agrees with what the training printed."""

import json
import re

import pytest
from support.commands import assert_one_line, run

from tfsoftmax.cli.main import main as group

WITH_A_MODEL = ("verify", "export", "coefficients")
WITH_DATA = ("train", "tune", "inspect")


@pytest.mark.parametrize("kind", ["folder", "version", "tflite"])
def test_evaluate(model, kind):
    path = {"folder": model[0].parent, "version": model[0], "tflite": model[0] / "model.tflite"}[
        kind
    ]
    result = run(group, "evaluate", path, "--dataset", "digits")
    accuracy = re.search(r"test accuracy +([\d.]+)", model[1].stdout)[1]
    log_loss = re.search(r"test log-loss +([\d.]+)", model[1].stdout)[1]
    assert re.search(rf"accuracy +{accuracy}\n", result.stdout)
    assert re.search(rf"log-loss +{log_loss}\n", result.stdout)
    matrix = [line.split() for line in result.stdout.splitlines()[-10:]]
    assert [row[0] for row in matrix] == list("0123456789")
    document = json.loads(run(group, "evaluate", path, "--dataset", "digits", "--json").stdout)
    assert document["confusion_matrix"] == [[int(cell) for cell in row[1:]] for row in matrix]
    train_rows = run(group, "evaluate", path, "--dataset", "digits", "--split", "train")
    assert "1,437 (digits, train)" in train_rows.stdout
    assert "Note: the model was trained on 1,437 of these 1,437 rows" in train_rows.stderr


def test_evaluate_on_a_dataset_of_another_shape(model):
    result = run(group, "evaluate", model[0] / "model.tflite", "--dataset", "mnist5k")
    assert_one_line(result, 1, r"takes examples of shape \(8, 8\)")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["evaluate", "nowhere", "--dataset", "digits"], 2, "nowhere: no such file"),
        (["evaluate", ".", "--dataset", "digits"], 1, "no model here"),
        (["predict", "nowhere", "x.png"], 2, "nowhere: no such file"),
        (["predict", __file__, "x.png"], 1, "not a model made by tfsoftmax"),
        *(([command, "nowhere"], 2, "nowhere: no such file") for command in WITH_A_MODEL),
        (["train", "digits", "--from", "nowhere"], 2, "nowhere: no such file"),
        *(
            (
                [command, "csv:nowhere"],
                2,
                r"nowhere: expected a file or a folder of \*\.csv files, found",
            )
            for command in WITH_DATA
        ),
        *(([command, "nowhere.csv"], 2, "there is no such file") for command in WITH_DATA),
    ],
)
def test_a_path_that_leads_to_nothing_is_usage_in_every_command(arguments, code, message):
    assert_one_line(run(group, *arguments), code, message)


@pytest.mark.parametrize("split", ["all", "test"])
def test_training_rows_among_those_measured_are_said_to_be(birds, split):
    """Even of encoded rows, whose model was trained on this very file."""
    model, table = birds / "models/all", birds / "birds.csv"
    options = ("--features", "island,age,note", "--split", split, "--json")
    result = run(group, "evaluate", model, table, *options)
    document = json.loads(result.stdout)
    assert document.get("training_rows") == {"all": 320, "test": None}[split]
    said = "Note: the model was trained on 320 of these 400 rows" in result.stderr
    assert said == (split == "all")


def test_a_model_is_not_data(model):
    for place in (model[0].parent, model[0], model[0] / "model.tflite"):
        for command in ("statistics", "train", "inspect"):
            assert_one_line(run(group, command, place), 2, "it is a model; expected data")
