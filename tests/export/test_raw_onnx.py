"""model.onnx takes the columns of a table by name, as far as ONNX has operations for them."""

from dataclasses import replace

import numpy as np
import pytest
from support.raw_tables import frame_of_penguins, model_of_penguins

from tfsoftmax import SoftmaxRegression, Spec, export_model, load_predictor
from tfsoftmax.columns.column import Column, Encoding, Input
from tfsoftmax.data.inputs import rows_for
from tfsoftmax.export.onnx.cells import cells_of_features, takes_cells
from tfsoftmax.spec import Scaling

# Names that tensors inside of the file have, too.
ENCODING = Encoding(
    (
        Input("scale", "float32"),
        Input("W", "string"),
        Input("îlot, 1", "string"),
        Input("zip", "int64"),
    ),
    (
        Column("scale", "number", ("scale",)),
        Column("W", "category", ("W",), vocabulary=("Biscoe", "0")),
        Column("îlot, 1", "category", ("îlot, 1",), vocabulary=("é", "cells_0", "🐧")),
        Column("zip", "category", ("zip",), vocabulary=("-1", "0")),
    ),
)
TABLE = {
    "zip": [1, -1, 0, 4, 0],
    "scale": [1.5, 2, np.nan, 4, 300],
    "W": ["Biscoe", "0", None, "zz", "1"],
    "îlot, 1": ["é", "cells_0", "", "🐧", "É"],
}


@pytest.fixture(scope="module")
def model():
    scaling = Scaling(1.7, 0.5, (2.0,), (0,), limit=5.0).spread([0], ENCODING.n_features)
    spec = Spec(
        (ENCODING.n_features,),
        "float32",
        ("no", "yes", "maybe"),
        missing="indicator",
        encoding=ENCODING,
        scaling=scaling,
        reject_below=0.5,
    )
    made = SoftmaxRegression(spec)
    made.W.assign(np.random.default_rng(0).normal(size=made.W.shape) * 2)
    made.b.assign([0.2, 0.1, -0.3])
    return made


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return export_model(model, folder, "raw", check_on=TABLE, formats=["onnx"])


def test_onnx_runtime_answers_named_columns_as_the_model(exported, model):
    import onnxruntime

    path = exported.path / "model.onnx"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    kinds = {each.name: each.type for each in session.get_inputs()}
    assert kinds == {
        "scale": "tensor(float)",
        "W": "tensor(string)",
        "îlot, 1": "tensor(string)",
        "zip": "tensor(int64)",
    }
    given = {
        "scale": np.float32(TABLE["scale"]),
        "W": np.array([text or "" for text in TABLE["W"]], object),
        "îlot, 1": np.array(TABLE["îlot, 1"], object),
        "zip": np.int64(TABLE["zip"]),
    }
    found, abstains = session.run(["probabilities", "abstain"], given)
    expected = model.predict_proba(TABLE)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(abstains, expected.max(axis=1) < 0.5)


def test_the_proof_covers_raw_rows(exported):
    parity = exported.parity["model.onnx"]
    assert parity.holds
    assert parity.raw.n_samples == exported.parity["saved_model.pb"].raw.n_samples > len(TABLE["W"])


def test_loaded_it_takes_tables_and_their_features(exported, model):
    predictor = load_predictor(exported.path / "model.onnx")
    expected = model.predict_proba(TABLE)
    for rows in (TABLE, rows_for(model.spec, TABLE)):
        np.testing.assert_allclose(predictor.predict_proba(rows), expected, atol=1e-5)


def test_features_go_back_to_cells_that_have_them(model):
    rows = rows_for(model.spec, TABLE)
    cells = cells_of_features(ENCODING, rows)
    again = rows_for(model.spec, {name: list(column) for name, column in cells.items()})
    np.testing.assert_array_equal(again, rows)


@pytest.mark.slow
def test_columns_that_onnx_has_no_operations_for_are_taken_encoded(tmp_path):
    model = model_of_penguins(13)
    assert not takes_cells(model.spec)
    result = export_model(
        model, tmp_path, "penguins", check_on=frame_of_penguins(20), formats=["onnx"]
    )
    predictor = load_predictor(result.path / "model.onnx")
    assert not predictor.cell_answers()
    assert result.parity["model.onnx"].holds


@pytest.mark.parametrize("name", ["probabilities", "abstain", "class_index"])
def test_a_column_called_like_an_output_is_taken_encoded(model, name):
    inputs = (Input(name, "float32"),)
    encoding = Encoding(inputs, (Column(name, "number", (name,)),))
    assert not takes_cells(replace(model.spec, encoding=encoding, scaling=None, example_shape=(1,)))
