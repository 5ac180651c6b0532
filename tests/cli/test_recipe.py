import csv
import json
import re
from typing import Literal, get_args, get_origin

import click
import pytest
from click.testing import CliRunner
from hypothesis import given, reject
from hypothesis import strategies as st
from support.commands import QUICK, assert_one_line, run

from tfsoftmax import RECIPES, Recipe, UsageError
from tfsoftmax.cli._options import flags_of
from tfsoftmax.cli._recipe import arguments_of, recipe_from, recipe_options
from tfsoftmax.cli.train import main as train_command


def parsed(arguments):
    """The recipe that the command line's options make."""
    found = []

    @click.command()
    @recipe_options
    def command(**options):
        found.append(recipe_from(options))

    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    return found[0]


WEIGHTS = st.dictionaries(st.text("ab=c d", min_size=1), st.floats(1e-6, 1e6), min_size=1)


def values_of(declared):
    """What can be typed of an option: values of each of its types, within its bounds."""
    least = max(declared.least or 0, 0 if declared.above is None else 1e-6)
    numbers = st.floats(least, 1e6 if declared.below is None else declared.below, exclude_max=True)
    for kind in declared.kinds:
        if get_origin(kind) is Literal:
            yield st.sampled_from(get_args(kind))
        elif kind in (bool, int, float):
            whole = st.integers(int(least), 2**63)
            yield {bool: st.just(True), int: whole, float: numbers}[kind]
        elif kind is not type(None):
            yield WEIGHTS


CHOICES = st.fixed_dictionaries(
    {}, optional={name: st.one_of(*values_of(one)) for name, one in flags_of(Recipe).items()}
)


@given(st.sampled_from(list(RECIPES)), CHOICES)
def test_a_recorded_command_makes_the_same_recipe_again(name, changes):
    recipe = RECIPES[name].but(epochs=7, learning_rate=0.3)
    try:
        recipe = recipe.but(**changes)
    except UsageError:
        reject()  # Two of them exclude each other.
    assert parsed(arguments_of(recipe, name)) == recipe


def test_every_option_reaches_the_training(tmp_path):
    result = run(
        train_command, *QUICK, "--momentum", "0.5", "--nesterov", "--l2", "0.001", "--schedule",
        "inverse", "--class-weight", "3=2,8=0.5", "--clip-norm", "5", "--warmup-epochs", "0.5",
        "--json", "--output-dir", tmp_path, "--tflite", "none",
    )  # fmt: skip
    recipe = json.loads(result.stdout)["recipe"]
    assert recipe["class_weight"] == {"3": 2.0, "8": 0.5}
    assert (recipe["momentum"], recipe["nesterov"], recipe["l2"]) == (0.5, True, 0.001)


def test_early_stopping_says_which_epoch_is_kept_and_writes_the_history(tmp_path):
    path = tmp_path / "history.csv"
    result = run(
        train_command, "--dataset", "digits", "--epochs", "60", "--learning-rate", "3",
        "--early-stopping", "accuracy", "--patience", "2", "--history", path, "--l2", "0.0007",
        "--output-dir", tmp_path / "models", "--tflite", "none", "--calibrate",
    )  # fmt: skip
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert f"of {len(rows)} trained" in result.stdout
    best = max(rows, key=lambda row: float(row["validation_accuracy"]))
    assert f"best epoch     {best['epoch']}, " in result.stdout
    assert f"test accuracy  {float(best['test_accuracy']):.4f}" in result.stdout
    assert re.search(r"calibration +error 0\.\d+, at temperature \d", result.stdout)
    card = (tmp_path / "models" / "digits" / "1" / "README.md").read_text()
    assert f"| early stopping | weights of epoch {best['epoch']}, of {len(rows)} trained |" in card
    assert f"| training accuracy | {float(best['train_accuracy']):.4f} |" in card
    assert "| temperature | logits divided by " in card
    assert len(rows) < 60


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--momentum", "1"], 2, "'--momentum'"),
        (["--epochs", "1.5"], 2, "'1.5' is not a whole number"),
        (["--momentum", "much"], 2, "'much' is not a number"),
        (["--l2", "much"], 2, "'much' is neither a number nor auto"),
        (["--sync-every", "1.5"], 2, "'1.5' is neither a whole number nor epoch"),
        (["--nesterov"], 2, "nesterov is a form of momentum"),
        (["--class-weight", "3"], 2, "'3' is not NAME=WEIGHT"),
        (["--class-weight", "twelve=2"], 2, "names a class 'twelve' that is not there"),
        (["--averaging", "0.5", "--l1", "0.1"], 2, "exclude each other"),
        (["--history", "history.txt"], 2, "must end in .csv or .json"),
        (["--resume"], 2, "--resume needs --checkpoint-dir"),
        (["--checkpoint-steps", "9"], 2, "--checkpoint-steps needs --checkpoint-dir"),
        (["--checkpoint-dir", "/proc/nowhere"], 1, "/proc/nowhere"),
    ],
)
def test_options_that_mean_nothing_are_one_line(tmp_path, arguments, code, message):
    result = run(train_command, *QUICK, "-q", "--output-dir", tmp_path / "m", *arguments)
    assert_one_line(result, code, message)
    assert not (tmp_path / "m").exists()


def test_a_folder_with_checkpoints_is_not_begun_in_again(tmp_path):
    common = [*QUICK, "-q", "--tflite", "none", "--checkpoint-dir", tmp_path / "run"]
    assert run(train_command, *common, "--output-dir", tmp_path / "m").exit_code == 0
    result = run(train_command, *common, "--output-dir", tmp_path / "n")
    assert_one_line(result, 2, "add --resume")
    result = run(train_command, *common, "--resume", "--output-dir", tmp_path / "n")
    assert result.exit_code == 0
