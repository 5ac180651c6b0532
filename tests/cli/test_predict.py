"""tfsoftmax predict answers for pictures."""

import json

import pandas as pd
import pytest
from support.commands import assert_one_line, run

from tfsoftmax import load_dataset, load_predictor
from tfsoftmax.cli.main import main as group


@pytest.mark.parametrize("kind", ["version", "tflite"])
def test_predict(model, pictures, kind):
    path = model[0] if kind == "version" else model[0] / "model.tflite"
    result = run(group, "predict", path, *pictures)
    assert result.exit_code == 0
    labels = [line.split("\t") for line in result.stdout.splitlines()]
    assert [label[0] for label in labels] == [str(picture) for picture in pictures]
    truth = load_dataset("digits").test.labels[:3]
    assert [label[1] for label in labels] == [str(label) for label in truth]
    assert all(0.1 < float(label[2]) <= 1 for label in labels)

    document = json.loads(run(group, "predict", path, *pictures, "--json", "--top", "10").stdout)
    for picture, label in zip(document["answers"], labels, strict=True):
        assert picture["predictions"][0]["label"] == label[1]
        total = sum(one["probability"] for one in picture["predictions"])
        assert total == pytest.approx(1, abs=1e-5)


def test_predict_answers_for_the_good_pictures_and_names_the_bad(model, pictures, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    result = run(group, "predict", model[0] / "model.tflite", bad, *pictures)
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 3
    assert result.stderr == f"Error: {bad}: not a PNG, JPEG or WebP image\n"


def test_a_file_that_is_not_there_is_wrong_usage_and_the_rest_is_answered(model, pictures, birds):
    nowhere = birds / "nope"
    for ending in ("png", "csv", "npy"):
        assert_one_line(run(group, "predict", model[0], f"{nowhere}.{ending}"), 2, "nope")
    assert_one_line(run(group, "explain", model[0], f"{nowhere}.png"), 2, "nope.png: .*No such")
    result = run(group, "predict", model[0], f"{nowhere}.png", *pictures)
    assert result.exit_code == 2
    assert len(result.stdout.splitlines()) == len(pictures)


def test_predict_counts_categories_that_the_model_does_not_know(birds, tmp_path):
    new = pd.read_csv(birds / "birds.csv").head(60).drop(columns="label")
    new.loc[[3, 5, 8], "island"] = ["Atlantis", "Avalon", "Atlantis"]
    new.loc[4, "island"] = None  # missing, which is something else
    new.to_csv(tmp_path / "new.csv", index=False)
    unknown = int(new["island"].isin(["Atlantis", "Avalon"]).sum())
    model = birds / "models/all"

    result = run(group, "predict", model, tmp_path / "new.csv", tmp_path / "new.csv", "--json")
    notes = [line for line in result.stderr.splitlines() if "does not know" in line]
    assert len(notes) == 2  # one for each file
    assert f"{unknown} of 60 rows have a category that the model does not know" in notes[0]
    assert "'Atlantis', 'Avalon' in column 'island' (3 rows)" in notes[0]
    (column,) = json.loads(result.stdout)["unknown_categories"][str(tmp_path / "new.csv")]
    assert column == {"column": "island", "rows": 3, "examples": ["Atlantis", "Avalon"]}

    known = run(group, "predict", model, birds / "birds.csv", "--json")
    assert "does not know" not in known.stderr
    assert "unknown_categories" not in json.loads(known.stdout)


def test_python_is_told_once_of_categories_that_a_model_does_not_know(birds, log):
    predictor = load_predictor(birds / "models/all/1/model.tflite")
    new = pd.read_csv(birds / "birds.csv").head(20)
    predictor.predict(new)
    assert not log.messages
    new["island"] = "Atlantis"
    for first in range(0, 20, 5):
        predictor.predict(new[first : first + 5])
    (said,) = log.messages
    assert "5 of 5 rows have a category that the model does not know: 'Atlantis'" in said
