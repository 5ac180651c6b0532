"""The model card: what it says, and that it says the same however the model was made."""

import itertools
import json
import shlex
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from support.commands import run

from tfsoftmax import (
    Recipe,
    SourceOptions,
    coefficients,
    diagnose,
    evaluate,
    export_model,
    fit,
    from_arrays,
    from_frame,
    load_dataset,
    load_predictor,
)
from tfsoftmax.cli.main import main
from tfsoftmax.cli.train import train
from tfsoftmax.data.split import with_validation
from tfsoftmax.training.workers_record import WorkersRecord

OPTIONS = SourceOptions(label_column="species", missing="mean")
RECIPE = Recipe(epochs=30, l2=0.01, early_stopping="log_loss")
COMMAND = ["--label-column", "species", "--missing", "mean", "--epochs", "30", "--l2", "0.01"]
NOT_JUDGED = "not judged; `tfsoftmax.diagnose` does, before `export_model`"


def table(n_rows=200):
    generator = np.random.default_rng(0)
    species = generator.integers(3, size=n_rows)
    lengths = generator.normal(size=(n_rows, 2)) + species[:, None]
    frame = pd.DataFrame(lengths.astype(np.float32), columns=["petal|length", "petal width"])
    frame["species"] = np.array(["rosa", "iris", "aster"])[species]
    frame.loc[3, "petal width"] = np.nan
    return frame


@pytest.fixture(scope="module")
def by_command(tmp_path_factory):
    folder = tmp_path_factory.mktemp("command")
    table().to_csv(folder / "flowers.csv", index=False)
    arguments = ["--dataset", f"csv:{folder / 'flowers.csv'}", *COMMAND, "-q"]
    arguments += ["--early-stopping", "log_loss", "--output-dir", folder, "--name", "flowers"]
    assert run(train, *arguments).exit_code == 0
    return folder / "flowers" / "1"


def by_python(dataset, folder, judge=True):
    model, history = fit(dataset, RECIPE)
    if judge:
        diagnose(model, dataset, history)
    return export_model(model, folder, "flowers", check_on=dataset.test.features).path


def card_of(version):
    """Its lines, but for the SavedModel's size: functions are numbered through a process."""
    lines = (version / "README.md").read_text().splitlines()
    return [line for line in lines if not line.startswith("| `saved_model.pb` |")]


def facts_of(version):
    return json.loads((version / "tfsoftmax.json").read_text())


def differing(ours, theirs):
    """What stands in only one of two cards."""
    return [line for line in ours if line not in theirs], [x for x in theirs if x not in ours]


def without_time(facts):
    """What is known of a run, but for seconds, and for how it was started."""
    kept = {key: value for key, value in facts.items() if key != "command"}
    timed = ("train_seconds", "evaluation_seconds", "seconds")
    kept["history"] = [
        {key: value for key, value in epoch.items() if key not in timed}
        for epoch in facts["history"]
    ]
    return kept


def test_a_model_of_python_has_the_card_of_the_command(by_command, tmp_path):
    frame = pd.read_csv(by_command.parents[1] / "flowers.csv")
    version = by_python(from_frame(frame, name="flowers", options=OPTIONS), tmp_path)
    ours, theirs = differing(card_of(version), card_of(by_command))
    name = f"csv:{by_command.parents[1] / 'flowers.csv'}"
    (data,) = (line for line in theirs if line.startswith("| data |"))
    assert ours == [
        data.replace(name, "flowers"),
        "It was trained in Python, by `tfsoftmax.fit` with this recipe.",
    ]
    command = shlex.join(facts_of(by_command)["command"])
    assert [line for line in theirs if line != data] == [
        "Make it again:",
        "```text",
        command,
        "```",
    ]
    assert command.startswith(f"tfsoftmax-train --dataset {name} --label-column species")
    ours, theirs = without_time(facts_of(version)), without_time(facts_of(by_command))
    assert (ours["dataset"].pop("name"), theirs["dataset"].pop("name")) == ("flowers", name)
    assert ours == theirs


