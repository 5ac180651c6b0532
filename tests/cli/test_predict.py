"""tfsoftmax predict answers for pictures."""

import json

import pytest
from support.commands import run

from tfsoftmax import load_dataset
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
