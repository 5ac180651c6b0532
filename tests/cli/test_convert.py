"""``tfsoftmax convert``: files of fitted scikit-learn models, read with care, exported."""

import json
import pickle
import subprocess

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from support.commands import assert_one_line, run
from support.pipelines import fitted
from support.process import TFSOFTMAX

from tfsoftmax import load_predictor
from tfsoftmax.cli.main import main

pytestmark = pytest.mark.filterwarnings("ignore:Found unknown categories")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A skops file of a pipeline with columns of texts, and rows for it."""
    folder = tmp_path_factory.mktemp("table")
    pipeline, rows = fitted("table")
    skops.io.dump(pipeline, folder / "people.skops")
    rows.assign(id=range(len(rows))).to_csv(folder / "rows.csv", index=False)
    return folder, pipeline, rows


def test_a_table_is_converted_and_compared(table, tmp_path):
    folder, pipeline, rows = table
    result = run(
        *(main, "convert", folder / "people.skops", "-o", tmp_path / "people", "--onnx"),
        *("--check-on", folder / "rows.csv", "--json"),
    )
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["compared"]["rows"] == len(rows)
    assert found["compared"]["max_difference"] < 1e-6
    assert set(found["parity"]) == {"saved_model.pb", "model.tflite", "model.onnx"}
    answers = load_predictor(tmp_path / "people").predict_proba(rows)
    np.testing.assert_allclose(answers, pipeline.predict_proba(rows), atol=1e-5)
    labelled = rows.assign(label=pipeline.predict(rows))
    labelled.to_csv(tmp_path / "labelled.csv", index=False)
    arguments = ("--dataset", tmp_path / "labelled.csv", "--label-column", "label", "--json")
    result = run(main, "evaluate", tmp_path / "people", *arguments)
    assert result.exit_code == 0, result.stderr
    evaluated = json.loads(result.stdout)
    # It was trained on none of them.
    assert evaluated["n_samples"] == len(rows)
    assert evaluated["accuracy"] == 1


@pytest.mark.slow
def test_without_rows_exports_are_proven_on_made_up_ones(table, tmp_path):
    folder, pipeline, rows = table
    arguments = ("convert", folder / "people.skops", "-o", tmp_path / "people", "--tflite", "none")
    result = run(main, *arguments)
    assert result.exit_code == 0, result.stderr
    assert "200 rows" in result.stdout
    assert "not compared with" in result.stderr
    answers = load_predictor(tmp_path / "people").predict_proba(rows)
    np.testing.assert_allclose(answers, pipeline.predict_proba(rows), atol=1e-5)


@pytest.mark.parametrize("name", ["model.joblib", "model.pkl"])
def test_a_pickle_is_read_only_if_it_may_run_code(name, tmp_path):
    pipeline, rows = fitted("standard of arrays")
    if name.endswith("joblib"):
        joblib.dump(pipeline, tmp_path / name)
    else:
        (tmp_path / name).write_bytes(pickle.dumps(pipeline))
    np.save(tmp_path / "rows.npy", rows)
    arguments = ("convert", tmp_path / name, "-o", tmp_path / "wine", "--tflite", "none")
    assert_one_line(run(main, *arguments), 2, "reading one runs the code .*: give --allow-pickle")
    result = run(main, *arguments, "--allow-pickle", "--check-on", tmp_path / "rows.npy")
    assert result.exit_code == 0, result.stderr
    answers = load_predictor(tmp_path / "wine").predict_proba(rows)
    np.testing.assert_allclose(answers, pipeline.predict_proba(rows), atol=1e-5)


def test_types_of_a_skops_file_are_trusted_by_name(tmp_path):
    file = tmp_path / "model.skops"
    steps = StandardScaler(), FunctionTransformer(np.linalg.norm), LogisticRegression()
    skops.io.dump(make_pipeline(*steps), file)
    unknown = skops.io.get_untrusted_types(file=file)
    assert unknown
    arguments = ("convert", file, "-o", tmp_path / "x")
    assert_one_line(run(main, *arguments), 1, f"such as {unknown[0]}: give --trust {unknown[0]}")
    trusted = [argument for each in unknown for argument in ("--trust", each)]
    assert_one_line(run(main, *arguments, *trusted), 1, "'logisticregression' .*: it is not fitted")


@pytest.mark.parametrize(
    ("name", "content", "code", "message"),
    [
        ("no.skops", None, 2, "no such file"),
        ("model.h5", b"", 1, "expected .skops, .joblib, .pkl, .pickle .*; skops.io.dump"),
        ("model.skops", b"PK no zip", 1, "cannot be read as a skops file"),
        ("model.skops", b"", 1, "cannot be read as a skops file"),
    ],
)
def test_files_that_cannot_be_read(name, content, code, message, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert_one_line(run(main, "convert", tmp_path / name, "-o", tmp_path / "x"), code, message)


def test_rows_that_do_not_fit(table, tmp_path):
    folder, _, rows = table
    rows.drop(columns="age").to_csv(tmp_path / "rows.csv", index=False)
    arguments = ("convert", folder / "people.skops", "-o", tmp_path / "x", "--check-on")
    result = run(main, *arguments, tmp_path / "rows.csv")
    assert_one_line(result, 1, "rows.csv: no column 'age'")
    assert_one_line(run(main, *arguments, "mnist5k"), 1, "mnist5k: expected a file of rows")


@pytest.mark.slow
def test_texts_are_read_by_the_line_and_tensorflow_is_silent(tmp_path):
    pipeline, texts = fitted("counted words")
    skops.io.dump(pipeline, tmp_path / "words.skops")
    lines = [" ".join(text.split()) for text in texts]
    (tmp_path / "rows.txt").write_text("\n".join(lines), "utf-8")
    arguments = ["words.skops", "-o", "words", "--tflite", "none", "--check-on", "text:rows.txt"]
    result = subprocess.run(
        [TFSOFTMAX, "convert", *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 0
    (note,) = result.stderr.splitlines()
    assert "refuses a missing text" in note
    assert "probabilities within" in result.stdout


def keras_file(path, *layers):
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    made = keras.Sequential([keras.Input((4,)), *(layer(keras.layers) for layer in layers)])
    made.save(path)
    return made


def test_a_keras_file_is_converted_and_compared(tmp_path):
    dense = lambda layers: layers.Dense(3)  # noqa: E731
    made = keras_file(tmp_path / "tuned.keras", lambda layers: layers.Rescaling(0.5, -1), dense)
    rows = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    np.savetxt(tmp_path / "rows.csv", rows, delimiter=",", header="a,b,c,d", comments="")
    result = run(
        *(main, "convert", tmp_path / "tuned.keras", "-o", tmp_path / "tuned", "--tflite", "none"),
        *("--check-on", tmp_path / "rows.csv", "--json", "--class-names", 'low,"no, high",high'),
    )
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)["compared"]
    assert found["rows"] == 20
    assert found["max_difference"] < 1e-6
    expected = np.exp(made.predict(rows, verbose=0))
    expected /= expected.sum(axis=1, keepdims=True)
    exported = load_predictor(tmp_path / "tuned")
    assert exported.spec.class_names == ("low", "no, high", "high")
    np.testing.assert_allclose(exported.predict_proba(rows), expected, atol=1e-5)


def test_class_names_must_fit_the_classes_of_a_keras_file(table, tmp_path):
    keras_file(tmp_path / "m.keras", lambda layers: layers.Dense(2, activation="softmax"))
    own = table[0] / "people.skops"
    for file, names, said in (
        (tmp_path / "m.keras", "a,b,c", "--class-names must be 2 different names, .* not .*'c'"),
        (tmp_path / "m.keras", "a,a", "--class-names must be 2 different names"),
        (tmp_path / "m.keras", "a,", "has an empty name; expected names as in"),
        (own, "a,b", "its classes have names of their own; --class-names is for .keras files"),
    ):
        arguments = "convert", file, "-o", tmp_path / "out", "--class-names", names
        assert_one_line(run(main, *arguments), 2, said)
        assert not (tmp_path / "out").exists()


def test_keras_files_that_cannot_be_read_or_compared_say_why(tmp_path):
    keras_file(tmp_path / "lambda.keras", lambda layers: layers.Lambda(lambda x: x + 1))
    (tmp_path / "broken.keras").write_bytes(b"PK")
    keras_file(tmp_path / "m.keras", lambda layers: layers.Dense(2, activation="softmax"))
    np.save(tmp_path / "narrow.npy", np.zeros((3, 5), np.float32))
    (tmp_path / "words.csv").write_text("a,b,c,d\n1,2,3,x\n")
    for name, rows, said in (
        ("lambda", None, "without running code that is in it"),
        ("broken", None, "cannot be read as a Keras file"),
        ("m", "narrow.npy", "takes rows of 4 numbers, and these have 5"),
        ("m", "words.csv", "words.csv: expected rows of numbers"),
    ):
        given = () if rows is None else ("--check-on", tmp_path / rows)
        output = "-o", tmp_path / "out"
        assert_one_line(run(main, "convert", tmp_path / f"{name}.keras", *output, *given), 1, said)
        assert not (tmp_path / "out").exists()
