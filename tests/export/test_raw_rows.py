"""The SavedModel takes the raw row of a table, strings and all, in every way that clients have."""

import base64
import json
import re
from functools import cache

import numpy as np
import pytest
import tensorflow as tf
from support.once import make_once
from support.raw_tables import frame_of_penguins, model_of_penguins, split_of
from tensorflow_serving.apis import prediction_log_pb2

from tfsoftmax import Dataset, ExportError, export_model, load_predictor
from tfsoftmax.data.encoded import cells_of_frame, features_of_cells
from tfsoftmax.export import serving
from tfsoftmax.export.raw import with_gaps
from tfsoftmax.export.verify import verify

pytestmark = pytest.mark.slow

# Of few features, which are served with their zeros, and of many, which are served without.
SIZES = {"dense": 13, "sparse": 600}


@pytest.fixture(scope="module", params=SIZES)
def served(request, tmp_path_factory):
    """The model in memory, its version folder, cells of rows and their probabilities."""
    model = model_of_penguins(SIZES[request.param])
    assert model.spec.sparse == (request.param == "sparse")
    frame = frame_of_penguins()

    def export(folder):
        rows = split_of(model, frame)
        export_model(model, folder, "penguins", check_on=rows, formats=["float32", "onnx"])

    folder = make_once(tmp_path_factory, f"penguins_{request.param}", export)
    cells = with_gaps(model.spec, cells_of_frame(model.spec.encoding, frame))
    expected = model.predict_proba(features_of_cells(model.spec.encoding, cells))
    return model, folder / "penguins" / "1", cells, expected


def assert_same(found, expected):
    np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@cache
def session_of(folder):
    """A session that has loaded a SavedModel, and its signatures."""
    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
    return session, loaded.signature_def


def session_answers(folder, name, inputs):
    """What a session answers that knows no more than the SavedModel's signatures."""
    session, signatures = session_of(folder)
    signature = signatures[name]
    assert set(signature.inputs) == set(inputs)
    feed = {signature.inputs[key].name: value for key, value in inputs.items()}
    return session.run({k: v.name for k, v in signature.outputs.items()}, feed)


def example_of(row):
    """By hand: a feature for each cell that is there."""
    example = tf.train.Example()
    for name, cell in row.items():
        feature = example.features.feature[name]
        if isinstance(cell, str):
            feature.bytes_list.value.extend([cell.encode()] if cell else [])
        elif isinstance(cell, np.int64):
            feature.int64_list.value.append(cell)
        else:
            feature.float_list.value.extend([] if np.isnan(cell) else [cell])
        if cell == "" or cell != cell:
            del example.features.feature[name]
    return example.SerializeToString()


def rows_of(cells):
    return [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]


def test_rows_hold_all_that_can_be_missing_or_unknown(served):
    _, _, cells, _ = served
    for column in cells.values():
        if column.dtype == object:
            assert {"", "未知 🐧"} <= set(column)
        elif column.dtype == np.float32:
            assert np.isnan(column).any()
            assert np.isfinite(column).any()
    rows = rows_of(cells)
    assert any(all(cell == "" or cell != cell for cell in list(row.values())[:-1]) for row in rows)


def test_named_tensors_of_a_session_answer_as_the_model(served):
    model, folder, cells, expected = served
    found = session_answers(folder, "serving_default", cells)
    assert_same(found["probabilities"], expected)
    names = [label.decode() for label in found["label"]]
    assert names == [model.spec.class_names[index] for index in found["class_index"]]


@pytest.mark.parametrize(
    ("signature", "given", "scores"),
    [("serving_examples", "examples", "probabilities"), ("classify", "inputs", "scores")],
)
def test_examples_answer_as_the_model(served, signature, given, scores):
    _, folder, cells, expected = served
    examples = np.array([example_of(row) for row in rows_of(cells)], object)
    assert_same(session_answers(folder, signature, {given: examples})[scores], expected)


def test_encoded_rows_answer_as_the_model(served):
    model, folder, _, _ = served
    rows = split_of(model, frame_of_penguins())
    assert_same(load_predictor(folder).predict_proba(rows), model.predict_proba(rows))


def as_tensors(body, signature):
    """The tensors that Serving makes of a REST body, in either format (json_tensor.cc)."""
    kinds = {name: tf.as_dtype(info.dtype).as_numpy_dtype for name, info in signature.items()}
    if "inputs" in body:
        columns = body["inputs"]
    else:
        rows = body["instances"]
        if len(kinds) == 1:
            rows = [{next(iter(kinds)): row} for row in rows]
        assert all(set(row) == set(kinds) for row in rows), "every row names every input"
        columns = {name: [row[name] for row in rows] for name in kinds}

    def plain(value):
        return base64.b64decode(value["b64"]) if isinstance(value, dict) else value

    return {name: np.array([*map(plain, columns[name])], kinds[name]) for name in kinds}