def test_several_workers_are_to_be_started_again(tmp_path):
    dataset = from_arrays(np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2)
    model = fit(dataset, Recipe(epochs=1, l2=0.01)).model
    workers = WorkersRecord(3, 100, None, None, None).to_json()
    model.record = replace(model.record, command=("tfsoftmax-train", "a b.csv"), workers=workers)
    card = card_of(export_model(model, tmp_path, "shared", check_on=dataset.test.features).path)
    assert "tfsoftmax launch --workers 3 -- tfsoftmax-train 'a b.csv'" in card


def test_of_one_source_only_the_command_is_another(by_command, tmp_path):
    name = f"csv:{by_command.parents[1] / 'flowers.csv'}"
    version = by_python(load_dataset(name, options=OPTIONS), tmp_path)
    assert without_time(facts_of(version)) == without_time(facts_of(by_command))


def test_a_run_that_nobody_judged_says_so(by_command, tmp_path):
    name = f"csv:{by_command.parents[1] / 'flowers.csv'}"
    dataset = load_dataset(name, options=OPTIONS)
    version = by_python(dataset, tmp_path, judge=False)
    assert f"| convergence | {NOT_JUDGED} |" in card_of(version)
    (line,) = (line for line in card_of(by_command) if line.startswith("| convergence |"))
    assert line == f"| convergence | {facts_of(by_command)['convergence']['sentence']} |"


def test_arrays_leave_a_card_too(tmp_path):
    generator = np.random.default_rng(1)
    rows, labels = generator.normal(size=(100, 3)), np.repeat([0, 1], 50)
    dataset = from_arrays(rows, labels, name="my arrays")
    model, history = fit(dataset, Recipe(epochs=2, l2=1e-3))
    version = export_model(model, tmp_path, "m", check_on=dataset.test.features).path
    card = card_of(version)
    assert "| data | my arrays: 80 training and 20 test rows |" in card
    assert f"| SHA-256 of the data | `{dataset.sha256()}` |" in card
    accuracy = evaluate(model, dataset.test).accuracy
    assert any(line.startswith(f"| test accuracy | {accuracy:.4f}, 95 %") for line in card)
    assert facts_of(version)["history"] == [epoch.to_json() for epoch in history.epochs]


def test_the_recipe_is_a_table_of_what_was_chosen_and_what_was_found(by_command):
    card = card_of(by_command)
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in card[card.index("## Recipe") :]
        if line.startswith("| `")
    ]
    told = {cells[0].strip("`"): cells[1:4] for cells in rows if len(cells) == 5}
    assert told["epochs"][:2] == ["30", "**chosen**"]
    assert told["early_stopping"] == ["log_loss", "**chosen**", "trains to the end"]
    assert told["l2"][:2] == ["0.01", "**chosen**"]
    rate = facts_of(by_command)["recipe"]["learning_rate"]
    assert told["learning_rate"] == [f"{rate:.6g}", "automatic", "auto"]
    assert told["batch_size"] == ["64", "automatic", "64, or 128 from 10,000 sparse rows on"]
    assert "momentum" not in told


def section(card, title):
    """The rows of the table under a heading, as cells."""
    lines = iter(card[card.index(f"## {title}") + 1 :])
    told = list(itertools.takewhile(lambda line: not line.startswith("## "), lines))
    rows = [line.replace(r"\|", "/").strip("| ").split(" | ") for line in told if line[:2] == "| "]
    return " ".join(line for line in told if line[:1] != "|"), rows[1:]


