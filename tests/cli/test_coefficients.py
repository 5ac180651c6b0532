"""tfsoftmax coefficients: CSV and JSON of a model that was exported."""

import io
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from support.commands import assert_one_line, refuse, run
from support.runs import RECIPE

from tfsoftmax import (
    SourceOptions,
    coefficients,
    export_model,
    fit,
    load_dataset,
    load_predictor,
)
from tfsoftmax.cli.main import main as group


def test_csv_and_json_are_the_table_of_the_model(model, tmp_path):
    version, _ = model
    wanted = coefficients(load_predictor(version))
    result = run(group, "coefficients", version)
    assert result.exit_code == 0, result.stderr
    found = pd.read_csv(io.StringIO(result.stdout), dtype={"class": str})
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-11)
    assert np.array_equal(np.float32(found["coefficient"]), np.float32(wanted["coefficient"]))
    document = json.loads(
        run(group, "coefficients", version, "--json").stdout, parse_constant=refuse
    )
    assert document["model"] == str(version)
    assert document["coefficients"] == wanted.to_dict("records")
    # 64 pixels and the intercept, of each of 10 classes
    assert len(wanted) == 65 * 10


@pytest.mark.slow
def test_buckets_that_no_row_fell_into_are_left_out_and_counted(birds, tmp_path):
    options = SourceOptions(features=("age", "note"), missing="mean", column=("note=hashed",))
    dataset = load_dataset(birds / "birds.csv", options=options)
    version = export_model(
        fit(dataset, RECIPE).model, tmp_path, "notes", check_on=dataset.test
    ).path
    path = tmp_path / "all.csv"
    result = run(group, "coefficients", version, "--output", path)
    assert result.exit_code == 0, result.stderr
    n_buckets = dataset.spec.encoding.columns[1].size
    # There are three notes.
    assert result.stderr == (
        f"left out: {n_buckets - 3:,} hash buckets with the coefficient 0 in every class\n"
    )
    features = pd.read_csv(path)["feature"].unique()
    assert sum("bucket" in feature for feature in features) == 3
    quiet = run(group, "coefficients", version, "-q")
    assert (quiet.stderr, quiet.stdout) == ("", path.read_text())


def test_the_strongest_of_a_class_go_to_a_file(model, tmp_path):
    version, _ = model
    path = tmp_path / "top.csv"
    result = run(
        group, "coefficients", version.parent, "--class", "3", "--top", "2", "--output", path
    )
    assert (result.exit_code, result.stdout) == (0, ""), result.stderr
    found = pd.read_csv(path)
    W = load_predictor(version).model().W.numpy()[:, 3]
    strongest = np.argsort(-np.abs(W))[:2]
    assert list(found["feature"]) == [f"feature {index}" for index in strongest]
    assert list(found["class"]) == [3, 3]


def test_a_file_of_the_folder_will_do_and_a_lonely_one_is_refused(model, tmp_path):
    version, _ = model
    whole = run(group, "coefficients", version).stdout
    assert run(group, "coefficients", version / "model.tflite").stdout == whole
    shutil.copy(version / "model.tflite", tmp_path)
    lonely = run(group, "coefficients", tmp_path / "model.tflite")
    assert_one_line(
        lonely, 1, "read from the SavedModel .* none beside it; give the model's folder"
    )


def test_what_coefficients_refuses_is_one_line(model, tmp_path):
    version, _ = model
    assert_one_line(run(group, "coefficients", tmp_path / "none"), 2, "no such file or folder")
    assert_one_line(
        run(group, "coefficients", version, "--class", "x"), 2, "no class 'x'; its classes are 0,"
    )
    assert_one_line(run(group, "coefficients", version, "--top", "0"), 2, "--top")
