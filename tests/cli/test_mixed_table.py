"""A table with categories, dates and missing cells on the command line: asked and measured."""

import re

import numpy as np
import pandas as pd
import pytest
from support.commands import assert_one_line, run

from tfsoftmax import Recipe, SourceOptions, fit, from_frame, load_dataset, load_predictor
from tfsoftmax.cli.main import main as group
from tfsoftmax.data.readers.unlabelled import locate_rows, read_unlabelled


def table(n_rows=200):
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "island": generator.choice(["Biscoe", "Dream"], n_rows),
            "age": generator.normal(40, 10, n_rows).round(1),
            "day": pd.date_range("2020-01-01", periods=n_rows).strftime("%Y-%m-%d"),
        }
    )
    frame["label"] = np.where((frame["age"] > 40) ^ (frame["island"] == "Dream"), "yes", "no")
    frame.loc[::9, "age"] = np.nan
    return frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed")
    table().to_csv(folder / "t.csv", index=False)
    arguments = ["--epochs", "20", "--l2", "0.01", "--output-dir", folder / "models", "-q"]
    result = run(group, "train", folder / "t.csv", *arguments)
    assert result.exit_code == 0, result.stderr
    return folder


def asked():
    rows = table().drop(columns="label").iloc[:5, ::-1]
    return rows.assign(island=["Mars", None, *rows["island"][2:]], other="ignored")


@pytest.mark.parametrize("form", ["t", "t/1/model.tflite"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_predict_answers_as_the_model_whatever_is_unknown_or_missing(folder, form, kind):
    path, model = folder / f"new.{kind}", folder / "models" / form
    asked().to_parquet(path) if kind == "parquet" else asked().to_csv(path, index=False)
    result = run(group, "predict", model, path)
    assert result.exit_code == 0, result.stderr
    answers = [line.split("\t") for line in result.stdout.splitlines()]
    expected = load_predictor(folder / "models/t").predict_proba(asked())
    assert [name for name, *_ in answers] == [f"{path}:{row}" for row in range(1, 6)]
    found = [float(probability) for *_, probability in answers]
    np.testing.assert_allclose(found, expected.max(axis=1), atol=1e-4)


def test_what_cannot_be_read_is_one_line(folder, tmp_path):
    model = folder / "models/t"
    asked().drop(columns="island").to_csv(tmp_path / "less.csv", index=False)
    asked().assign(age=["old", *"1234"]).to_csv(tmp_path / "text.csv", index=False)
    asked().to_csv(tmp_path / "semi.csv", index=False, sep=";")
    for name, message in {
        "less": "no column 'island', which the model takes",
        "text": "text.csv, row 1, column 'age': 'old' is not a number",
        "semi": "columns seem to be separated by ';': say so with --delimiter ';'",
    }.items():
        assert_one_line(run(group, "predict", model, tmp_path / f"{name}.csv"), 1, message)


def test_evaluate_agrees_in_every_form(folder):
    accuracies = set()
    for form in ("t", "t/1/model.tflite"):
        result = run(group, "evaluate", folder / "models" / form, folder / "t.csv")
        assert result.exit_code == 0, result.stderr
        accuracies.add(re.search(r"^accuracy +(\S+)", result.stdout, re.M)[1])
    assert len(accuracies) == 1


def test_the_coefficients_are_named_by_column_and_category(folder):
    result = run(group, "coefficients", folder / "models/t", "--class", "yes")
    for feature in ("island=Dream", "island is unknown", "age is missing"):
        assert f",{feature},yes," in result.stdout


def test_a_category_called_NA_is_that_category_where_a_model_knows_it(tmp_path):
    frame = table().replace({"island": {"Dream": "NA"}})
    options = SourceOptions(label_column="label")
    model = fit(from_frame(frame, options=options), Recipe(epochs=5, l2=0.01)).model
    frame.to_csv(tmp_path / "t.csv", index=False)
    (rows,) = read_unlabelled(locate_rows(str(tmp_path / "t.csv")), model.spec)
    expected = model.predict_proba(frame)
    np.testing.assert_array_equal(model.predict_proba(rows), expected)
    measured = load_dataset(tmp_path / "t.csv", options=options, model=model.spec)
    found = np.concatenate([measured.train.features, measured.test.features])
    assert sorted(map(bytes, found)) == sorted(map(bytes, rows[:]))


@pytest.mark.slow
def test_export_encodes_another_table_as_the_model_does(folder, tmp_path):
    other = table().replace({"island": {"Dream": "Mars"}})
    pd.concat([other, other.assign(island="Venus")]).to_csv(tmp_path / "other.csv", index=False)
    arguments = ["--dataset", tmp_path / "other.csv", "--output-dir", tmp_path / "out"]
    result = run(group, "export", folder / "models/t", *arguments)
    assert result.exit_code == 0, result.stderr
    again = load_predictor(tmp_path / "out/t")
    assert again.spec == load_predictor(folder / "models/t").spec


@pytest.mark.slow
def test_rows_that_only_look_alike_once_encoded_are_not_called_training_rows(tmp_path):
    # Of 80 names in 2 buckets, some are in one bucket and of one age.
    frame = pd.DataFrame({"name": [f"person {row}" for row in range(80)], "age": [30.0, 50] * 40})
    frame["label"] = np.where(frame["age"] > 40, "yes", "no")
    frame.to_csv(tmp_path / "t.csv", index=False)
    options = [
        "--column",
        "name=hashed:2",
        "--label-column",
        "label",
        "--epochs",
        "1",
        "--l2",
        "0.1",
    ]
    arguments = [*options, "--output-dir", tmp_path / "models"]
    result = run(group, "train", tmp_path / "t.csv", *arguments)
    assert result.exit_code == 0, result.stderr
    assert re.search(
        r"^Note: \d+ of \d+ test rows are encoded like a training row", result.stderr, re.M
    )
    card = (tmp_path / "models/t/1/README.md").read_text(encoding="utf-8")
    assert "| test rows that are encoded like a training row |" in card
    assert "training rows, too" not in result.stderr + card
    # Of all features, age alone is a number.
    n_features = load_predictor(tmp_path / "models/t").spec.n_features
    assert f"| features | 1 standardised, of {n_features} in all |" in card
    assert re.search(rf"^features +1 standardised, of {n_features} in all$", result.stdout, re.M)
