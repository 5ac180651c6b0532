import csv
import json
import math
import signal
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from support.commands import assert_one_line, run
from support.process import run_python

from tfsoftmax import Recipe, evaluate, fit, load_dataset
from tfsoftmax.cli._grid import Grid
from tfsoftmax.cli.train import main as train_command
from tfsoftmax.cli.tune import tune as command
from tfsoftmax.training import cross_validation
from tfsoftmax.tuning.tune import tune

QUICK = ["--dataset", "digits", "--epochs", "2", "--folds", "3", "--tflite", "none"]
GRID = ["--l2", "0,1e-3..1e-1:3", "--learning-rate", "0.1,0.5"]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """A folder that a run of the command wrote into, and what it printed."""
    folder = tmp_path_factory.mktemp("tuned")
    files = ["--plot", folder / "tuning.png", "--table", folder / "tuning.csv"]
    result = run(command, *QUICK, *GRID, *files, "--output-dir", folder / "models")
    assert result.exit_code == 0
    return folder, result


@pytest.fixture(scope="module")
def expected():
    """The same from Python."""
    recipe = Recipe(epochs=2)
    grid = {"l2": (0.0, 1e-3, 1e-2, 1e-1), "learning_rate": (0.1, 0.5)}
    return tune(load_dataset("digits"), recipe, **grid, folds=3)


def test_newton_without_a_step_of_sgd_has_no_learning_rate(tmp_path):
    rows = np.random.default_rng(0).normal(size=(60, 2))
    np.savez(tmp_path / "rows.npz", X=rows, y=np.arange(60) % 2)
    grid = ["--solver", "newton", "--epochs", "0", "--l2", "0.01,0.1", "--no-refit"]
    result = run(command, tmp_path / "rows.npz", *grid)
    assert [line.split()[:3] for line in result.stdout.splitlines()[1:]] == [
        ["0.01", "0", "none"],
        ["0.1", "0", "none"],
    ]


def test_the_table_has_a_line_a_candidate_and_marks_the_best(tuned, expected):
    lines = tuned[1].stdout.splitlines()
    assert lines[0].split() == ["l2", "l1", "learning", "rate", "log-loss", "accuracy"]
    for line, candidate in zip(lines[1:], expected.candidates, strict=False):
        figures = candidate.figures()
        assert line.split()[:9] == [
            f"{figures['l2']:g}",
            "0",
            f"{figures['learning_rate']:g}",
            f"{candidate.log_loss:.4f}",
            "±",
            f"{candidate.log_loss_error:.4f}",
            f"{candidate.accuracy:.4f}",
            "±",
            f"{candidate.accuracy_error:.4f}",
        ]
        assert line.endswith("  best") == (candidate is expected.winner)
    assert lines[9].startswith("test accuracy")
    assert len({line.index("±") for line in lines[1:9]}) == 1


def test_progress_is_told_on_standard_error(tuned):
    lines = tuned[1].stderr.splitlines()
    assert "1,437 training and 360 test examples" in lines[0]
    assert lines[1:3] == ["tuning: 23 of 46 steps", "tuning: 46 of 46 steps"]
    assert [line.split()[0] for line in lines[-2:]] == ["1/2", "2/2"]


def test_the_best_is_refitted_exported_and_can_be_made_again(tuned, expected, tmp_path):
    folder, result = tuned
    exported = folder / "models" / "digits" / "1"
    assert str(exported) in result.stdout
    record = json.loads((exported / "tfsoftmax.json").read_text())
    assert record["tuning"] == expected.to_json()
    dataset = load_dataset("digits")
    model, history = fit(dataset, expected.best)
    assert record["recipe"] == {"name": "default", **history.recipe.to_json()}
    assert record["test"] == evaluate(model, dataset.test).figures()
    assert record["asked"]["l2"] == expected.best.l2
    assert record["asked"]["learning_rate"] == expected.winner.asked
    again = [*record["command"][1:], "--tflite", "none", "--json", "--output-dir", tmp_path]
    assert record["command"][0] == "tfsoftmax-train"
    assert json.loads(run(train_command, *again).stdout)["test"] == record["test"]