def test_columns_and_what_a_missing_value_counts_as(by_command):
    told, rows = section(card_of(by_command), "Columns")
    dataset = load_dataset(f"csv:{by_command.parents[1] / 'flowers.csv'}", options=OPTIONS)
    trained_on = with_validation(dataset, RECIPE.held_out).train
    means = np.nanmean(trained_on.features[:].astype(np.float64), axis=0)
    assert rows == [
        ["petal/length", "number", "1", f"counts as {means[0]:.6g}"],
        ["petal width", "number", "1", f"counts as {means[1]:.6g}"],
    ]
    assert "Not among them: species (the classes)." in told
    assert "What a missing number counts as was found in the training rows." in told


@pytest.mark.slow
def test_columns_that_are_left_out(tmp_path):
    frame = table().fillna(0).assign(weight=1.0, extra=2.0, note=[f"n{i}" for i in range(200)])
    frame.insert(0, "Unnamed: 0", range(200))
    options = SourceOptions(label_column="species", weight_column="weight", drop=("extra",))
    dataset = from_frame(frame, options=options)
    model, _ = fit(dataset, Recipe(epochs=1, l2=1e-3))
    card = card_of(export_model(model, tmp_path, "m", check_on=dataset.test.features).path)
    told, rows = section(card, "Columns")
    assert [(name, missing) for name, *_, missing in rows] == [
        ("petal/length", "an error"),
        ("petal width", "an error"),
    ]
    assert "species (the classes); weight (weights of rows); extra (left out as asked)" in told
    assert "Unnamed: 0 (left out, as it only numbers the rows)" in told
    assert "note (left out, as texts that differ in every row)" in told


@pytest.mark.slow
def test_a_label_that_was_found_is_not_among_the_columns_and_they_are_called_as_in_the_notes(
    tmp_path,
):
    frame = table().rename(columns={"species": "label"}).fillna(0).assign(island=["a", "b"] * 100)
    frame["island"] = np.where(frame.index % 3, frame["island"], "c")
    for name, read in {"numbers": frame.drop(columns="island"), "encoded": frame}.items():
        dataset = from_frame(read)
        model, _ = fit(dataset, Recipe(epochs=1, l2=1e-3))
        card = card_of(export_model(model, tmp_path, name, check_on=dataset.test).path)
        told, rows = section(card, "Columns")
        assert "Not among them: label (the classes)." in told
    ((_, read_as, *_),) = [row for row in rows if row[0] == "island"]
    (noted,) = [each for each in dataset.notes.columns if each.startswith("island: ")]
    assert read_as == noted.removeprefix("island: ") + ": a, b, c"


def test_the_strongest_coefficients_are_the_models(by_command):
    _, rows = section(card_of(by_command), "Strongest coefficients")
    found = coefficients(load_predictor(by_command), centred=True, top=20)
    assert [(cells[0], cells[1]) for cells in rows] == [
        (row["feature"].replace("|", "/"), row["class"]) for row in found.to_dict("records")
    ]
    for cells, row in zip(rows, found.to_dict("records"), strict=True):
        assert float(cells[2]) == pytest.approx(row["coefficient"], rel=0.01)
        assert float(cells[3]) == pytest.approx(row["raw_coefficient"], rel=0.01)


def test_weights_that_were_changed_are_not_said_to_be_the_runs(made, tmp_path, log):
    model, _ = fit(made, Recipe(epochs=1, l2=1e-3))
    model.b.assign(model.b + 1.0)
    version = export_model(model, tmp_path, "m", check_on=made.test.features).path
    assert "W or b has changed since the model was made" in log.text
    assert "dataset" not in facts_of(version)
    assert "## Recipe" not in card_of(version)
    assert "## Artefacts" in card_of(version)


def test_an_export_of_the_export_has_the_same_record(by_command):
    arguments = ["export", str(by_command), "--tflite", "none", "-q"]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    again = by_command.parent / "2"
    ours, theirs = differing(card_of(again), card_of(by_command))
    assert ours == []
    assert [line.split("|")[1].strip() for line in theirs] == ["`model.tflite`"]
    before, after = facts_of(by_command), facts_of(again)
    for name in ("needs", "parity"):
        before.pop(name), after.pop(name)
    assert before == after
