"""TFLite files of a fixed number of rows, for runtimes that know no other."""

import json

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from click.testing import CliRunner
from support.datasets import make_dataset

from tfsoftmax import (
    SoftmaxRegression,
    Spec,
    UsageError,
    export_model,
    load_predictor,
)
from tfsoftmax.cli.main import main
from tfsoftmax.export.formats import FORMATS
from tfsoftmax.export.predictor import answer_in_blocks
from tfsoftmax.export.saved_model import ExportedModel
from tfsoftmax.export.tflite import convert as tflite

pytestmark = pytest.mark.slow

BATCH = 7
TFLITE_KINDS = tuple(name for name, row in FORMATS.items() if row.listed)
NAMES = (*TFLITE_KINDS, "trainable")


@pytest.fixture(scope="module")
def version(everything_in_sevens):
    return everything_in_sevens


@pytest.mark.parametrize("name", NAMES)
def test_every_shape_is_fixed(version, name):
    """In the shapes and in their signatures, which LiteRT.js goes by."""
    interpreter = Interpreter(str(version / FORMATS[name].file))
    tensors = []
    for signature in interpreter.get_signature_list():
        runner = interpreter.get_signature_runner(signature)
        tensors += [*runner.get_input_details().values(), *runner.get_output_details().values()]
    for tensor in tensors:
        assert list(tensor["shape"]) == list(tensor["shape_signature"])
    shapes = {tuple(map(int, tensor["shape"])) for tensor in tensors}
    assert {(BATCH, 8, 8), (BATCH, 10)} <= shapes
    if name == "trainable":
        assert (BATCH,) in shapes


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rows", [1, BATCH, 2 * BATCH + 3])
def test_any_number_of_rows_is_answered(version, trained, digits, name, rows):
    features = digits.test.features[:rows]
    found = load_predictor(version / FORMATS[name].file).probabilities(features.reshape(-1, 8, 8))
    assert found.shape == (rows, 10)
    tolerance = {"float16": 1e-3, "int8": 0.05, "uint8": 0.05}.get(name, 1e-5)
    np.testing.assert_allclose(found, trained.probabilities(features).numpy(), atol=tolerance)


def test_it_learns_a_batch_at_a_time(trained, digits, version):
    interpreter = Interpreter(str(version / "model-trainable.tflite"))
    rows, labels = digits.train.features[:BATCH], digits.train.labels[:BATCH]
    before = float(np.mean(-np.log(trained.probabilities(rows).numpy()[range(BATCH), labels])))
    train = interpreter.get_signature_runner("train")
    losses = [
        float(
            train(inputs=rows.reshape(-1, 8, 8), labels=labels, learning_rate=np.float32([0.1]))[
                "loss"
            ]
        )
        for _ in range(20)
    ]
    assert losses[0] == pytest.approx(before, abs=1e-5)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("kind", [kind for kind in TFLITE_KINDS if kind != "int8"])
def test_every_type_is_one_that_browsers_know(tmp_path, kind):
    """LiteRT.js has tensors of float32, int32 and uint8; so int8 files are not for it."""
    spec = Spec((8, 8), "uint8", ("a", "b"), (0, 255), reject_below=0.9)
    model = SoftmaxRegression(spec, lambda shape: np.random.default_rng(0).normal(size=shape) / 9)
    rows = np.random.default_rng(0).integers(0, 256, (100, 64), np.uint8)
    (labels := tmp_path / "labels.txt").write_text("a\nb\n")
    content = tflite.convert(ExportedModel(model, labels), kind, rows, batch=2)
    runner = Interpreter(model_content=content).get_signature_runner("serving_default")
    tensors = [*runner.get_input_details().values(), *runner.get_output_details().values()]
    assert {tensor["dtype"] for tensor in tensors} <= {np.float32, np.int32, np.uint8}
    if kind != "uint8":
        dtype = runner.get_input_details()["inputs"]["dtype"]
        answer = runner(inputs=rows[:2].reshape(-1, 8, 8).astype(dtype))
        unsure = answer["probabilities"].max(axis=1) < 0.9
        np.testing.assert_array_equal(answer["abstain"], unsure)


def test_one_colour_picture_is_no_picture_for_mediapipe(tmp_path):
    """Of bytes from 0 to 16, which a file for MediaPipe would take as levels up to 255."""
    generator = np.random.default_rng(0)
    spec = Spec((4, 4, 3), "uint8", ("a", "b"), (0, 16))
    model = SoftmaxRegression(spec, lambda shape: generator.normal(size=shape))
    rows = generator.integers(0, 17, (20, 48), np.uint8)
    made = export_model(
        model, tmp_path, "m", check_on=rows, formats=("float32", "mediapipe"), tflite_batch=1
    )
    assert all(parity.holds for parity in made.parity.values())
    found = load_predictor(made.tflite).probabilities(rows.reshape(-1, 4, 4, 3))
    np.testing.assert_allclose(found, model.probabilities(rows).numpy(), atol=1e-5)


@pytest.mark.slow
def test_the_command_writes_it_and_the_card_says_it(tmp_path):
    def run(*arguments):
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    quick = ("--dataset", "digits", "--epochs", 1, "--output-dir", tmp_path, "-q")
    assert run("train", *quick, "--tflite-batch", 1).exit_code == 0
    assert (
        run("export", tmp_path / "digits", "--tflite", "uint8", "--tflite-batch", 3).exit_code == 0
    )
    for number, file, batch in ((1, "model.tflite", 1), (2, "model-uint8.tflite", 3)):
        folder = tmp_path / "digits" / str(number)
        (inputs,) = Interpreter(str(folder / file)).get_input_details()
        assert list(inputs["shape_signature"]) == [batch, 8, 8]
        assert json.loads((folder / "tfsoftmax.json").read_text())["tflite_batch"] == batch
        assert f"take {batch} row" in (folder / "README.md").read_text()
    result = run("train", *quick, "--tflite-batch", 0)
    assert result.exit_code == 2
    assert "1<=x<=4096" in result.stderr


@pytest.mark.parametrize("batch", [0, -1, 4097, 2.5, True, "1"])
def test_what_is_no_number_of_rows(tmp_path, batch):
    dataset = make_dataset()
    model = SoftmaxRegression(dataset.spec)
    with pytest.raises(UsageError, match=r"whole number from 1 to 4096, not"):
        export_model(model, tmp_path, "m", check_on=dataset.test.features, tflite_batch=batch)
    assert not list(tmp_path.iterdir())


def test_the_last_block_is_filled_up_and_cut_off():
    asked = []

    def answer(rows):
        asked.append(len(rows))
        return rows * 10

    examples = np.arange(8).reshape(8, 1)
    np.testing.assert_array_equal(answer_in_blocks(answer, examples, 3, 100), examples * 10)
    assert asked == [3, 3, 3]
    asked.clear()
    np.testing.assert_array_equal(answer_in_blocks(answer, examples, None, 5), examples * 10)
    assert asked == [5, 3]
