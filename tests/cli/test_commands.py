import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image
from support.commands import QUICK, assert_one_line, run
from support.idx import IMAGES, idx_bytes, write_folder
from support.process import run_python

from tfsoftmax import RECIPES, __version__, load_dataset
from tfsoftmax.cli._formats import TFLITE_KINDS
from tfsoftmax.cli.main import main as group
from tfsoftmax.cli.train import main as train_command
from tfsoftmax.export.tflite.convert import KINDS
from tfsoftmax.training.learning_rate import resolved

SCRIPTS = Path(sys.executable).parent


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The version folder that a run of the command wrote, and what it printed."""
    folder = tmp_path_factory.mktemp("models")
    result = run(train_command, *QUICK, "--output-dir", folder)
    assert result.exit_code == 0
    return folder / "digits" / "1", result


@pytest.fixture
def pictures(tmp_path):
    dataset = load_dataset("digits")
    paths = []
    for index in range(3):
        path = tmp_path / f"{index}.png"
        pixels = dataset.test.features[index].reshape(8, 8) * (255 / 16)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        paths.append(path)
    return paths


def commands():
    context = click.Context(group)
    return {
        "tfsoftmax": group,
        "tfsoftmax-train": train_command,
        **{name: group.get_command(context, name) for name in group.list_commands(context)},
    }


@pytest.mark.parametrize("name", commands())
def test_every_command_and_option_is_documented(name):
    command = commands()[name]
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
    assert run(command, "--help").exit_code == 0


def test_the_groups_bare_name_shows_its_commands():
    result = run(group)
    assert result.exit_code == 2
    assert "\n  predict " in result.stderr


def test_examples_in_the_help_keep_their_lines():
    assert (
        "\n    tfsoftmax-train --dataset fashion_mnist --epochs 20\n"
        in run(train_command, "--help").stdout
    )


@pytest.mark.parametrize("module", ["tfsoftmax"])
def test_python_dash_m(module, tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", module, "--version"], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.stdout == f"tfsoftmax {__version__}\n"


@pytest.mark.parametrize(("rate", "direction"), [("1e20", "large"), ("1e-30", "small")])
def test_a_model_no_better_than_guessing_is_pointed_out(tmp_path, rate, direction):
    rate_alone = ["--learning-rate", rate, "--l2", "0"]
    result = run(train_command, *QUICK, *rate_alone, "--output-dir", tmp_path)
    assert result.exit_code == 0
    said = rf"^training .*learning rate {re.escape(f'{float(rate):g}')} is too {direction}.*auto"
    assert re.search(said, result.stdout, re.M)


def test_streams_that_are_closed_or_full(model, pictures):
    command = f"{SCRIPTS / 'tfsoftmax'} predict {model[0] / 'model.tflite'} {pictures[0]}"
    without = subprocess.run(f"{command} 2>&-", shell=True, capture_output=True, text=True)
    assert without.returncode == 0
    assert without.stdout.startswith(str(pictures[0]))
    full = subprocess.run(f"{command} >/dev/full", shell=True, capture_output=True, text=True)
    assert full.returncode == 1
    assert full.stderr == "Error: cannot write to standard output: No space left on device\n"


def test_the_group_has_the_same_train_command():
    assert group.get_command(click.Context(group), "train") is train_command


@pytest.mark.parametrize("command", ["tfsoftmax-train", "tfsoftmax"])
def test_version(command):
    result = subprocess.run([SCRIPTS / command, "--version"], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, f"tfsoftmax {__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--help"], 0), (["--version"], 0), (["--epochs", "none"], 2), (["--nonsense"], 2)],
)
def test_what_needs_no_tensorflow_does_not_import_it(arguments, code):
    script = """
        import sys
        from tfsoftmax.cli.train import main
        try:
            main()
        finally:
            heavy = {"tensorflow", "numpy", "pandas", "sklearn", "rich"} & set(sys.modules)
            assert not heavy, heavy
    """
    result = run_python(script, *arguments)
    assert result.returncode == code, result.stderr
    assert len(result.stderr.splitlines()) == (code == 2)


def test_results_on_stdout_progress_on_stderr(model):
    path, result = model
    assert "test accuracy" in result.stdout
    assert str(path) in result.stdout
    assert "tfsoftmax evaluate" in result.stdout
    progress = result.stderr.splitlines()
    assert "1,437 training and 360 test examples of 8x8 uint8" in progress[0]
    assert [line.split()[0] for line in progress[-3:]] == ["1/3", "2/3", "3/3"]


def test_json_holds_every_figure_of_the_table(tmp_path):
    result = run(train_command, *QUICK, "--seed", "7", "--json", "--output-dir", tmp_path)
    document = json.loads(result.stdout)
    rows = [line.split() for line in result.stderr.splitlines() if re.match(r" *\d+/3", line)]
    for row, epoch in zip(rows, document["history"], strict=True):
        keys = ("moving_loss", "train_accuracy", "train_log_loss", "test_accuracy", "test_log_loss")
        assert row == [
            f"{epoch['epoch']}/3",
            *(f"{epoch[key]:.4f}" for key in keys),
            f"{epoch['seconds']:.2f}",
        ]
    assert document["recipe"] == {
        "name": "default",
        **resolved(RECIPES["default"].but(epochs=3, seed=7), load_dataset("digits")).to_json(),
    }
    assert document["dataset"]["train_samples"] == 1437
    assert Path(document["model"]["saved_model"]) == tmp_path / "digits" / "1"
    assert Path(document["model"]["tflite"]).is_file()
    assert document["model"]["parity"]["saved_model.pb"]["holds"] is True
    assert document["seconds"] > 0


def test_quiet_prints_results_only(tmp_path):
    result = run(train_command, *QUICK, "-q", "--name", "other", "--output-dir", tmp_path)
    assert result.stderr == ""
    assert (tmp_path / "other" / "1" / "saved_model.pb").is_file()


def test_tutorial_recipe_and_options_reach_the_training(tmp_path):
    result = run(
        train_command, *QUICK, "--recipe", "tutorial", "--batch-size", "32", "--learning-rate",
        "0.002", "--json", "-q", "--output-dir", tmp_path,
    )  # fmt: skip
    expected = RECIPES["tutorial"].but(epochs=3, batch_size=32, learning_rate=0.002)
    assert json.loads(result.stdout)["recipe"] == {"name": "tutorial", **expected.to_json()}


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


def test_datasets_are_listed(tmp_path):
    result = run(group, "datasets", "--data-dir", tmp_path)
    assert re.search(r"^mnist5k .*ready, no download$", result.stdout, re.MULTILINE)
    assert re.search(
        r"^kmnist +10 classes of 28x28 images; downloaded", result.stdout, re.MULTILINE
    )
    assert {entry["name"] for entry in json.loads(run(group, "datasets", "--json").stdout)} >= {
        "digits",
        "mnist",
    }


def test_shell_completion_knows_the_datasets():
    environment = {
        **os.environ,
        "_TFSOFTMAX_TRAIN_COMPLETE": "bash_complete",
        "COMP_WORDS": "tfsoftmax-train --dataset mn",
        "COMP_CWORD": "2",
    }
    result = subprocess.run(
        [SCRIPTS / "tfsoftmax-train"], env=environment, capture_output=True, text=True
    )
    assert result.stdout.split() == ["plain,mnist5k", "plain,mnist"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--dataset", "mnits"], 2, "unknown dataset 'mnits': did you mean mnist"),
        (["--dataset", "idx:"], 2, "idx: needs a path"),
        (["--dataset", ""], 2, "unknown dataset ''"),
        (["--dataset", str(Path(__file__).parent)], 2, "did you mean images:/.*cli"),
        (["--dataset", "idx:/nowhere"], 1, "idx:/nowhere: expected a folder"),
        (["--epochs", "0"], 2, "'--epochs': 0 is not in the range"),
        (["--learning-rate", "-1"], 2, "'--learning-rate'"),
        (["--learning-rate", "nan"], 2, "learning_rate must be a positive number"),
        (["--recipe", "secret"], 2, "'secret' is not one of 'default', 'tutorial'"),
        (["--name", "a/b"], 2, "'a/b' cannot name a model"),
        (["-q", "-v"], 2, "exclude each other"),
        (["surplus"], 2, "unexpected extra argument"),
        (
            [*QUICK, "--learning-rate", "1e38"],
            1,
            r"diverged at step [23] \(epoch 1\).*try a smaller",
        ),
    ],
)
def test_bad_input_to_train_gets_one_line_and_leaves_nothing(tmp_path, arguments, code, message):
    result = run(train_command, *arguments, "--output-dir", tmp_path / "out")
    assert_one_line(result, code, message)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "path"), [((train_command,), ""), ((group, "train"), "tfsoftmax ")]
)
def test_usage_errors_say_whose_help_to_read(command, path):
    result = run(*command, "--dataset")
    assert_one_line(result, 2, rf"'--dataset' requires an argument \(see '.*{path}train --help'\)")


def test_an_output_folder_that_cannot_be_written_fails_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    result = run(train_command, *QUICK, "--output-dir", tmp_path / "file")
    assert_one_line(result, 1, "cannot write to .*Not a directory.*--output-dir")
    assert "epoch" not in result.stderr


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "nowhere", "--dataset", "digits"], "nowhere: no such file"),
        (["evaluate", ".", "--dataset", "digits"], "no model here"),
        (["predict", "nowhere", "x.png"], "nowhere: no such file"),
        (["predict", __file__, "x.png"], "not a model made by tfsoftmax"),
    ],
)
def test_a_path_that_is_no_model(arguments, message):
    assert_one_line(run(group, *arguments), 1, message)


def test_evaluate_on_a_dataset_of_another_shape(model):
    result = run(group, "evaluate", model[0] / "model.tflite", "--dataset", "mnist5k")
    assert_one_line(result, 1, r"takes examples of shape \(8, 8\)")


@pytest.fixture
def endless(tmp_path):
    """A training that takes minutes, in a process of its own, once its first epoch ended."""
    command = [SCRIPTS / "tfsoftmax-train", "--dataset", "digits", "--epochs", "100000"]
    process = subprocess.Popen(
        [*command, "--output-dir", tmp_path / "out"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # As from a terminal; a shell's background job, such as a CI may be, ignores it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    for line in process.stderr:
        if line.lstrip().startswith("1/"):
            break
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_ends_it_at_once_and_leaves_nothing(endless, tmp_path, presses):
    started = time.monotonic()
    for _ in range(presses):
        endless.send_signal(signal.SIGINT)
    stdout, stderr = endless.communicate(timeout=60)
    assert time.monotonic() - started < 30
    assert endless.returncode == 130
    assert stderr.splitlines()[-1] == "Error: interrupted"
    assert "Traceback" not in stderr
    assert stdout == ""
    assert not (tmp_path / "out").exists()


def test_a_terminal_gets_a_live_bar_and_no_native_chatter(tmp_path):
    ours, theirs = pty.openpty()
    command = [SCRIPTS / "tfsoftmax-train", *QUICK, "--output-dir", tmp_path]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:  # the other side is closed
            break
        if not chunk:
            break
        seen += chunk
    os.close(ours)
    assert process.wait() == 0
    process.stdout.close()
    text = seen.decode()
    assert "loss " in text
    assert "test acc 0." in text
    assert "\x1b[" in text  # drawn live
    assert not re.search(r"oneDNN|cuda|XNNPACK|absl|WARNING", text)
    assert "[progress" not in text


def test_the_kinds_in_the_help_are_those_there_are():
    assert TFLITE_KINDS == KINDS