def test_rest_bodies_answer_as_the_model(served):
    model, folder, _, expected = served
    bodies = {
        path.name: json.loads(path.read_text()) for path in (folder / "requests").glob("*.json")
    }
    assert set(bodies) == {
        "predict-rows.json",
        "predict-columns.json",
        "predict-examples.json",
        "predict-encoded.json",
        "classify.json",
    }
    encoded = model.predict_proba(split_of(model, frame_of_penguins()))
    for file, body in bodies.items():
        name = body.get("signature_name", "serving_default")
        if file == "classify.json":
            # Serving makes int64 of whole numbers, float32 of those with a point.
            rows = [
                {key: np.int64(cell) if type(cell) is int else cell for key, cell in row.items()}
                for row in body["examples"]
            ]
            inputs = {"inputs": np.array([example_of(row) for row in rows], object)}
        else:
            inputs = as_tensors(body, session_of(folder)[1][name].inputs)
        found = session_answers(folder, name, inputs)
        wanted = encoded if file == "predict-encoded.json" else expected
        assert_same(found.get("probabilities", found.get("scores")), wanted[:2])


def test_a_body_with_nan_is_one_that_serving_reads(served):
    _, folder, cells, expected = served
    odd = {name: column[-40:] for name, column in cells.items()}
    assert np.isnan(odd["bill depth (mm)"]).any()
    samples = serving.Samples(odd, {})
    body = json.dumps({"instances": serving.instances(samples.served)})
    # RapidJSON, which Serving has it parse NaN with, writes it like JavaScript and Python.
    assert re.search(r'"bill depth \(mm\)": NaN', body)
    inputs = as_tensors(json.loads(body), session_of(folder)[1]["serving_default"].inputs)
    assert_same(session_answers(folder, "serving_default", inputs)["probabilities"], expected[-40:])


def test_every_warm_up_record_replays(served):
    _, folder, _, _ = served
    path = folder / serving.WARM_UP
    names = []
    for record in tf.data.TFRecordDataset(str(path)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        if log.HasField("predict_log"):
            request = log.predict_log.request
            inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
        else:
            request = log.classify_log.request
            examples = request.input.example_list.examples
            inputs = {"inputs": [example.SerializeToString() for example in examples]}
        names.append(request.model_spec.signature_name)
        session_answers(folder, names[-1], inputs)
    assert sorted(names) == sorted(
        2 * ["serving_default", "serving_examples", "serving_encoded", "classify"]
    )


def test_the_record_says_how_raw_rows_compared(served):
    _, folder, cells, _ = served
    parity = json.loads((folder / "tfsoftmax.json").read_text())["parity"]
    assert parity["saved_model.pb"]["raw"]["same_class"] == len(next(iter(cells.values())))
    assert parity["saved_model.pb"]["raw"]["holds"]
    assert "each cell missing and each text unknown" in (folder / "README.md").read_text()


def test_a_model_loaded_again_is_the_model(served):
    model, folder, _, _ = served
    predictor = load_predictor(folder)
    assert predictor.spec == model.spec
    assert predictor.labels() == model.spec.class_names
    again = predictor.model()
    np.testing.assert_array_equal(again.W, model.W)
    np.testing.assert_array_equal(again.b, model.b)


@pytest.mark.parametrize("file", ["model.tflite", "model.onnx"])
def test_files_answer_the_table_as_the_model(served, file):
    model, folder, cells, expected = served
    predictor = load_predictor(folder / file)
    assert predictor.spec == model.spec
    rows = features_of_cells(model.spec.encoding, cells)
    assert_same(predictor.predict_proba(rows), expected)


def test_verify_asks_rows_of_the_table(served):
    model, folder, cells, _ = served
    rows = split_of(model, frame_of_penguins())
    checks, _ = verify(folder, Dataset("penguins", model.spec, rows, rows))
    assert [check.problem for check in checks] == [None] * len(checks)
    (raw,) = [check for check in checks if check.runtime == "raw rows"]
    assert raw.parity.same_class == len(cells["self"])
    assert {check.file for check in checks} == {"saved_model.pb", "model.tflite", "model.onnx"}


def test_an_array_is_proof_enough_but_odd_rows_are_asked_too(tmp_path):
    model = model_of_penguins(13)
    rows = split_of(model, frame_of_penguins(20)).features
    result = export_model(model, tmp_path, "penguins", check_on=rows, formats=[])
    assert result.parity["saved_model.pb"].n_samples == 20
    assert result.parity["saved_model.pb"].raw.n_samples > 20


def test_a_model_that_takes_no_missing_numbers_is_not_asked_any(tmp_path):
    model = model_of_penguins(13, missing=None)
    frame = frame_of_penguins(200).dropna(subset=["bill depth (mm)", "seen", "adult"])
    result = export_model(model, tmp_path, "penguins", check_on=frame, formats=[])
    assert len(frame) < result.parity["saved_model.pb"].raw.n_samples


def test_a_wrong_encoder_in_the_graph_is_found(tmp_path, monkeypatch):
    from tfsoftmax.export.forms import CellsForm

    model = model_of_penguins(13)
    rows = CellsForm.rows

    def wrong(self, tensors):
        return rows(self, {**tensors, "class": tf.strings.upper(tensors["class"])})

    monkeypatch.setattr(CellsForm, "rows", wrong)
    with pytest.raises(ExportError, match=r"SavedModel failed.*rows of the table"):
        export_model(model, tmp_path, "penguins", check_on=frame_of_penguins(20), formats=[])
    assert not list(tmp_path.rglob("saved_model.pb"))
