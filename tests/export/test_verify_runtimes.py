"""Which runtimes `tfsoftmax verify` asks, how many rows, and how it judges them."""

import time
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from support.datasets import make_dataset
from support.marks import slow

from tfsoftmax import SoftmaxRegression, Spec, Split, export_model
from tfsoftmax.cli.main import main
from tfsoftmax.cli.verify import _print
from tfsoftmax.export.formats import FORMATS
from tfsoftmax.export.parity import compare
from tfsoftmax.export.runtimes import RUNTIMES
from tfsoftmax.export.tolerances import EXACT, ROUNDED
from tfsoftmax.export.verify import Check, _in_time, verify

BY_NAME = {runtime.name: runtime for runtime in RUNTIMES}


def files(*formats):
    return {FORMATS[name].file for name in formats}


def test_every_combination_that_runs_is_run():
    """As tried with OpenVINO 2026.4 and tflite-micro of October 2026."""
    inference = files(
        "float32", "float16", "dynamic", "int8", "uint8", "micro", "mediapipe", "onnx"
    )
    for name in ("OpenVINO", "OpenVINO f32"):
        assert set(BY_NAME[name].files) == {"saved_model.pb", *inference}
    assert set(BY_NAME["TFLite Micro"].files) == files("int8", "uint8", "micro")
    assert set(BY_NAME["LiteRT"].files) == files(*(set(FORMATS) - {"onnx"}))


@pytest.fixture(scope="module")
def checks(everything_in_sevens, digits):
    """Of files of seven rows at a time, which does not divide the 360 that are asked."""
    return verify(everything_in_sevens, digits)[0]


@pytest.mark.slow
def test_files_of_a_fixed_batch_hold_in_every_runtime(checks):
    assert not [(check.file, check.runtime, check.problem) for check in checks if check.problem]
    installed = [runtime for runtime in RUNTIMES if runtime.installed]
    assert {(check.file, check.runtime) for check in checks} == {
        (file, runtime.name) for runtime in installed for file in runtime.files
    }
    assert all(check.parity.n_samples == 360 for check in checks)


@pytest.mark.slow
@pytest.mark.parametrize("batch", [slow(None), 2])
def test_a_model_that_abstains_holds_in_every_runtime(tmp_path, batch):
    """Its files have a second output, in some order."""
    dataset = make_dataset()
    spec = replace(dataset.spec, reject_below=0.6)
    model = SoftmaxRegression(spec, np.random.default_rng(0).standard_normal)
    dataset = replace(dataset, spec=spec)
    formats = ("float32", "micro", "onnx")
    folder = export_model(
        model,
        tmp_path,
        "m",
        check_on=dataset.test.features,
        formats=formats,
        tflite_batch=batch,
    ).path
    checks, _ = verify(folder, dataset)
    assert not [(check.file, check.runtime, check.problem) for check in checks if check.problem]
    assert {check.file for check in checks} == {"saved_model.pb", *files(*formats)}


@pytest.mark.slow
def test_openvino_is_judged_as_it_comes_and_in_float32(checks):
    pytest.importorskip("openvino", reason="needs openvino")
    of = {(check.runtime, check.file): check.parity for check in checks}
    assert of["OpenVINO", "model.tflite"].tolerance == ROUNDED.tolerance
    assert of["OpenVINO", "model.tflite"].demanded == 357  # 99 of 100
    strict = of["OpenVINO f32", "model.tflite"]
    assert (strict.tolerance, strict.demanded) == (pytest.approx(1e-5), 360)
    assert strict.max_difference <= 1e-5


def test_rounding_is_forgiven_but_another_class_is_not(trained, digits):
    def rounded(examples):
        exact = trained.probabilities(examples.reshape(-1, 64)).numpy()
        return np.round(exact, 2)

    def wrong(examples):
        return np.roll(rounded(examples), 1, axis=1)

    features = digits.test.features
    assert not compare(trained, rounded, features, EXACT).holds
    assert compare(trained, rounded, features, ROUNDED).holds
    assert not compare(trained, wrong, features, ROUNDED).holds


def test_slow_runtimes_are_asked_rows_from_all_over():
    """Of rows that are sorted by class, as folders of pictures are."""
    model = SoftmaxRegression(Spec((2,), "float32", tuple("abcdefghij")))
    rows = Split(np.zeros((5000, 2), np.float32), np.repeat(np.arange(10, dtype=np.int32), 500))

    def slow(examples):
        time.sleep(0.05)
        return model.probabilities(examples).numpy()

    asked = _in_time(slow, rows, model, seconds=0.2)
    assert 100 <= len(asked) < 1000
    assert asked.features.shape == (len(asked), 2)
    assert set(asked.labels.tolist()) == set(range(10))
    assert _in_time(slow, rows, model, seconds=1000) is rows


def test_the_table_says_how_many_rows_were_asked(trained, digits, capsys):
    answer = trained.probabilities
    parity = compare(
        trained, lambda rows: answer(rows.reshape(-1, 64)).numpy(), digits.test.features[:120]
    )
    check = Check("model.tflite", "LiteRT", 1000, None, parity, 0.9, 0.9, 1e-5, 1e-4)
    _print(check, rows=360)
    _print(check, rows=120)
    some, every = capsys.readouterr().out.splitlines()
    assert some.endswith("of 360 rows")
    assert "120/120" in some
    assert "rows" not in every


@pytest.mark.slow
def test_what_is_not_installed_is_named_once(trained, digits, tmp_path, monkeypatch):
    folder = export_model(trained, tmp_path, "digits", check_on=digits.test.features).path
    monkeypatch.setattr(
        "tfsoftmax.export.runtimes.find_spec", lambda name: None if name == "openvino" else name
    )
    result = CliRunner().invoke(main, ["verify", str(folder), "--dataset", "digits"])
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stderr.splitlines() if "not installed" in line]
    assert lines == ["not installed: OpenVINO (pip install openvino)"]
