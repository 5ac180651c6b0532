"""Going on from a model with a table: columns by name, read as the model's own were."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.commands import assert_one_line, run

from tfsoftmax import ModelError, Recipe, SourceOptions, fit, from_frame, warm_start
from tfsoftmax.cli.main import main as group
from tfsoftmax.cli.train import main as train_command

NAMES = ["a", "b", "c"]


def table(n_samples=60, columns=NAMES):
    """Columns of very different scales, one of them with missing values."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.normal(size=(n_samples, 3)) * [1, 100, 0.01], columns=NAMES)
    frame["label"] = np.where(frame["a"] + frame["b"] / 100 > 0, "yes", "no")
    frame.loc[frame.index % 7 == 0, "c"] = np.nan
    return frame[[*columns, "label"]]


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["mean", "indicator"])
def test_a_table_in_another_order_is_gone_on_with_as_if_it_were_in_the_same(missing):
    options = SourceOptions(missing=missing)
    same, turned = (
        from_frame(table(columns=columns), options=options) for columns in (NAMES, ["c", "a", "b"])
    )
    before = fit(same, Recipe(epochs=5, l2=1e-3)).model
    start, aligned = warm_start(before, turned)
    assert start.spec == aligned.spec
    assert start.spec.feature_names == ("c", "a", "b")
    rows = table().drop(columns="label")
    expected = before.predict_proba(rows)
    np.testing.assert_allclose(start.predict_proba(rows), expected, atol=1e-6)
    held_out = before.predict_proba(same.test)
    np.testing.assert_allclose(start.predict_proba(turned.test), held_out, atol=1e-6)
    on, as_before = (
        fit(data, Recipe(epochs=3, l2=1e-3), start=model).model.predict_proba(rows)
        for data, model in ((aligned, start), (warm_start(before, same)[1], before))
    )
    np.testing.assert_allclose(on, as_before, atol=1e-5)


def test_other_columns_are_named():
    before = fit(
        from_frame(table(), options=SourceOptions(missing="mean")), Recipe(epochs=1, l2=1e-3)
    ).model
    options = SourceOptions(missing="mean")
    with pytest.raises(ModelError, match="does not know column 'd' of frame; it takes 'a', 'b'"):
        warm_start(before, from_frame(table().rename(columns={"b": "d"}), options=options))
    with pytest.raises(ModelError, match="frame has no column 'b', .* has 'a', 'c'"):
        warm_start(before, from_frame(table().drop(columns="b"), options=options))
    nameless = from_frame(table(), options=options)
    nameless = replace(nameless, spec=replace(nameless.spec, feature_names=None))
    assert warm_start(before, nameless)[0].spec.feature_names == ("a", "b", "c")


def test_the_commands_read_data_as_the_models_was(tmp_path):
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    table().to_csv(first, index=False, sep=";", decimal=",")
    table(columns=["c", "b", "a"]).assign(name="Ann").to_csv(
        second, index=False, sep=";", decimal=","
    )
    common = [
        "-q",
        "--tflite",
        "none",
        "--output-dir",
        tmp_path,
        "--epochs",
        "5",
        "--l2",
        "0.1",
        "--json",
    ]
    how = ["--delimiter", ";", "--decimal", ",", "--missing", "mean"]
    run(train_command, "--dataset", f"csv:{first}", *how, *common)
    model = tmp_path / "first"
    result = run(train_command, "--dataset", f"csv:{second}", "--from", model, *common)
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["dataset"]["spec"]["feature_names"] == NAMES
    assert document["dataset"]["options"]["decimal"] == ","
    figures = run(group, "evaluate", tmp_path / "second", "--dataset", f"csv:{second}", "--json")
    assert json.loads(figures.stdout)["split"] == "test"
    table().drop(columns="b").to_csv(second, index=False, sep=";", decimal=",")
    result = run(train_command, "--dataset", f"csv:{second}", "--from", model, *common)
    assert_one_line(result, 1, "no column 'b'")


@pytest.mark.slow
def test_data_is_known_by_what_it_holds_not_by_how_its_path_is_spelled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = table().drop(columns="c")
    frame.to_csv("own.csv", index=False)
    common = ["-q", "--tflite", "none", "--output-dir", "models", "--epochs", "2", "--l2", "0.1"]
    run(train_command, "--dataset", "csv:own.csv", *common)
    (tmp_path / "copy.csv").write_bytes((tmp_path / "own.csv").read_bytes())
    other = pd.concat([frame.iloc[:20], frame.iloc[:30] * [3, 3, 1]])
    other.to_csv("other.csv", index=False)

    def measured(name):
        arguments = ["evaluate", "models/own", "--dataset", f"csv:{name}", "--json"]
        result = run(group, *arguments)
        return json.loads(result.stdout), result.stderr

    for name in ("own.csv", "./own.csv", str(tmp_path / "own.csv"), "copy.csv"):
        document, notes = measured(name)
        assert (document["split"], document["n_samples"]) == ("test", 12)
        assert "trained on" not in notes
    document, notes = measured("other.csv")
    assert (document["split"], document["n_samples"]) == ("all", 50)
    assert 10 < document["training_rows"] < 20  # of the 20; the others are its test rows
    assert f"the model was trained on {document['training_rows']} of these 50 rows" in notes
    (tmp_path / "own.csv").unlink()
    assert "training_rows" not in measured("other.csv")[0]
