"""What TensorFlow Serving would read and be asked, run through TensorFlow itself."""

import base64
import io
import json
import shutil
import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from support.datasets import make_dataset
from tensorflow_serving.apis import (
    classification_pb2,
    predict_pb2,
    prediction_log_pb2,
)

from tfsoftmax import RECIPES, SoftmaxRegression, Spec, export_model, fit
from tfsoftmax.data.images import read_image
from tfsoftmax.export import serving
from tfsoftmax.export.pictures import decoded


@pytest.fixture(scope="module")
def images(digits):
    return digits.test.features.reshape(-1, 8, 8)


@pytest.fixture(scope="module")
def version(everything):
    return everything


@pytest.fixture(scope="module")
def tabular(tmp_path_factory):
    dataset = make_dataset()
    model = fit(dataset, RECIPES["default"].but(epochs=3, l2=0.01)).model
    folder = tmp_path_factory.mktemp("models")
    return dataset, export_model(model, folder, "table", check_on=dataset.test.features).path


@pytest.fixture(scope="module")
def signatures(version):
    return tf.saved_model.load(str(version)).signatures


def signature_defs(folder):
    from tensorflow.python.saved_model import loader_impl

    return loader_impl.parse_saved_model(str(folder)).meta_graphs[0].signature_def


def png(row):
    stream = io.BytesIO()
    Image.fromarray(row).save(stream, "PNG")
    return stream.getvalue()


def test_every_signature_is_one_serving_accepts(version, tabular):
    from tensorflow.python.saved_model import signature_def_utils

    methods = {
        "serving_default": "tensorflow/serving/predict",
        "serving_bytes": "tensorflow/serving/predict",
        "classify": "tensorflow/serving/classify",
    }
    for folder, names in (
        (version, methods),
        (tabular[1], {k: v for k, v in methods.items() if k != "serving_bytes"}),
    ):
        found = signature_defs(folder)
        for name, method in names.items():
            assert found[name].method_name == method
            assert signature_def_utils.is_valid_signature(found[name])
        assert set(found) - set(names) == {"__saved_model_init_op"}


def test_the_labels_go_along_as_an_asset(version, digits):
    text = "".join(f"{name}\n" for name in digits.spec.class_names)
    assert (version / "assets" / "labels.txt").read_text() == text


def test_encoded_pictures_give_the_raw_rows_answers(signatures, images):
    raw = images[:20] * 16  # digits' levels end at 16, a picture's at 255
    levels = np.minimum(np.rint(images[:20] * 255.0 / 16.0), 255).astype(np.uint8)
    assert raw.max() >= 240
    answer = signatures["serving_bytes"](image_bytes=tf.constant([png(row) for row in levels]))
    expected = signatures["serving_default"](inputs=tf.constant(images[:20]))
    for name in ("probabilities", "class_index", "label"):
        np.testing.assert_array_equal(answer[name], expected[name])


@pytest.mark.parametrize("shape", [(28, 28), (20, 30), (20, 30, 3), (20, 30, 1)])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "JPEG"])
def test_the_graph_sees_pictures_as_predict_does(tmp_path, shape, mode):
    generator = np.random.default_rng(0)
    smooth = generator.integers(0, 256, (6, 7, 4), np.uint8)
    picture = Image.fromarray(smooth, "RGBA").resize((61, 50), Image.Resampling.BICUBIC)
    path = tmp_path / "picture.png"
    if mode == "JPEG":
        path = tmp_path / "picture.jpg"
        picture.convert("RGB").save(path, quality=95)
    else:
        picture.convert(mode).save(path)
    spec = Spec(shape, "uint8", ("a", "b"), (0, 255))
    ours = decoded(tf.constant(path.read_bytes()), spec).numpy().astype(int)
    theirs = read_image(path, spec).astype(int)
    assert ours.shape == theirs.shape
    # Two resamplings of the same pixels, one in integers.
    assert np.abs(ours - theirs).max() <= 2
    assert np.abs(ours - theirs).mean() < 0.1


def test_classify_takes_examples_and_names_every_class(signatures, images, digits, trained):
    rows = images[:5]
    serialized = [serving.example_of({"inputs": row}).SerializeToString() for row in rows]
    answer = signatures["classify"](inputs=tf.constant(serialized))
    assert set(answer) == {"classes", "scores"}
    assert [name.decode() for name in answer["classes"].numpy()[3]] == list(digits.spec.class_names)
    np.testing.assert_allclose(
        answer["scores"], trained.probabilities(digits.test.features[:5]), atol=1e-6
    )


