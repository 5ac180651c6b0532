"""tfsoftmax inspect of tables with columns that are no numbers, and of sparse rows."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.datasets import dump_svmlight_file
from support.commands import assert_one_line, refuse, run

from tfsoftmax.cli.main import main as group

ISLANDS = ["Biscoe", "Dream", "Torgersen"]


def table(n_rows=300):
    generator = np.random.default_rng(0)
    words = ["good", "bad", "ugly", "fine", "poor", "great"]
    frame = pd.DataFrame(
        {
            "id": [f"r{row}" for row in range(n_rows)],
            "island": generator.choice(ISLANDS, n_rows),
            "age": generator.normal(40, 10, n_rows).round(1),
            "zip": generator.integers(1000, 1020, n_rows),
            "day": pd.date_range("2007-11-11", periods=n_rows).strftime("%Y-%m-%d"),
            "note": [
                " ".join(generator.choice(words, generator.integers(3, 9))) for _ in range(n_rows)
            ],
            "empty": np.nan,
            "label": generator.choice(["no", "yes"], n_rows),
        }
    )
    frame.loc[::7, "age"] = np.nan
    frame.loc[::11, "island"] = None
    return frame


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("mixed") / "t.csv"
    table().to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def found(path):
    result = run(group, "inspect", path, "--json")
    return json.loads(result.stdout, parse_constant=refuse)


def test_kinds_and_what_is_in_the_columns_agree_with_pandas(found):
    frame = table()
    columns = {column["name"]: column for column in found["columns"]}
    assert {name: column["kind"] for name, column in columns.items()} == {
        "id": None,
        "island": "category",
        "age": "number",
        "zip": "number",
        "day": "date",
        "note": "text",
        "empty": None,
    }
    assert {column["said"] for column in found["columns"]} == {False}
    for name in ("island", "age", "day", "note"):
        assert columns[name]["missing"] == frame[name].isna().sum()
    assert columns["island"]["categories"] == {
        "distinct": 3,
        "more": False,
        "frequent": frame["island"].value_counts().to_dict(),
    }
    assert columns["day"]["dates"] == {"earliest": frame["day"].min(), "latest": frame["day"].max()}
    lengths = frame["note"].str.len()
    assert columns["note"]["lengths"] == {
        "shortest": lengths.min(),
        "mean": pytest.approx(lengths.mean()),
        "longest": lengths.max(),
    }
    assert columns["age"]["mean"] == pytest.approx(frame["age"].mean())
    assert (found["label"], found["classes"]) == ("label", frame["label"].value_counts().to_dict())
    assert found["duplicate_rows"] == 0


def test_what_would_be_left_out_is_said(found):
    assert "texts that differ in every row, so training leaves them out: 'id'" in found["notes"]
    assert "without any value, so training leaves them out: 'empty'" in found["notes"]
    n_missing = table()["age"].isna().sum()
    assert (
        f"missing numbers, taken for their mean (--missing indicator): age ({n_missing})"
        in found["notes"]
    )


def test_what_is_said_of_columns_is_marked(path):
    arguments = ["--column", "zip=category", "--cross", "island:zip", "--buckets", "age:5"]
    result = run(group, "inspect", path, *arguments)
    assert result.exit_code == 0, result.stderr
    assert re.search(r"^age +buckets\* ", result.stdout, re.M)
    assert re.search(r"^zip +category\* +0  20 different: ", result.stdout, re.M)
    assert re.search(r"^island +category +28  3 different: ", result.stdout, re.M)
    assert "crossed   island:zip" in result.stdout
    assert "--missing indicator" not in result.stdout  # a missing age has a range of its own


def test_texts_that_are_said_to_be_numbers_get_advice_that_training_takes(path):
    result = run(group, "inspect", path, "--buckets", "island:3")
    assert "say instead: --column island=category" in result.stdout
    assert "left out: --drop" not in result.stdout
    assert_one_line(
        run(group, "train", path, "--buckets", "island:3"),
        1,
        "--column island=category or leave .* --drop island in place of --buckets island:3$",
    )
    result = run(group, "inspect", path, "--column", "island=category")
    assert "say instead" not in result.stdout


def test_categories_of_many_values_are_hashed(tmp_path):
    frame = pd.DataFrame({"user": [f"u{row % 1500}" for row in range(3000)]})
    frame["label"] = np.arange(3000) % 2
    frame.to_csv(tmp_path / "users.csv", index=False)
    found = json.loads(run(group, "inspect", tmp_path / "users.csv", "--json").stdout)
    (column,) = found["columns"]
    assert column["kind"] == "hashed"
    assert column["categories"]["distinct"] == 1500
    assert len(column["categories"]["frequent"]) == 20
    assert any("--column user=hashed" in note for note in found["notes"])


def test_a_date_that_is_none_is_named(tmp_path):
    days = ["31/05/2024", "1/6/2024", "2024-06-02", ""] * 10
    frame = pd.DataFrame({"day": days, "x": range(40), "label": [0, 1] * 20})
    frame.to_csv(tmp_path / "days.csv", index=False)
    result = run(group, "inspect", tmp_path / "days.csv", "--column", "day=date:%d/%m/%Y")
    assert result.exit_code == 0, result.stderr
    assert re.search(r"^day +date\* +10  31/05/2024 to 1/6/2024$", result.stdout, re.M)
    expected = "row 3, column 'day': expected a date such as %d/%m/%Y, found '2024-06-02'"
    assert f"cannot be read as it is: {expected}" in result.stdout


def test_a_column_of_two_kinds_is_a_note(tmp_path):
    frame = pd.DataFrame({"x": ["1", "2", "three", "4"] * 10, "label": [0, 1] * 20})
    frame.to_csv(tmp_path / "two.csv", index=False)
    result = run(group, "inspect", tmp_path / "two.csv")
    assert result.exit_code == 0, result.stderr
    assert "cannot be read as it is: " in result.stdout or "are not numbers" in result.stdout


def test_what_is_said_of_no_column_is_one_line(path):
    wrong = run(group, "inspect", path, "--column", "iland=category")
    assert_one_line(wrong, 1, "no column 'iland'; did you mean 'island'?")
    assert_one_line(run(group, "inspect", path, "--column", "island=text:no"), 2, "--column")


def test_sparse_rows_are_described_by_their_entries(tmp_path):
    generator = np.random.default_rng(1)
    matrix = scipy.sparse.random_array(
        (200, 1000), density=0.01, rng=generator, format="csr", dtype=np.float32
    )
    dump_svmlight_file(matrix, generator.integers(0, 2, 200), str(tmp_path / "rows.svm"))
    found = json.loads(run(group, "inspect", tmp_path / "rows.svm", "--json").stdout)
    entries, sizes = found["entries"], np.diff(matrix.indptr)
    used = len(np.unique(matrix.indices))
    assert found["rows"] == 200
    assert found["columns"] == []
    assert entries["total"] == matrix.nnz
    assert entries["unused"] == entries["columns"] - used
    assert (entries["least"], entries["most"]) == (sizes.min(), sizes.max())
    assert entries["mean"] == pytest.approx(sizes.mean())
    assert entries["density"] == pytest.approx(matrix.nnz / 200 / entries["columns"])
    assert entries["high"] == pytest.approx(matrix.data.max(), rel=1e-6)
    text = run(group, "inspect", tmp_path / "rows.svm").stdout
    assert re.search(rf"^entries +{matrix.nnz:,} that are not 0, ", text, re.M)


def test_numbers_that_begin_with_0_are_pointed_out_unless_they_are_said_to_be_numbers(tmp_path):
    path = tmp_path / "shops.csv"
    rows = "".join(f"{'007' if n % 2 else '12'},{n % 3},{'ab'[n % 2]}\n" for n in range(12))
    path.write_text("zip,size,label\n" + rows)
    text = run(group, "inspect", path).stdout
    assert "'007' (row 2) begins with 0" in text
    assert "--column zip=category" in text
    for said in ("number", "category"):
        assert "begins with 0" not in run(group, "inspect", path, "--column", f"zip={said}").stdout
