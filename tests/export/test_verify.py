"""`tfsoftmax export` and `tfsoftmax verify`, on real artefacts in the runtimes at hand."""

import json
import re
import shutil

import pytest
from click.testing import CliRunner

from tfsoftmax.cli.main import main
from tfsoftmax.export import runtimes
from tfsoftmax.export.formats import FORMATS

# Choosing an l2 takes longer than these epochs.
L2 = ("--l2", 0.0007)
ONE_EPOCH = ("--dataset", "digits", "--epochs", 1, *L2)


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def trained(folder, *formats):
    arguments = ["--dataset", "digits", "--epochs", 20, *L2, "--quiet"]
    result = run("train", *arguments, *formats, "--output-dir", folder)
    assert result.exit_code == 0, result.output
    return result.output, folder / "digits"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A trained model, with a few forms of it as version 1."""
    folder = tmp_path_factory.mktemp("models")
    return trained(folder, "--tflite", "float32,int8", "--onnx")[1]


@pytest.mark.slow
def test_every_artefact_holds_in_every_runtime_installed(tmp_path):
    everything = "float32,float16,dynamic,int8,uint8,micro"
    flags = ("--mediapipe", "--trainable", "--onnx")
    output, folder = trained(tmp_path, "--tflite", everything, *flags)
    assert "all 10 files give the trained model's class on" in output
    result = run("verify", folder / "1", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["holds"]
    ran = {(check["file"], check["runtime"]) for check in document["checks"]}
    installed = [runtime for runtime in runtimes.RUNTIMES if runtime.installed]
    assert ran == {(file, runtime.name) for runtime in installed for file in runtime.files}
    assert {"TensorFlow", "LiteRT", "ONNX Runtime"} <= {runtime.name for runtime in installed}
    for check in document["checks"]:
        assert check["seconds_1"] > 0
        assert abs(check["accuracy"] - check["model_accuracy"]) <= 0.006


def test_the_table_has_a_line_for_each(models):
    result = run("verify", models / "1")
    assert result.exit_code == 0
    assert re.search(r"model-int8\.tflite +LiteRT +[\d,]+ +\d+/360", result.output)
    assert "FAILS" not in result.output


def test_export_makes_other_forms_of_the_same_model_later(models):
    result = run("export", models / "1", "--tflite", "float16")
    assert result.exit_code == 0, result.output
    second = models / "2"
    assert str(second.resolve()) in result.output
    assert {path.name for path in second.glob("*.tflite")} == {"model-float16.tflite"}
    before, after = (
        json.loads((models / number / "tfsoftmax.json").read_text()) for number in "12"
    )
    for key in ("dataset", "recipe", "history", "test", "command"):
        assert before[key] == after[key]
    shutil.rmtree(second)


def test_a_file_that_disagrees_is_named_and_the_exit_code_is_1(models, tmp_path):
    copy = tmp_path / "digits" / "1"
    shutil.copytree(models / "1", copy)
    other = run(
        "train", *ONE_EPOCH, "--learning-rate", 0.01,
        "--output-dir", tmp_path / "other", "--quiet",
    )  # fmt: skip
    assert other.exit_code == 0
    shutil.copy(tmp_path / "other" / "digits" / "1" / "model.tflite", copy)
    (copy / "model.onnx").write_bytes(b"no model")
    (copy / "SHA256SUMS").unlink()  # or the changes themselves would be noticed
    result = run("verify", copy)
    assert result.exit_code == 1
    assert "Error: model.tflite in LiteRT: same class on" in result.stderr
    assert "Error: model.onnx in ONNX Runtime:" in result.stderr
    assert result.stdout.count("FAILS") >= 2
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", ["export", "verify"])
@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (
            lambda copy: (copy / "saved_model.pb").write_bytes(b"x" * 100),
            "model.pb was changed",
        ),
        (lambda copy: (copy / "tfsoftmax.json").write_text("{}"), "tfsoftmax.json was changed"),
        (
            lambda copy: shutil.rmtree(copy / "variables"),
            "-00000-of-00001 is missing",
        ),
        (lambda copy: shutil.rmtree(copy), "no such file or folder"),
    ],
)
def test_damaged_models_are_one_clear_line(models, tmp_path, command, break_it, message):
    copy = tmp_path / "1"
    shutil.copytree(models / "1", copy)
    break_it(copy)
    result = run(command, copy)
    assert result.exit_code == (1 if copy.exists() else 2)
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert message in line
    assert sorted(path.name for path in tmp_path.iterdir()) in (["1"], [])


@pytest.mark.slow
def test_a_table_of_real_measurements_holds_everywhere(tmp_path):
    from sklearn.datasets import load_breast_cancer

    from tfsoftmax import Dataset, Recipe, Spec, Split, export_model, fit
    from tfsoftmax.data.split import stratified_split
    from tfsoftmax.export.verify import verify

    source = load_breast_cancer()
    numbers = (source.data - source.data.mean(axis=0)) / source.data.std(axis=0)
    names = tuple(str(name) for name in source.target_names)
    parts = stratified_split(
        Split(numbers.astype("float32"), source.target.astype("int32")), "cancer"
    )
    dataset = Dataset("cancer", Spec((30,), "float32", names), *parts)
    model, history = fit(dataset, Recipe(learning_rate=0.1, l2=0.002))
    assert history.last.test_accuracy > 0.95
    formats = [name for name in FORMATS if name != "mediapipe"]
    exported = export_model(
        model,
        tmp_path,
        "cancer",
        check_on=dataset.test.features,
        calibrate_on=dataset.train.features,
        formats=formats,
    )
    checks, _ = verify(exported.path, dataset)
    assert not [check for check in checks if check.problem]
    assert {check.file for check in checks} == set(exported.parity)


def test_the_dataset_must_suit(models):
    result = run("verify", models / "1", "--dataset", "mnist5k")
    assert result.exit_code == 1
    assert "takes examples of shape (8, 8)" in result.stderr


def test_a_model_that_does_not_say_its_data(models, tmp_path):
    copy = tmp_path / "1"
    shutil.copytree(models / "1", copy)
    description = json.loads((copy / "tfsoftmax.json").read_text())
    description["dataset"]["name"] = "frame"  # as from_frame calls it
    (copy / "tfsoftmax.json").write_text(json.dumps(description))
    (copy / "SHA256SUMS").unlink()
    result = run("verify", copy)
    assert result.exit_code == 2
    assert "was trained on 'frame'" in result.stderr
    assert "give --dataset" in result.stderr
    del description["dataset"]
    (copy / "tfsoftmax.json").write_text(json.dumps(description))
    result = run("verify", copy)
    assert result.exit_code == 2
    assert "give --dataset" in result.stderr
    assert run("verify", copy, "--dataset", "digits").exit_code == 0


def test_a_file_is_no_folder(models):
    result = run("export", models / "1" / "model.tflite")
    assert result.exit_code == 1
    assert "give the model's folder" in result.stderr


@pytest.mark.slow
def test_training_and_verifying_judge_alike(tmp_path):
    """On a thousand rows, where a few that differ by chance move the accuracy."""
    kinds = "int8,uint8,dynamic"
    trained = run("train", "--output-dir", tmp_path, "--quiet", "--tflite", kinds)
    assert trained.exit_code == 0
    assert run("verify", tmp_path / "mnist5k", "-q").exit_code == 0


def test_no_tflite_file_at_all(tmp_path):
    arguments = ("train", *ONE_EPOCH, "--output-dir", tmp_path, "-q")
    assert run(*arguments, "--tflite", "none").exit_code == 0
    assert not list(tmp_path.rglob("*.tflite"))
    assert run(*arguments, "--tflite", "").exit_code == 2
    assert run(*arguments, "--name", "").exit_code == 2


def test_kinds_are_checked_before_anything_starts():
    result = run("train", "--tflite", "float32,int4")
    assert result.exit_code == 2
    assert "'int4' is not one of float32, float16, dynamic, int8, uint8, micro" in result.stderr


def test_the_card_says_what_matters(models):
    card = (models / "1" / "README.md").read_text()
    for part in (
        "# digits",
        "digits: 1,437 training and 360 test rows",
        "95 % interval",
        "| `model-int8.tflite` |",
        "tfsoftmax-train --dataset digits --recipe default --epochs 20",
        "SHA-256 of the data",
        "tensorflow 2.",
    ):
        assert part in card
