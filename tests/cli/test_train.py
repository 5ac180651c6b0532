"""tfsoftmax-train: what it prints, writes and refuses."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from support.commands import QUICK, SHORT, assert_one_line, run
from support.idx import IMAGES, idx_bytes, write_folder
from support.marks import slow

from tfsoftmax import RECIPES, load_dataset
from tfsoftmax.cli.train import main as train_command
from tfsoftmax.training.prepare import resolve


def test_results_on_stdout_progress_on_stderr(model):
    path, result = model
    assert "test accuracy" in result.stdout
    assert str(path) in result.stdout
    assert "tfsoftmax evaluate" in result.stdout
    by = "7 values by cross-validation on 1,437 training rows"
    assert re.search(f"^l2 .* chosen from {by}", result.stdout, re.M)
    assert by in (path / "README.md").read_text()
    progress = result.stderr.splitlines()
    assert "1,437 training and 360 test examples of 8x8 uint8" in progress[0]
    assert [line.split()[0] for line in progress[-3:]] == ["1/3", "2/3", "3/3"]


def test_json_holds_every_figure_of_the_table(tmp_path):
    result = run(train_command, *SHORT, "--seed", "7", "--json", "--output-dir", tmp_path)
    document = json.loads(result.stdout)
    rows = [line.split() for line in result.stderr.splitlines() if re.match(r" *\d+/3", line)]
    for row, epoch in zip(rows, document["history"], strict=True):
        keys = ("moving_loss", "train_accuracy", "train_log_loss", "test_accuracy", "test_log_loss")
        assert row == [
            f"{epoch['epoch']}/3",
            *(f"{epoch[key]:.4f}" for key in keys),
            f"{epoch['seconds']:.2f}",
        ]
    chosen = RECIPES["default"].but(epochs=3, seed=7, l2=document["chosen_l2"]["l2"])
    assert document["recipe"] == {
        "name": "default",
        **resolve(chosen, load_dataset("digits")).to_json(),
    }
    assert document["dataset"]["train_samples"] == 1437
    assert Path(document["model"]["saved_model"]) == tmp_path / "digits" / "1"
    assert Path(document["model"]["tflite"]).is_file()
    assert document["model"]["parity"]["saved_model.pb"]["holds"] is True
    assert document["seconds"] > 0


def test_recipe_name_and_options_reach_the_training_and_quiet_prints_results_only(tmp_path):
    result = run(
        train_command, *QUICK, "--recipe", "tutorial", "--batch-size", "32", "--learning-rate",
        "0.002", "--json", "-q", "--name", "other", "--tflite", "none", "--output-dir", tmp_path,
    )  # fmt: skip
    assert result.stderr == ""
    assert (tmp_path / "other" / "1" / "saved_model.pb").is_file()
    expected = RECIPES["tutorial"].but(epochs=3, batch_size=32, learning_rate=0.002, l2=0.0007)
    assert json.loads(result.stdout)["recipe"] == {"name": "tutorial", **expected.to_json()}


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "direction"), [("1e20", "large"), ("1e-30", "small")])
def test_a_model_no_better_than_guessing_is_pointed_out(tmp_path, rate, direction):
    rate_alone = ["--learning-rate", rate, "--l2", "0", "--tflite", "none"]
    result = run(train_command, *SHORT, *rate_alone, "--output-dir", tmp_path)
    assert result.exit_code == 0
    said = rf"^training .*learning rate {re.escape(f'{float(rate):g}')} is too {direction}.*auto"
    assert re.search(said, result.stdout, re.M)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--dataset", "mnits"], 2, "unknown dataset 'mnits': did you mean mnist"),
        (["--dataset", "idx:"], 2, "idx: needs a path"),
        (["--dataset", ""], 2, "unknown dataset ''"),
        (["--dataset", str(Path(__file__).parent)], 2, "say which: csv:/.*cli, .*images:/.*cli"),
        (["--dataset", "idx:/nowhere"], 2, "idx:/nowhere: expected a folder"),
        (["--epochs", "0"], 2, "--epochs 0 trains nothing without --solver newton"),
        (["--learning-rate", "-1"], 2, "'--learning-rate'"),
        (["--learning-rate", "nan"], 2, "--learning-rate must be above 0"),
        (["--recipe", "secret"], 2, "'secret' is not one of 'default', 'tutorial'"),
        (["--name", "a/b"], 2, "'a/b' cannot name a model"),
        (["-q", "-v"], 2, "exclude each other"),
        (["digits", "surplus"], 2, "unexpected extra argument"),
        (
            [*SHORT, "--learning-rate", "1e38"],
            1,
            r"diverged at step [23] \(epoch 1\).*try a smaller",
        ),
    ],
)
def test_bad_input_to_train_gets_one_line_and_leaves_nothing(tmp_path, arguments, code, message):
    result = run(train_command, *arguments, "--output-dir", tmp_path / "out")
    assert_one_line(result, code, message)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("every", [None, slow("100"), "1", slow("epoch")])
def test_how_often_others_are_met_is_noted_where_there_are_none(tmp_path, every):
    given = ["--sync-every", every] if every else []
    result = run(train_command, *QUICK, *given, "--tflite", "none", "--output-dir", tmp_path)
    assert result.exit_code == 0
    notes = [line for line in result.stderr.splitlines() if line.startswith("Note:")]
    assert len(notes) == bool(every)
    for note in notes:
        assert note.startswith(f"Note: --sync-every {every} does nothing: this process trains")


def test_an_output_folder_that_cannot_be_written_fails_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    result = run(train_command, *SHORT, "--output-dir", tmp_path / "file")
    assert_one_line(result, 1, "cannot write to .*Not a directory.*--output-dir")
    assert "epoch" not in result.stderr


@pytest.mark.parametrize("option", ["--checkpoint-dir", "--tensorboard", "--history"])
def test_other_places_that_cannot_be_written_are_named_with_their_option(tmp_path, option):
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / ("run.csv" if option == "--history" else "run")
    result = run(train_command, *SHORT, "--output-dir", tmp_path, option, place)
    reason = "(Not a directory|what should be its folder is a file)"
    said = f"cannot write to {place}: {reason}; choose another place with {option}"
    assert_one_line(result, 1, said)


@pytest.mark.parametrize("damage", ["truncated", "counts", "empty"])
def test_damaged_idx_gets_one_line(tmp_path, damage):
    folder = tmp_path / "data"
    folder.mkdir()
    write_folder(folder, n_test=0 if damage == "empty" else 3)
    if damage == "truncated":
        (folder / f"{IMAGES}.gz").write_bytes(idx_bytes(np.zeros((6, 4, 5), np.uint8))[:-9])
    if damage == "counts":
        (folder / f"{IMAGES}.gz").write_bytes(idx_bytes(np.zeros((7, 4, 5), np.uint8)))
    message = {"truncated": "truncated", "counts": "7 images but 6", "empty": "split is empty"}
    result = run(train_command, "--dataset", f"idx:{folder}", "--output-dir", tmp_path / "out")
    assert_one_line(result, 1, message[damage])
    assert not (tmp_path / "out").exists()