def test_float_rows_can_be_classified(tabular):
    dataset, folder = tabular
    answers = tf.saved_model.load(str(folder)).signatures
    rows = dataset.test.features[:4]
    serialized = [serving.example_of({"inputs": row}).SerializeToString() for row in rows]
    np.testing.assert_allclose(
        answers["classify"](inputs=tf.constant(serialized))["scores"],
        answers["serving_default"](inputs=tf.constant(rows))["probabilities"],
        atol=1e-6,
    )


def replay(record, answers):
    """What Serving does with a warm-up record: run its request through its signature."""
    log = prediction_log_pb2.PredictionLog.FromString(record)
    if log.HasField("predict_log"):
        request = log.predict_log.request
        inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
    else:
        request = log.classify_log.request
        examples = request.input.example_list.examples
        inputs = {"inputs": [example.SerializeToString() for example in examples]}
    name = request.model_spec.signature_name
    return name, answers[name](**{key: tf.constant(value) for key, value in inputs.items()})


def test_every_warm_up_record_replays(version, signatures, tabular):
    for folder, answers, count in (
        (version, signatures, 6),
        (tabular[1], tf.saved_model.load(str(tabular[1])).signatures, 4),
    ):
        path = folder / "assets.extra" / "tf_serving_warmup_requests"
        records = [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
        replayed = [replay(record, answers) for record in records]
        assert len(replayed) == count
        assert {name for name, _ in replayed} == set(answers)
        sizes = {len(next(iter(answer.values()))) for _, answer in replayed}
        assert sizes == {1, 32}


def test_messages_of_the_predict_api_go_in_and_come_out(version, images, trained, digits):
    """As a client and the server exchange them, by the tensor names of the SignatureDef."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "digits"
    request.inputs["inputs"].CopyFrom(tf.make_tensor_proto(images[:7]))
    request = predict_pb2.PredictRequest.FromString(request.SerializeToString())
    signature = signature_defs(version)["serving_default"]
    response = predict_pb2.PredictResponse()
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        tf.compat.v1.saved_model.load(session, ["serve"], str(version))
        feed = {
            signature.inputs[name].name: tf.make_ndarray(proto)
            for name, proto in request.inputs.items()
        }
        fetched = session.run({k: v.name for k, v in signature.outputs.items()}, feed)
    for name, value in fetched.items():
        response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
    response = predict_pb2.PredictResponse.FromString(response.SerializeToString())
    labels = [label.decode() for label in tf.make_ndarray(response.outputs["label"])]
    assert labels == trained.predict(digits.test.features[:7]).tolist()


def test_answers_fill_the_classification_apis_messages(signatures, images):
    rows = [serving.example_of({"inputs": row}).SerializeToString() for row in images[:2]]
    answer = signatures["classify"](inputs=tf.constant(rows))
    result = classification_pb2.ClassificationResult()
    for classes, scores in zip(answer["classes"].numpy(), answer["scores"].numpy(), strict=True):
        one = result.classifications.add()
        for label, score in zip(classes, scores, strict=True):
            one.classes.add(label=label.decode(), score=float(score))
    assert len(result.classifications) == 2
    assert sum(one.score for one in result.classifications[0].classes) == pytest.approx(1)


def rest(body, answers):
    """A REST body as the documented row and column formats mean it."""
    answer = answers[body.get("signature_name", "serving_default")]
    ((name, spec),) = answer.structured_input_signature[1].items()

    def plain(value):
        if isinstance(value, dict):
            return base64.b64decode(value["b64"])
        return [plain(one) for one in value] if isinstance(value, list) else value

    if "examples" in body:
        rows = [np.array(row["inputs"]) for row in body["examples"]]
        return answer(
            inputs=[serving.example_of({"inputs": row}).SerializeToString() for row in rows]
        )
    values = body["instances"] if "instances" in body else body["inputs"][name]
    return answer(**{name: tf.constant(plain(values), spec.dtype)})


def test_rest_bodies_of_every_format_give_the_same_numbers(version, signatures, images, trained):
    place = version / "requests"
    expected = trained.probabilities(images[:2].reshape(2, 64)).numpy()
    files = sorted(path.name for path in place.glob("*.json"))
    assert files == [
        "classify.json",
        "predict-bytes.json",
        "predict-columns.json",
        "predict-rows.json",
    ]
    for file in files:
        answer = rest(json.loads((place / file).read_text()), signatures)
        found = answer["scores"] if file == "classify.json" else answer["probabilities"]
        np.testing.assert_allclose(found, expected, atol=1e-6)
    script = (place / "curl.sh").read_text()
    assert script.count("http://127.0.0.1:8501/v1/models/digits:") == len(files)
    assert all(f"-d @{file} " in script for file in files)
    subprocess.run(["sh", "-n", str(place / "curl.sh")], check=True)


C_PROGRAM = r"""
#include <stdio.h>
#include <string.h>
#include <tensorflow/c/c_api.h>
int main(int argc, char** argv) {
  TF_Status* status = TF_NewStatus();
  TF_Graph* graph = TF_NewGraph();
  TF_SessionOptions* options = TF_NewSessionOptions();
  const char* tags[] = {"serve"};
  TF_Session* session = TF_LoadSessionFromSavedModel(
      options, NULL, argv[1], tags, 1, graph, NULL, status);
  if (TF_GetCode(status)) { fprintf(stderr, "%s\n", TF_Message(status)); return 1; }
  int64_t shape[] = {1, 8, 8};
  TF_Tensor* image = TF_AllocateTensor(TF_UINT8, shape, 3, 64);
  if (fread(TF_TensorData(image), 1, 64, stdin) != 64) return 2;
  TF_Output in = {TF_GraphOperationByName(graph, argv[2]), 0};
  TF_Output out = {TF_GraphOperationByName(graph, argv[3]), atoi(argv[4])};
  TF_Tensor* answer = NULL;
  TF_SessionRun(session, NULL, &in, &image, 1, &out, &answer, 1, NULL, 0, NULL, status);
  if (TF_GetCode(status)) { fprintf(stderr, "%s\n", TF_Message(status)); return 3; }
  for (int k = 0; k < 10; k++) printf("%.9g\n", ((float*)TF_TensorData(answer))[k]);
  return 0;
}
"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")
def test_a_c_program_predicts_through_tensorflows_own_library(
    version, images, trained, digits, tmp_path
):
    place = Path(tf.sysconfig.get_lib())
    if not (place / "libtensorflow_cc.so.2").exists():
        pytest.skip("needs the wheel's libtensorflow_cc.so.2")
    source, program = tmp_path / "predict.c", tmp_path / "predict"
    source.write_text("#include <stdlib.h>\n" + C_PROGRAM)
    subprocess.run(
        [
            "gcc",
            str(source),
            "-o",
            str(program),
            f"-I{tf.sysconfig.get_include()}",
            f"-L{place}",
            "-l:libtensorflow_cc.so.2",
            "-l:libtensorflow_framework.so.2",
            f"-Wl,-rpath,{place}",
            f"-Wl,-rpath-link,{sysconfig.get_config_var('LIBDIR')}",
        ],
        check=True,
    )
    signature = signature_defs(version)["serving_default"]
    output, _, index = signature.outputs["probabilities"].name.partition(":")
    command = [str(program), str(version), signature.inputs["inputs"].name[:-2], output, index]
    result = subprocess.run(command, input=images[3].tobytes(), capture_output=True, check=False)
    assert result.returncode == 0, result.stderr.decode()
    found = np.array(result.stdout.split(), np.float32)
    np.testing.assert_allclose(
        found, trained.probabilities(digits.test.features[3:4])[0], atol=1e-6
    )


