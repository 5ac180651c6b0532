import json
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from support.datasets import make_dataset
from support.process import run_python

from tfsoftmax import (
    RECIPES,
    ExportError,
    IncompleteExportError,
    ModelError,
    SoftmaxRegression,
    Spec,
    UsageError,
    export_model,
    fit,
    load_predictor,
)
from tfsoftmax.export.tflite import convert as tflite_module
from tfsoftmax.export.versions import model_folder, new_version, versions


def model_of(spec, seed=0):
    return SoftmaxRegression(spec, np.random.default_rng(seed).standard_normal)


@pytest.fixture(scope="module")
def exported(trained, digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return export_model(
        trained, folder, "digits", check_on=digits.test.features, record={"recipe": {"seed": 0}}
    )


def test_both_artefacts_answer_as_the_model_on_every_test_row(trained, digits, exported):
    images = digits.test.features.reshape(-1, 8, 8)
    expected = trained.probabilities(digits.test.features).numpy()
    for path in (exported.path, exported.tflite):
        found = load_predictor(path).probabilities(images)
        np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
        np.testing.assert_allclose(found, expected, atol=1e-5)
    for parity in exported.parity.values():
        assert parity.holds
        assert parity.n_samples == len(digits.test)


def test_the_signature_takes_raw_images_and_names_the_label(digits, trained, exported):
    answer = tf.saved_model.load(str(exported.path)).signatures["serving_default"]
    inputs = answer.structured_input_signature[1]["inputs"]
    assert (inputs.dtype, inputs.shape.as_list()) == (tf.uint8, [None, 8, 8])
    for n_images in (1, 7):
        rows = digits.test.features[:n_images]
        outputs = answer(inputs=tf.constant(rows.reshape(-1, 8, 8)))
        assert set(outputs) == {"probabilities", "class_index", "label"}
        assert outputs["class_index"].dtype == tf.int32
        labels = [label.decode() for label in outputs["label"].numpy()]
        assert labels == trained.predict(rows).tolist()
        assert labels == [str(index) for index in outputs["class_index"].numpy()]


def test_it_loads_in_a_process_that_knows_only_tensorflow(exported):
    script = f"""
import sys, tensorflow as tf
root = tf.saved_model.load({str(exported.path)!r})
out = root.signatures["serving_default"](inputs=tf.zeros([2, 8, 8], tf.uint8))
assert out["probabilities"].shape == (2, 10)
assert not any(name.startswith("tfsoftmax") for name in sys.modules)
"""
    result = run_python(script)
    assert result.returncode == 0, result.stderr


def test_a_tflite_prediction_needs_no_tensorflow(exported):
    script = f"""
import sys, numpy as np, tfsoftmax
predictor = tfsoftmax.load_predictor({str(exported.tflite)!r})
assert predictor.spec.class_names[3] == "3"
assert predictor.probabilities(np.zeros((2, 8, 8), np.uint8)).shape == (2, 10)
assert "tensorflow" not in sys.modules
"""
    result = run_python(script)
    assert result.returncode == 0, result.stderr


def test_a_tflite_file_carries_its_labels_and_is_always_the_same(
    trained, digits, exported, tmp_path
):
    again = export_model(trained, tmp_path, "digits", check_on=digits.test.features)
    assert again.tflite.read_bytes() == exported.tflite.read_bytes()
    with zipfile.ZipFile(exported.tflite) as attached:
        assert attached.read("labels.txt").decode() == "".join(f"{k}\n" for k in range(10))


def test_the_version_folder_says_how_the_model_was_made(exported):
    description = json.loads((exported.path / "tfsoftmax.json").read_text())
    assert description["recipe"] == {"seed": 0}
    assert description["parity"]["model.tflite"]["holds"] is True
    assert description["versions"]["tensorflow"] == tf.__version__
    names = {path.name for path in exported.path.iterdir()}
    assert {"saved_model.pb", "variables", "model.tflite", "tfsoftmax.json"} <= names


@pytest.mark.parametrize(
    "spec",
    [
        Spec((4, 5, 3), "uint8", ("a", "b"), (0, 255)),
        Spec((7,), "float32", ("setosa", "é — ü", "with space")),
        Spec((2, 2), "int16", ("x", "y"), (-1000, 1000)),
    ],
    ids=lambda spec: spec.dtype,
)
def test_every_kind_of_input_survives_the_journey(spec, tmp_path):
    model = model_of(spec)
    rows = np.random.default_rng(1).integers(0, 99, size=(30, spec.n_features)).astype(spec.dtype)
    result = export_model(model, tmp_path, "m", check_on=rows)
    for path in (result.path, result.tflite):
        assert load_predictor(path).spec == spec


def test_a_wrong_artefact_is_left_out(trained, digits, tmp_path, monkeypatch):
    def convert_another(*arguments):
        """Converts the model with one bias moved by a thousandth."""
        before = trained.b.numpy()
        trained.b.assign_add([1e-3] + [0.0] * 9)
        try:
            return convert(*arguments)
        finally:
            trained.b.assign(before)

    convert = tflite_module.convert
    monkeypatch.setattr(tflite_module, "convert", convert_another)
    with pytest.raises(IncompleteExportError, match="disagrees with the trained model") as caught:
        export_model(trained, tmp_path / "new", "digits", check_on=digits.test.features)
    (version,) = (tmp_path / "new" / "digits").iterdir()
    assert caught.value.result.path == version
    assert not (version / "model.tflite").exists()


def test_nan_probabilities_are_no_agreement(digits, tmp_path):
    model = SoftmaxRegression(digits.spec)
    model.W.assign(np.full((64, 10), 3e38))  # finite, but no sum of them is
    with pytest.raises(ExportError, match="disagrees"):
        export_model(model, tmp_path / "new", "digits", check_on=digits.test.features)
    assert not list(tmp_path.iterdir())


def test_versions_count_on_and_nothing_is_overwritten(tmp_path):
    folder = tmp_path / "m"
    for number in ("3", "10", "not-a-number"):
        (folder / number).mkdir(parents=True)
    with new_version(folder) as version:
        (version.staging / "file").write_text("new")
        assert versions(folder) == [3, 10]
    assert version.path == folder / "11"
    assert (folder / "11" / "file").read_text() == "new"


def test_an_export_that_is_interrupted_leaves_nothing(trained, digits, tmp_path):
    for steps in range(3):
        left = iter(range(steps))

        def interrupt(left=left):
            if next(left, None) is None:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            export_model(
                trained, tmp_path / "m", "m", check_on=digits.test.features, on_step=interrupt
            )
        assert not list(tmp_path.iterdir())


def test_two_processes_at_once_get_two_versions(tmp_path):
    with new_version(tmp_path) as outer:
        with new_version(tmp_path) as inner:
            (inner.staging / "file").write_text("inner")
        (outer.staging / "file").write_text("outer")
    assert (inner.path.name, outer.path.name) == ("1", "2")
    assert (tmp_path / "1" / "file").read_text() == "inner"


def test_an_output_folder_that_cannot_be_made(tmp_path, trained, digits):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot write to .*Not a directory"):
        export_model(trained, tmp_path / "file", "digits", check_on=digits.test.features)


def test_a_full_disk_is_one_line_whichever_file_it_hits(trained, digits, tmp_path):
    """Each bound stops another file; TensorFlow's fail in another way than Python's."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (100, 3000, 15_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            with pytest.raises(ExportError, match="cannot write to .*File too large") as caught:
                export_model(trained, tmp_path / "m", "digits", check_on=digits.test.features)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert "\n" not in str(caught.value)
        assert not list(tmp_path.iterdir())


def test_large_logits_may_differ_by_their_rounding_but_not_more(tmp_path):
    model = model_of(Spec((50,), "float32", tuple("abcd")))
    model.W.assign(model.W * 1000)
    rows = np.random.default_rng(4).normal(size=(2000, 50)).astype(np.float32)
    parity = export_model(model, tmp_path, "m", check_on=rows).parity["model.tflite"]
    assert 1e-5 < parity.tolerance <= 1e-3


def test_any_changed_byte_of_a_tflite_file_is_noticed(exported, tmp_path):
    content = exported.tflite.read_bytes()
    generator = np.random.default_rng(0)
    for position in generator.integers(len(content), size=60):
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(generator.integers(8))
        path = tmp_path / "damaged.tflite"
        path.write_bytes(damaged)
        try:
            predictor = load_predictor(path)
        except ModelError:
            continue
        # Only the zip archive's own bookkeeping may change unseen; model and labels may not.
        assert predictor.spec == load_predictor(exported.tflite).spec
        assert position > len(content) - 700


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a b", "-x"])
def test_names_that_are_no_folder_name(tmp_path, name):
    with pytest.raises(UsageError, match="cannot name a model"):
        model_folder(tmp_path, name)


def test_the_highest_version_is_taken(exported, tmp_path):
    assert load_predictor(exported.path.parent).path == exported.path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "no model here"),
        (lambda path: path.write_bytes(b""), "not a model made by tfsoftmax"),
        (lambda path: path.write_bytes(b"1234TFL3" + bytes(64)), "not a model made by tfsoftmax"),
        (lambda path: path.write_text("hello, world"), "does not start like a TFLite"),
        (lambda path: (path / "3").mkdir(parents=True), "no model here"),
    ],
)
def test_paths_that_hold_no_model(tmp_path, make, message):
    path = tmp_path / "path"
    make(path)
    with pytest.raises(ModelError, match=message) as caught:
        load_predictor(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", [0.001, 0.01, 0.3, 0.9, 0.995])
def test_truncated_artefacts_are_refused(exported, tmp_path, part):
    def cut(content):
        return content[: int(part * len(content))]

    graph = (exported.path / "saved_model.pb").read_bytes()
    (tmp_path / "saved_model.pb").write_bytes(cut(graph))
    with pytest.raises(ModelError, match="not a model made by tfsoftmax"):
        load_predictor(tmp_path)
    tflite = tmp_path / "cut.tflite"
    tflite.write_bytes(cut(exported.tflite.read_bytes()))
    with pytest.raises(ModelError, match="not a model made by tfsoftmax"):
        load_predictor(tflite)


def test_a_foreign_saved_model_is_refused(tmp_path):
    foreign = tf.Module()
    foreign.f = tf.function(lambda x: {"y": x}, input_signature=[tf.TensorSpec([None])])
    tf.saved_model.save(foreign, str(tmp_path), signatures=foreign.f.get_concrete_function())
    with pytest.raises(ModelError, match="not a model made by tfsoftmax"):
        load_predictor(tmp_path)


def test_metadata_that_contradicts_the_graph_is_refused(exported, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(exported.path, copy)
    description = json.loads((copy / "tfsoftmax.json").read_text())
    description["spec"]["class_names"].append("eleven")
    (copy / "tfsoftmax.json").write_text(json.dumps(description))
    (copy / "SHA256SUMS").unlink()  # or the change itself would be noticed
    with pytest.raises(ModelError, match="metadata says .* its graph"):
        load_predictor(copy)


def test_evaluation_matches_classes_by_name(tmp_path):
    from dataclasses import replace

    dataset = make_dataset()
    model, history = fit(dataset, RECIPES["default"].but(epochs=20, l2=0.01))
    result = export_model(model, tmp_path, "m", check_on=dataset.test.features)
    predictor = load_predictor(result.tflite)
    straight = predictor.evaluate(dataset, dataset.test)
    assert straight.accuracy == history.last.test_accuracy
    assert straight.log_loss == pytest.approx(history.last.test_log_loss, rel=1e-5)

    turned_names = dataset.spec.class_names[::-1]
    turned = replace(
        dataset,
        spec=replace(dataset.spec, class_names=turned_names),
        train=replace(dataset.train, labels=2 - dataset.train.labels),
        test=replace(dataset.test, labels=2 - dataset.test.labels),
    )
    again = predictor.evaluate(turned, turned.test)
    np.testing.assert_array_equal(again.confusion, straight.confusion)

    stranger = replace(dataset, spec=replace(dataset.spec, class_names=("a", "b", "c")))
    with pytest.raises(ModelError, match="does not know class 'a'"):
        predictor.evaluate(stranger, stranger.test)
    wider = make_dataset(n_features=9)
    with pytest.raises(ModelError, match="takes examples of shape"):
        predictor.evaluate(wider, wider.test)


def test_weights_that_are_not_numbers_are_not_exported(made, tmp_path):
    model = SoftmaxRegression(made.spec)
    model.W.assign(np.full((6, 3), np.nan))
    with pytest.raises(ExportError, match="not finite"):
        export_model(model, tmp_path / "m", "m", check_on=made.test.features)
    assert not (tmp_path / "m").exists()
