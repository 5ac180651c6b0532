"""Paths and names on the command line: as an argument or an option, with a kind or without."""

import json

import pytest
from sklearn.datasets import dump_svmlight_file, load_wine
from support.commands import assert_one_line, run

from tfsoftmax.cli.main import main as group
from tfsoftmax.cli.train import main as train_command

QUICK = ("--epochs", "2", "--l2", "0.01", "--tflite", "none")


@pytest.fixture(scope="module")
def wine(tmp_path_factory):
    """Wine as tables whose names do and do not say so, and a model of it."""
    folder = tmp_path_factory.mktemp("wine")
    frame = load_wine(as_frame=True).frame.rename(columns={"target": "kind"})
    for name in ("wine.csv", "wine.dat"):
        frame.to_csv(folder / name, index=False)
    frame.drop(columns="kind").to_csv(folder / "new.data", index=False)
    dump_svmlight_file(frame.drop(columns="kind"), frame["kind"], str(folder / "rows.libsvm"))
    result = run(
        *(train_command, folder / "wine.csv", "--label-column", "kind"),
        *(*QUICK, "--output-dir", folder / "models"),
    )
    assert result.exit_code == 0, result.stderr
    return folder


def test_a_path_as_an_argument_trains_and_the_record_has_its_kind(wine):
    described = json.loads((wine / "models/wine/1/tfsoftmax.json").read_text())
    name = f"csv:{wine / 'wine.csv'}"
    assert described["dataset"]["name"] == name
    assert described["command"][1:3] == ["--dataset", name]


def test_a_path_as_an_option_is_the_same(wine):
    for arguments in (["--dataset", wine / "rows.libsvm"], [f"svmlight:{wine / 'rows.libsvm'}"]):
        result = run(train_command, *arguments, *QUICK, "--output-dir", wine / "others")
        assert result.exit_code == 0, result.stderr
    folders = [wine / "others/rows" / version for version in ("1", "2")]
    ours, theirs = (
        (folder / "variables/variables.data-00000-of-00001").read_bytes() for folder in folders
    )
    assert ours == theirs


@pytest.mark.parametrize("command", ["evaluate", "inspect", "tune"])
def test_every_command_takes_a_path(wine, command):
    before = [wine / "models/wine"] if command == "evaluate" else ["--label-column", "kind"]
    after = ["--l2", "0.1,1", "--folds", "2", "--epochs", "1", "--no-refit"]
    after = after if command == "tune" else []
    result = run(group, command, *before, wine / "wine.dat", *after, "--json")
    assert result.exit_code == 0, result.stderr
    assert f"csv:{wine / 'wine.dat'}" in result.stdout


def test_rows_to_predict_tell_their_kind_or_are_given_one(wine):
    model = wine / "models/wine"
    found, said = (
        run(group, "predict", model, f"{kind}{wine / 'new.data'}") for kind in ("", "csv:")
    )
    assert len(found.stdout.splitlines()) == 178
    assert found.stdout == said.stdout.replace("csv:", "")


def test_what_cannot_be_predicted_is_named_and_the_rest_is_answered(wine):
    (wine / "prose").write_text("not a table\n")
    files = [wine / "prose", wine / "rows.libsvm", wine / "new.data"]
    result = run(group, "predict", wine / "models/wine", *files)
    assert result.exit_code == 2  # Nothing tells the kind of one.
    assert len(result.stdout.splitlines()) == 178
    prose, rows = result.stderr.splitlines()
    assert "prose: neither its name nor the first lines tell" in prose
    assert "the model does not know its features by an index" in rows
    result = run(group, "predict", wine / "models/wine", f"npz:{wine / 'new.npz'}")
    others = "npz cannot be read without labels; expected a picture, or one of csv"
    assert_one_line(result, 1, others)


def test_an_option_to_predict_must_say_something_of_a_file(wine):
    (wine / "seven.png").touch()
    for file, what in (("seven.png", "pictures"), ("x.npy", "npy")):
        result = run(group, "predict", wine / "models/wine", wine / file, "--delimiter", ";")
        assert_one_line(result, 2, f"--delimiter does not apply to {what}; it is for csv")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["a.csv", "--dataset", "digits"],
            "DATASET is 'a.csv' and --dataset is 'digits'",
        ),
        (["digits", "--image-size", "8x8"], "--image-size does not apply to digits; it is for im"),
        (["npz:a.npz", "--label-column", "y"], "--label-column does not apply to npz"),
        (["csv:a.csv", "--manual-dir", "x"], "--manual-dir does not apply to csv; it is for Tens"),
        (["nosuch.csv"], "unknown dataset 'nosuch.csv': there is no such file or folder"),
    ],
)
@pytest.mark.parametrize("command", ["train", "tune"])
def test_what_contradicts_itself_is_one_line(tmp_path, command, arguments, message):
    result = run(group, command, *arguments, "--output-dir", tmp_path / "out")
    assert_one_line(result, 2, message)


def test_evaluate_asks_for_a_dataset(wine):
    assert_one_line(run(group, "evaluate", wine / "models/wine"), 2, "Missing argument 'DATASET'")