@pytest.mark.slow
@pytest.mark.parametrize("signature", ["serving_bytes", "serving_default", "classify"])
def test_saved_model_cli_runs_every_signature(version, tmp_path, signature):
    np.save(tmp_path / "rows.npy", np.zeros((2, 8, 8), np.uint8))
    np.save(tmp_path / "pictures.npy", np.array([png(np.zeros((8, 8), np.uint8))]))
    examples = "[{'inputs': " + str([0] * 64) + "}]"
    arguments = {
        "serving_bytes": ["--inputs", f"image_bytes={tmp_path / 'pictures.npy'}"],
        "serving_default": ["--inputs", f"inputs={tmp_path / 'rows.npy'}"],
        "classify": ["--input_examples", f"inputs={examples}"],
    }[signature]
    command = ["saved_model_cli", "run", "--dir", str(version), "--tag_set", "serve"]
    result = subprocess.run(
        [*command, "--signature_def", signature, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-500:]
    assert "Result for output key" in result.stdout


def test_a_model_loaded_again_is_the_model(version, trained):
    from tfsoftmax.export.load import load_saved_model

    model = load_saved_model(version).model()
    assert isinstance(model, SoftmaxRegression)
    np.testing.assert_array_equal(model.W, trained.W)
    np.testing.assert_array_equal(model.b, trained.b)
