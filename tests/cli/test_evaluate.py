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
            ([command, "csv:nowhere"], 2, "nowhere: expected a file, found nothing")
            for command in WITH_DATA
        ),
        *(([command, "nowhere.csv"], 2, "there is no such file") for command in WITH_DATA),
    ],
)
def test_a_path_that_leads_to_nothing_is_usage_in_every_command(arguments, code, message):
    assert_one_line(run(group, *arguments), code, message)