def test_the_files_that_are_asked_for(tuned, expected):
    folder, _ = tuned
    assert (folder / "tuning.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "tuning.csv").read_text() == expected.to_csv()
    assert len(list(csv.reader((folder / "tuning.csv").read_text().splitlines()))) == 9


def test_without_a_refit_nothing_is_exported(tmp_path):
    result = run(
        command, *QUICK, "--no-refit", "--json", "-q", "--l2", "0.1,0.001", "--scoring",
        "accuracy", "--table", tmp_path / "tuning.json", "--output-dir", tmp_path / "models",
    )  # fmt: skip
    assert result.stderr == ""
    document = json.loads(result.stdout)
    assert document["tuning"] == json.loads((tmp_path / "tuning.json").read_text())
    assert (document["tuning"]["scoring"], document["tuning"]["folds"]) == ("accuracy", 3)
    assert document["recipe"]["l2"] == document["tuning"]["best"]["l2"]
    assert document["dataset"]["train_samples"] == 1437
    assert not (tmp_path / "models").exists()
    plain = run(command, *QUICK, "--no-refit", "-q", "--l2", "0.1,0.001")
    assert len(plain.stdout.splitlines()) == 3


def test_every_option_of_a_recipe_reaches_the_tuning_and_the_fit(tmp_path):
    result = run(
        command, *QUICK, "--l2", "1e-3", "--l1", "1e-4,1e-3", "--momentum", "0.5", "--calibrate",
        "--class-weight", "balanced", "--seed", "7", "--json", "-q", "--output-dir", tmp_path,
        "--name", "other",
    )  # fmt: skip
    document = json.loads(result.stdout)
    recipe = Recipe(epochs=2, momentum=0.5, calibrate=True, class_weight="balanced", seed=7)
    expected = tune(load_dataset("digits"), recipe, l2=(1e-3,), l1=(1e-4, 1e-3), folds=3)
    assert document["tuning"] == expected.to_json()
    assert document["temperature"] > 0
    assert document["recipe"]["calibrate"] is True
    assert Path(document["model"]["saved_model"]) == tmp_path / "other" / "1"


def test_what_diverged_is_told_in_the_table():
    result = run(command, *QUICK, "--no-refit", "--l2", "0.1", "--learning-rate", "0.1,1e38")
    assert result.stdout.splitlines()[2].split() == ["0.1", "0", "1e+38", "diverged"]
    assert result.stdout.splitlines()[1].endswith("best")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--l2", "1e-3,x"], 2, "'x' is not a number, nor LOW..HIGH:COUNT"),
        (["--l2", ""], 2, "'' is not a number"),
        (["--l2", "1e-3,-1"], 2, "'-1' is not a number from 0 up"),
        (["--l1", "nan"], 2, "'nan' is not a number from 0 up"),
        (["--l1", "auto"], 2, "'auto' is not a number"),
        (["--learning-rate", "0"], 2, "'0' is not a number above 0"),
        (["--learning-rate", "inf"], 2, "'inf' is not a number above 0"),
        (["--l2", "1e-3..1"], 2, "'1e-3..1' is not LOW..HIGH:COUNT"),
        (["--l2", "0..1:5"], 2, "needs 0 < LOW < HIGH"),
        (["--l2", "1..1e-3:5"], 2, "needs 0 < LOW < HIGH"),
        (["--l2", "1e-3..1:1"], 2, "COUNT from 2 to 1,000"),
        (["--l2", "1e-3..1:800,1e-3..1:800"], 2, "1,600 values, more than 1,000"),
        (["--folds", "1"], 2, "'--folds'"),
        (["--folds", "500"], 1, "too few for 500 folds"),
        (["--scoring", "f1"], 2, "'--scoring'"),
        (["--l2", "1e39"], 2, r"--l2 must be below 3.4e\+38"),
        (["--l1", "0.1", "--averaging", "0.5"], 2, "--averaging and --l1 exclude each other"),
        (["--plot", "tuning.gif"], 2, "must end in .png, .svg or .pdf"),
        (["--table", "tuning.txt"], 2, "must end in .csv or .json"),
        (["--table", "/proc/nowhere/tuning.csv"], 1, "/proc/nowhere"),
        (["--learning-rate", "1e38"], 1, "every candidate diverged"),
        (["--dataset", "nothing"], 2, "nothing"),
    ],
)
def test_what_cannot_be_tuned_is_one_line(tmp_path, arguments, code, message):
    result = run(command, *QUICK, "-q", "--output-dir", tmp_path / "m", *arguments)
    assert_one_line(result, code, message)
    assert not (tmp_path / "m").exists()


def test_the_output_folder_is_checked_before_anything_is_trained(tmp_path):
    (tmp_path / "file").write_text("")
    arguments = [*QUICK, "--output-dir", tmp_path / "file"]
    result = run(command, *arguments)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert run(command, *arguments, "--no-refit", "--l2", "0.1").exit_code == 0


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_while_it_trains_ends_it_with_one_line(tmp_path, monkeypatch, number, code, word):
    train = cross_validation.train

    def interrupted(dataset, recipes, weights, on_progress):
        def progress(step, total):
            signal.raise_signal(number)
            on_progress(step, total)

        return train(dataset, recipes, weights, progress)

    monkeypatch.setattr(cross_validation, "train", interrupted)
    # As from a terminal; a shell's background job, such as a CI may be, ignores interrupts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = run(command, *QUICK, "-q", "--output-dir", tmp_path / "models")
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.exit_code == code
    assert result.stderr.strip() == f"Error: {word}"
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), (["--l2", "none"], 2)])
def test_what_needs_no_tensorflow_does_not_import_it(arguments, code):
    script = """
        import sys
        from tfsoftmax.cli.tune import tune
        try:
            tune()
        finally:
            heavy = {"tensorflow", "numpy", "pandas", "sklearn", "rich", "matplotlib"}
            assert not heavy & set(sys.modules)
    """
    result = run_python(script, *arguments)
    assert result.returncode == code, result.stderr
    assert len(result.stderr.splitlines()) == (code == 2)


def parsed(text, **choices):
    """What a grid's option makes of what is typed."""
    found = []

    @click.command()
    @click.option("--grid", type=Grid(**choices))
    def reads(grid):
        found.extend(grid)

    result = CliRunner().invoke(reads, ["--grid", text])
    assert result.exit_code == 0, result.output
    return found


def test_a_grid_is_values_and_ranges_in_any_mixture():
    assert parsed("0,1e-3..1:4, 7") == [0.0, 0.001, 0.01, 0.1, 1.0, 7.0]
    assert parsed("auto,0.5", positive=True, auto=True) == ["auto", 0.5]


@given(st.floats(1e-30, 1e30), st.floats(1.1, 1e6), st.integers(2, 50))
def test_a_range_is_evenly_spaced_in_logarithms(low, factor, count):
    found = parsed(f"{low!r}..{low * factor!r}:{count}")
    assert len(found) == count
    for index, value in enumerate(found):
        exact = math.log(low) + math.log(factor) * index / (count - 1)
        assert math.log(value) == pytest.approx(exact, abs=1e-3)
