"""What would fail once all is trained fails before a row is read."""

import os
import sys

import pytest
from support.commands import QUICK, assert_one_line, run

from tfsoftmax import Recipe, Spec, UsageError, fit
from tfsoftmax.cli.main import main as tfsoftmax_command
from tfsoftmax.cli.train import main as train_command


@pytest.fixture
def no_training(monkeypatch):
    def trained(*arguments, **options):
        raise AssertionError("it was trained")

    monkeypatch.setattr("tfsoftmax.fit", trained, raising=False)
    monkeypatch.setattr("tfsoftmax.training.fit", trained)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("x,kind\n" + "".join(f"{n},{'ab'[n % 2]}\n" for n in range(40)))
    return path


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--history", "{}/file/below.csv"], 1, "/file"),
        (["--tensorboard", "{}/file/below"], 1, "/file/below"),
        (["--history", "{}/m.csv", "--tensorboard", "{}/m.csv"], 2, "are both"),
        (["--history", "{}/m.csv", "--checkpoint-dir", "{}/m.csv/run"], 2, "are both"),
        (["--checkpoint-dir", "{}/m/digits"], 2, "which is for the model's versions"),
        (["--checkpoint-dir", "{}/m/digits/1"], 2, "which is for the model's versions"),
        (["--tensorboard", "{}/\udcff"], 2, "bytes that are no text"),
        (["--memory-limit", "9" * 400], 2, "not a size that memory can have"),
        (["--memory-limit", "0.1"], 2, "not a size that memory can have"),
    ],
)
def test_outputs(tmp_path, no_training, arguments, code, message):
    (tmp_path / "file").write_text("")
    filled = [argument.replace("{}", str(tmp_path)) for argument in arguments]
    result = run(train_command, *QUICK, "-q", "--output-dir", tmp_path / "m", *filled)
    assert_one_line(result, code, message)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_warm_up_that_never_ends(made):
    for warm_up in (1e30, 3.1):
        with pytest.raises(UsageError, match="is more than the 3 epochs of the run"):
            fit(made, Recipe(epochs=3, warmup_epochs=warm_up))
    fit(made, Recipe(epochs=3, warmup_epochs=3))


def test_data_is_not_overwritten(table, tmp_path, no_training):
    before = table.read_bytes()
    for command, option in ((["train"], "--history"), (["tune"], "--table")):
        result = run(
            tfsoftmax_command, *command, "-q", "--dataset", f"csv:{table}", "--label-column",
            "kind", "--output-dir", tmp_path / "m", option, table,
        )  # fmt: skip
        assert_one_line(result, 2, f"--dataset and {option} are both")
    assert table.read_bytes() == before


def test_a_dataset_whose_name_is_no_text(tmp_path, table, no_training):
    strange = tmp_path / os.fsdecode(b"\xff.csv")
    table.rename(strange)
    result = run(train_command, "-q", "--dataset", f"csv:{strange}", "--output-dir", tmp_path / "m")
    assert_one_line(result, 2, "bytes that are no text")


def test_formats_that_do_not_suit_the_data(table, tmp_path, no_training):
    result = run(
        train_command, "-q", "--dataset", f"csv:{table}", "--label-column", "kind", "--mediapipe",
        "--output-dir", tmp_path / "m",
    )  # fmt: skip
    assert_one_line(result, 2, "mediapipe is for models of images")


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_formats_that_lack_their_package(tmp_path, no_training, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)  # as if it was not installed
    monkeypatch.setattr("tfsoftmax.load_dataset", lambda *a, **k: pytest.fail("data was read"))
    result = run(train_command, *QUICK, "-q", "--onnx", "--output-dir", tmp_path / "m")
    assert_one_line(result, 2, f"onnx needs the package {package}: pip install")
    assert not (tmp_path / "m").exists()


def test_python_is_told_as_well():
    from tfsoftmax.export.formats import check_formats

    with pytest.raises(UsageError, match="these examples are 4 float32"):
        check_formats(["float32", "mediapipe"], Spec((4,), "float32", ("no", "yes")))
    check_formats(["mediapipe", "onnx"], Spec((4, 4), "uint8", ("no", "yes"), (0, 255)))
