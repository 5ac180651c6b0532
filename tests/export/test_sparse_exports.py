"""Models of sparse rows are exported by what is not zero: how rows come in, and what is in them."""

import json

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf
from click.testing import CliRunner
from sklearn.datasets import dump_svmlight_file
from support.raw_tables import frame_of_penguins, model_of_penguins

from tfsoftmax import SoftmaxRegression, Spec, UsageError, export_model, load_predictor
from tfsoftmax.cli.train import train
from tfsoftmax.data.sparse_rows import SparseRows
from tfsoftmax.export.formats import FORMATS
from tfsoftmax.export.load import load_saved_model
from tfsoftmax.export.rescue import RescuedModel, rescue
from tfsoftmax.spec import Scaling

N_FEATURES, N_CLASSES, KEPT = 50_000, 4, 100


def sparse_model(scaling=None):
    """A model of which all but 100 rows of W are zero."""
    spec = Spec((N_FEATURES,), "float32", tuple("abcd"), scaling=scaling, sparse_rows=True)
    model, generator = SoftmaxRegression(spec), np.random.default_rng(0)
    W = np.zeros(model.W.shape, np.float32)
    W[generator.choice(N_FEATURES, KEPT, replace=False)] = generator.normal(size=(KEPT, N_CLASSES))
    model.W.assign(W)
    model.b.assign([0.3, 0.1, 0.0, -0.4])
    return model


@pytest.fixture(scope="module")
def rows():
    """Rows of 0 to 60 entries."""
    generator = np.random.default_rng(1)
    lengths = generator.integers(0, 60, 70)
    lengths[5] = 0
    matrix = scipy.sparse.lil_array((len(lengths), N_FEATURES), dtype=np.float32)
    counting = np.flatnonzero(sparse_model().W.numpy().any(axis=1))
    for row, length in enumerate(lengths):
        matrix[row, generator.choice(N_FEATURES, length, replace=False)] = 1.5
        matrix[row, generator.choice(counting, min(length, 9), replace=False)] = -2.0
    return SparseRows(matrix.tocsr())


@pytest.fixture(scope="module")
def exported(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return export_model(
        sparse_model(), folder, "sparse", check_on=rows, formats=["float32", "onnx"]
    )


def expected_of(rows):
    """By NumPy."""
    model = sparse_model()
    logits = rows[:].astype(np.float64) @ model.W.numpy() + model.b.numpy()
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("file", ["", "model.tflite", "model.onnx"])
def test_every_form_answers_by_entries(exported, rows, file):
    predictor = load_predictor(exported.path / file)
    assert predictor.spec == sparse_model().spec
    np.testing.assert_allclose(predictor.predict_proba(rows), expected_of(rows), atol=1e-5)


def test_only_rows_of_w_that_are_not_zero_are_exported(exported):
    """And an int32 for each feature, where its row is."""
    W_bytes, places = N_FEATURES * N_CLASSES * 4, N_FEATURES * 4
    variables = exported.path / "variables" / "variables.data-00000-of-00001"
    for path in (variables, exported.tflite, exported.path / "model.onnx"):
        assert path.stat().st_size < places + 30_000 < W_bytes / 2


def test_the_trained_model_comes_back(exported):
    again, model = load_saved_model(exported.path).model(), sparse_model()
    np.testing.assert_array_equal(again.W, model.W)
    np.testing.assert_array_equal(again.b, model.b)


def test_examples_have_ids_and_values(exported, rows):
    answers = tf.saved_model.load(str(exported.path)).signatures
    serialized = []
    for row in range(6):
        entries = rows.read_sparse([slice(row, row + 1)])
        example = tf.train.Example()
        example.features.feature["ids"].int64_list.value.extend(entries.indices.tolist())
        example.features.feature["values"].float_list.value.extend(entries.data.tolist())
        serialized.append(example.SerializeToString())
    found = answers["classify"](inputs=tf.constant(serialized))["scores"]
    np.testing.assert_allclose(found, expected_of(rows)[:6], atol=1e-5)


def test_padding_and_the_order_of_entries_do_not_matter(exported, rows):
    answer = tf.saved_model.load(str(exported.path)).signatures["serving_default"]
    body = json.loads((exported.path / "requests" / "predict-columns.json").read_text())
    ids, values = (np.array(body["inputs"][name]) for name in ("ids", "values"))
    order = np.random.default_rng(2).permutation(ids.shape[1])
    wide = np.pad(ids[:, order], ((0, 0), (2, 3)), constant_values=-1)
    found = answer(
        ids=tf.constant(wide, tf.int32),
        values=tf.constant(
            np.pad(values[:, order], ((0, 0), (2, 3)), constant_values=7.0), tf.float32
        ),
    )
    np.testing.assert_allclose(found["probabilities"], expected_of(rows)[:2], atol=1e-5)


def test_an_id_beyond_the_features_is_an_error(exported):
    answer = tf.saved_model.load(str(exported.path)).signatures["serving_default"]
    with pytest.raises(tf.errors.InvalidArgumentError):
        answer(ids=tf.constant([[N_FEATURES]]), values=tf.constant([[1.0]]))


def test_scales_of_features_go_along(rows, tmp_path):
    half = N_FEATURES // 2
    scale = (0.5,) * half + (2.0,) * half
    model = sparse_model(Scaling(0.0, scale))
    result = export_model(model, tmp_path, "scaled", check_on=rows, formats=["float32", "onnx"])
    assert all(parity.holds for parity in result.parity.values())
    assert result.tflite.stat().st_size < N_FEATURES * 4 + 40_000
    expected = model.predict_proba(rows[:])
    np.testing.assert_allclose(load_predictor(result.path).predict_proba(rows), expected, atol=1e-5)


@pytest.mark.parametrize("name", [name for name, row in FORMATS.items() if not row.takes_sparse])
def test_other_forms_are_refused_in_a_line(rows, tmp_path, name):
    with pytest.raises(UsageError, match=r"sparse rows of 50,000 features; choose float32 or onnx"):
        export_model(sparse_model(), tmp_path, "sparse", check_on=rows, formats=[name])
    assert not list(tmp_path.iterdir())


def test_a_fixed_batch_is_filled_up(rows, tmp_path):
    result = export_model(sparse_model(), tmp_path, "seven", check_on=rows, tflite_batch=7)
    assert result.parity["model.tflite"].holds


def test_indicators_survive_packing():
    from tfsoftmax.export.packed import PackedModel, unpack

    model = model_of_penguins(600)
    again = unpack(model.spec, PackedModel(model))
    np.testing.assert_array_equal(again.W, model.W)


def test_a_form_that_does_not_suit_is_refused_before_training(tmp_path):
    generator = np.random.default_rng(3)
    matrix = scipy.sparse.random_array((40, 2000), density=0.01, rng=generator)
    dump_svmlight_file(matrix.tocsr(), np.arange(40) % 2, str(tmp_path / "rows.svmlight"))
    arguments = [str(tmp_path / "rows.svmlight"), "--output-dir", str(tmp_path), "--tflite", "int8"]
    result = CliRunner().invoke(train, arguments)
    assert result.exit_code == 2
    assert "int8 is for models that take all features of a row" in result.stderr
    assert "epoch" not in result.stdout


def test_a_rescued_model_of_a_table_keeps_its_encoding(tmp_path):
    model = model_of_penguins(600)
    path = rescue(model, "penguins", {}, [tmp_path])
    frame = frame_of_penguins(20)
    again = RescuedModel(path)
    assert again.spec == model.spec
    np.testing.assert_array_equal(again.predict_proba(frame), model.predict_proba(frame))
