"""Commands on tables whose columns are encoded: tune, verify, --from, and predict on exports."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import dump_svmlight_file
from support.commands import assert_one_line, run

from tfsoftmax import Recipe, SourceOptions, from_frame, load_predictor, tune
from tfsoftmax.cli.main import main as group

N = 120
QUICK = ["--epochs", "3", "--l2", "0.01", "-q"]


def table(n_rows=N, seed=0):
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "island": generator.choice(["Biscoe", "Dream"], n_rows),
            "age": generator.normal(40, 10, n_rows).round(1),
        }
    )
    frame["label"] = np.where((frame["age"] > 40) ^ (frame["island"] == "Dream"), 7, 3)
    frame.loc[::9, "age"] = np.nan
    return frame


def written(frame, path):
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table, a model of it, also as ONNX, and rows to ask it about."""
    folder = tmp_path_factory.mktemp("encoded")
    source = written(table(), folder / "t.csv")
    new = table(6, seed=1).drop(columns="label").assign(island=["Mars", None, *["Dream"] * 4])
    written(new, folder / "new.csv")
    result = run(group, "train", source, "--onnx", "--output-dir", folder / "models", *QUICK)
    assert result.exit_code == 0, result.stderr
    return folder


def answers(model, *files):
    """What the command prints of each row: its name, label and probability."""
    result = run(group, "predict", model, *files)
    assert result.exit_code == 0, result.stderr
    return [line.split("\t") for line in result.stdout.splitlines()]


def assert_answers(found, proba, names):
    """That these are the answers of a model of classes of these names."""
    assert [label for _, label, _ in found] == [names[best] for best in proba.argmax(axis=1)]
    shown = [float(probability) for *_, probability in found]
    np.testing.assert_allclose(shown, proba.max(axis=1), atol=1e-4)


@pytest.mark.parametrize("alone", [False, True])
def test_predict_asks_an_onnx_file_with_raw_rows(folder, tmp_path, alone):
    model = folder / "models/t/1/model.onnx"
    if alone:  # Without the record of how the training rows were read.
        model = shutil.copy(model, tmp_path)
    expected = load_predictor(folder / "models/t").predict_proba(pd.read_csv(folder / "new.csv"))
    assert_answers(answers(model, folder / "new.csv"), expected, ("3", "7"))


def test_whole_numbers_of_labels_are_named_as_texts_that_are_numbers_again(folder):
    rows = pd.read_csv(folder / "new.csv")
    for form in ("t", "t/1/model.tflite"):
        found = load_predictor(folder / "models" / form).predict(rows)
        assert found.dtype.kind == "U"
        assert set(found.astype(int)) <= {3, 7}


@pytest.mark.slow
def test_verify_compares_encoded_and_raw_rows_and_says_what_those_are(folder):
    result = run(group, "verify", folder / "models/t")
    assert result.exit_code == 0, result.stderr
    lines = [line for line in result.stdout.splitlines() if " raw rows " in line]
    assert [line.split()[0] for line in lines] == ["saved_model.pb", "model.onnx"]
    for line in lines:
        same, asked = re.search(r"(\d+)/(\d+)", line).groups()
        assert same == asked
        assert not line.endswith("rows")  # They are no share of the test rows.
    (told,) = [line for line in result.stdout.splitlines() if line.startswith("raw rows: ")]
    assert "each cell missing and each text unknown" in told
    assert "raw rows:" not in run(group, "verify", folder / "models/t", "--json").stdout


@pytest.mark.slow
def test_tune_chooses_and_exports_as_python_does(folder, tmp_path):
    grid = ["--l2", "0.001,0.01", "--folds", "2"]
    arguments = [*QUICK, *grid, "--json", "--output-dir", tmp_path]
    result = run(group, "tune", folder / "t.csv", *arguments)
    assert result.exit_code == 0, result.stderr
    tuned = json.loads(result.stdout)
    options = SourceOptions(label_column="label")
    dataset = from_frame(pd.read_csv(folder / "t.csv"), options=options)
    expected = tune(dataset, Recipe(epochs=3), l2=(0.001, 0.01), folds=2)
    assert tuned["tuning"] == expected.to_json()
    assert load_predictor(tmp_path / "t").spec.encoding == dataset.spec.encoding


@pytest.mark.slow
def test_a_run_goes_on_from_a_model_with_a_class_and_a_category_more(folder, tmp_path):
    more = table(40, seed=2).assign(label=9, island="Torgersen")
    source = written(pd.concat([table(), more]), tmp_path / "t.csv")
    arguments = ["--from", folder / "models/t", *QUICK, "--epochs", "30", "--output-dir", tmp_path]
    refused = run(group, "train", source, *arguments)
    assert_one_line(refused, 1, "does not know class '9' .*; add it with --new-classes add")
    result = run(group, "train", source, *arguments, "--new-classes", "add")
    assert result.exit_code == 0, result.stderr
    old, new = (load_predictor(place / "t").spec for place in (folder / "models", tmp_path))
    assert new.class_names == ("3", "7", "9")
    islands = [spec.encoding.columns[0].vocabulary for spec in (old, new)]
    assert islands == [("Biscoe", "Dream"), ("Biscoe", "Dream", "Torgersen")]
    (answer,) = answers(tmp_path / "t", written(more[:1], tmp_path / "new.csv"))
    assert answer[1] == "9"


@pytest.mark.slow
def test_predict_answers_lines_of_text(tmp_path):
    texts = [f"+\tgood fine film {n}\n-\tbad awful film {n}\n" for n in range(30)]
    (tmp_path / "t.txt").write_text("".join(texts))
    small = ["--column", "text=text:64", "--output-dir", tmp_path, *QUICK]
    result = run(group, "train", f"text:{tmp_path / 't.txt'}", *small)
    assert result.exit_code == 0, result.stderr
    (tmp_path / "new.txt").write_text("a good film\n-\tso bad\n\nfine\n")
    model = load_predictor(tmp_path / "t")
    expected = model.predict_proba(pd.DataFrame({"text": ["a good film", "so bad", "fine"]}))
    assert_answers(answers(tmp_path / "t", f"text:{tmp_path / 'new.txt'}"), expected, ("+", "-"))


@pytest.mark.slow
@pytest.mark.parametrize("first_index", [0, 1])
def test_predict_answers_svmlight_rows_as_they_were_trained_on(tmp_path, first_index):
    generator = np.random.default_rng(0)
    rows = generator.integers(1, 5, (60, 3)).astype(np.float32)
    labels = (rows[:, 0] > 2).astype(int)
    how = {"zero_based": first_index == 0}
    dump_svmlight_file(rows, labels, str(tmp_path / "t.svm"), **how)
    # Without its first feature, a file of indices from 0 looks like one from 1.
    asked = rows[:5] * np.float32([first_index, 1, 1])
    dump_svmlight_file(asked, labels[:5], str(tmp_path / "new.svm"), **how)
    result = run(group, "train", tmp_path / "t.svm", "--output-dir", tmp_path, *QUICK)
    assert result.exit_code == 0, result.stderr
    expected = load_predictor(tmp_path / "t").predict_proba(asked)
    assert_answers(answers(tmp_path / "t", tmp_path / "new.svm"), expected, ("0", "1"))
    alone = shutil.copy(tmp_path / "t/1/model.tflite", tmp_path)
    asking = ["predict", alone, tmp_path / "new.svm"]
    assert_one_line(run(group, *asking), 2, "say it, as in --first-index 1")
    told = run(group, *asking, "--first-index", first_index)
    assert_answers([line.split("\t") for line in told.stdout.splitlines()], expected, "01")
