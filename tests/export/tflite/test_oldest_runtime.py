"""Every file says which runtime it needs, as TensorFlow's own table of operators has it."""

import json

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from support.datasets import make_dataset

from tfsoftmax import RECIPES, SoftmaxRegression, export_model, fit, load_dataset
from tfsoftmax.export.formats import FORMATS
from tfsoftmax.export.tflite import version as tflite_version

pytestmark = pytest.mark.slow

# TensorFlow's table, lite/tools/versioning/runtime_version.cc: the operators and versions that
# these files may hold, each with the first runtime that has it.
TABLE = {
    ("ADD", 1): "1.5.0",
    ("ASSIGN_VARIABLE", 1): "2.6.0",
    ("BATCH_MATMUL", 1): "2.3.0",
    ("CALL_ONCE", 1): "2.5.0",
    ("CAST", 1): "1.5.0",
    ("DEQUANTIZE", 3): "1.15.0",
    ("DIV", 1): "1.6.0",
    ("EXP", 1): "1.7.0",
    ("FULLY_CONNECTED", 1): "1.5.0",
    ("FULLY_CONNECTED", 4): "1.14.0",
    ("FULLY_CONNECTED", 9): "2.3.0",
    ("FULLY_CONNECTED", 12): "2.17.0",
    ("LOG", 1): "1.14.0",
    ("MEAN", 1): "1.6.0",
    ("MUL", 1): "1.5.0",
    ("ONE_HOT", 1): "1.11.0",
    ("QUANTIZE", 1): "1.14.0",
    ("READ_VARIABLE", 1): "2.6.0",
    ("REDUCE_MAX", 1): "1.11.0",
    ("RESHAPE", 1): "1.5.0",
    ("ROUND", 1): "1.14.0",
    ("SELECT_V2", 1): "2.2.0",
    ("SHAPE", 1): "1.10.0",
    ("SOFTMAX", 1): "1.5.0",
    ("SOFTMAX", 2): "1.14.0",
    ("SPLIT", 1): "1.5.0",
    ("STRIDED_SLICE", 1): "1.6.0",
    ("SUB", 1): "1.6.0",
    ("SUM", 1): "1.10.0",
    ("VAR_HANDLE", 1): "2.6.0",
    ("ZEROS_LIKE", 1): "1.12.0",
}
NAMES = {value: key for key, value in vars(schema.BuiltinOperator).items() if type(value) is int}
TFLITE = tuple(name for name in FORMATS if name != "onnx")


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    """A model with every form of it, large enough for its weights to be quantized."""
    dataset = load_dataset("mnist5k")
    return export_model(
        fit(dataset, RECIPES["default"].but(epochs=5, l2=0.0007)).model,
        tmp_path_factory.mktemp("models"),
        "mnist5k",
        check_on=dataset.test.features,
        calibrate_on=dataset.train.features,
        formats=tuple(FORMATS),
    ).path


def numbers(dotted):
    return tuple(map(int, dotted.split(".")))


@pytest.mark.parametrize("name", TFLITE)
def test_a_file_needs_the_newest_of_what_its_operators_need(version, name):
    content = (version / FORMATS[name].file).read_bytes()
    codes = schema.ModelT.InitFromPackedBuf(content).operatorCodes
    needed = [TABLE[NAMES[code.builtinCode], code.version] for code in codes]
    assert tflite_version.oldest_runtime(content) == max(needed, key=numbers)


def test_int8_weights_run_in_old_runtimes(version):
    found = tflite_version.oldest_runtime((version / "model-dynamic.tflite").read_bytes())
    assert numbers(found) <= (2, 3, 0)


def test_the_record_and_the_card_say_it(version):
    needs = json.loads((version / "tfsoftmax.json").read_text())["needs"]
    assert needs.pop("model.onnx") == "ONNX opset 17"
    assert needs == {
        (file := FORMATS[name].file): "TFLite "
        + tflite_version.oldest_runtime((version / file).read_bytes())
        for name in TFLITE
    }
    card = (version / "README.md").read_text()
    for file, needed in needs.items():
        (line,) = (line for line in card.splitlines() if line.startswith(f"| `{file}` "))
        assert f"| {needed} |" in line


def test_a_newer_need_is_kept():
    entry = schema.MetadataT()
    entry.name, entry.buffer = b"min_runtime_version", 0
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(b"2.3.0".ljust(16, b"\0"), np.uint8)
    content = schema.ModelT()
    content.metadata, content.buffers = [entry], [buffer]
    tflite_version.raise_to("1.15.0", content)
    assert bytes(content.buffers[0].data).rstrip(b"\0") == b"2.3.0"
    tflite_version.raise_to("2.17.0", content)
    assert bytes(content.buffers[0].data).rstrip(b"\0") == b"2.17.0"


def test_every_onnx_runtime_since_opset_17_knows_the_files_ir(version):
    onnx = pytest.importorskip("onnx", reason="needs onnx")
    assert onnx.load(version / "model.onnx").ir_version == 8


def test_a_table_of_numbers(tmp_path):
    dataset = make_dataset()
    made = export_model(
        SoftmaxRegression(dataset.spec), tmp_path, "table", check_on=dataset.test.features
    )
    content = (made.path / "model.tflite").read_bytes()
    assert tflite_version.oldest_runtime(content) == "1.5.0"
