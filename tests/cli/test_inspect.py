"""tfsoftmax inspect says what should be seen to first."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.commands import assert_one_line, run

import tfsoftmax
from tfsoftmax.cli.main import main as group


@pytest.fixture
def odd(tmp_path):
    frame = pd.DataFrame(
        {
            "size": [1.0, 2.0, np.nan, 4.0] * 5,
            "twin": [1.0, 2.0, np.nan, 4.0] * 5,
            "same": 7,
            "yes": [True, False] * 10,
            "city": ["Oslo", "Rome"] * 10,
            "since": 1.6e9 + np.arange(20),
            "label": ["a"] * 19 + ["b"],
        }
    )
    frame.to_csv(tmp_path / "odd.csv", index=False)
    frame.assign(since=pd.to_datetime(frame["since"], unit="s")).to_parquet(
        tmp_path / "odd.parquet"
    )
    return tmp_path


def test_inspect_says_what_should_be_seen_to_first(odd):
    result = run(group, "inspect", f"csv:{odd / 'odd.csv'}")
    assert result.exit_code == 0, result.stderr
    for note in (
        r"missing numbers, taken for their mean \(--missing indicator\): size \(5\), twin \(5\)",
        "constant, so they say nothing: --drop same",
        "the same in every row as 'size': --drop twin",
        "whole numbers that differ in every row, so they may only name it: --drop since",
        "vary by less than float32 can tell apart.*: since",
        r"classes of one row only: b \(1\)",
    ):
        assert re.search(note, result.stdout), note
    assert re.search(r"^yes +boolean +0 +0 +0.5 +1", result.stdout, re.M)
    assert re.search(r"^city +category +0  2 different: Oslo 10, Rome 10$", result.stdout, re.M)


def test_inspect_as_json_agrees_with_pandas(odd):
    found = json.loads(run(group, "inspect", f"parquet:{odd / 'odd.parquet'}", "--json").stdout)
    frame = pd.read_parquet(odd / "odd.parquet")
    columns = {column["name"]: column for column in found["columns"]}
    assert (found["rows"], found["classes"]) == (20, {"a": 19, "b": 1})
    for name in ("size", "same"):
        assert columns[name]["missing"] == frame[name].isna().sum()
        assert columns[name]["low"] == frame[name].min()
        assert columns[name]["mean"] == pytest.approx(frame[name].mean())
        assert columns[name]["deviation"] == pytest.approx(frame[name].std(ddof=0))
    assert columns["since"]["type"].startswith("datetime")
    assert columns["since"]["kind"] == "date"
    first, last = frame["since"].min(), frame["since"].max()
    assert columns["since"]["dates"] == {
        "earliest": first.isoformat(),
        "latest": last.isoformat(),
    }


def test_repeated_rows_are_counted_where_all_columns_can_be_read(tmp_path):
    frame = pd.DataFrame({"a": [1.5, 2.5, 1.5, 4.25], "b": [3, 1, 3, 2], "label": list("xxxx")})
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False, sep=";")
    lines = run(group, "inspect", path, "--delimiter", ";").stdout.splitlines()
    assert "repeated  1 row is the same as an earlier row" in lines
    assert "1 class of 'label'" in lines
    frame.to_csv(path, index=False, sep=";", decimal=",")
    arguments = ("inspect", path, "--delimiter", ";")
    result = run(group, *arguments)
    assert result.exit_code == 0, result.stderr
    assert "cannot be read as it is" in result.stdout
    assert "\nrepeated " not in result.stdout
    assert json.loads(run(group, *arguments, "--json").stdout)["duplicate_rows"] is None
    pd.concat([frame, frame]).to_csv(path, index=False, sep=";", decimal=",")
    lines = run(group, *arguments, "--decimal", ",").stdout.splitlines()
    assert "repeated  5 rows are the same as an earlier row" in lines


def test_inspect_draws_a_sheet_of_pictures(tmp_path):
    for name in ("dark", "light"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for place in range(5):
            level = 255 * (name == "light")
            path = tmp_path / "pictures" / name / f"{place}.png"
            Image.fromarray(np.full((6, 4), level, np.uint8)).save(path)
    sheet = tmp_path / "sheet.png"
    result = run(group, "inspect", f"images:{tmp_path / 'pictures'}", "--pictures", sheet)
    assert result.exit_code == 0, result.stderr
    assert "rows      10 of 6x4 features" in result.stdout
    with Image.open(sheet) as picture:
        assert picture.size[0] > picture.size[1] > 90
    wrong = run(group, "inspect", "csv:x.csv", "--pictures", sheet)
    assert_one_line(wrong, 2, "a table has none")


def test_what_inspect_refuses_is_one_line(tmp_path):
    assert_one_line(run(group, "inspect", "csv:none.csv"), 2, "none.csv: expected a file")
    assert_one_line(run(group, "inspect", "nonsense"), 2, "unknown dataset")


def test_inspect_advises_no_option_that_the_source_does_not_have(tmp_path):
    (tmp_path / "rows.svm").write_text("".join(f"{i % 2} 1:7 2:{i + 1}\n" for i in range(20)))
    result = run(group, "inspect", tmp_path / "rows.svm")
    assert result.exit_code == 0, result.stderr
    assert "constant, so they say nothing: " in result.stdout
    assert "--drop" not in result.stdout


def test_inspect_reads_lines_of_text_as_training_does(tmp_path):
    (tmp_path / "lines.txt").write_text("good\tI love it\nbad\tI hate it\n" * 20)
    found = json.loads(run(group, "inspect", f"text:{tmp_path / 'lines.txt'}", "--json").stdout)
    assert [(column["name"], column["kind"]) for column in found["columns"]] == [("text", "text")]


def test_classes_are_called_as_training_calls_them(tmp_path):
    """Whether they are numbers with leading zeros, texts such as NA, or missing in some rows."""
    labels = {"zeros": ["01", "1", "2"] * 20, "words": ["NA", "None", "oak"] * 20}
    for name, found in labels.items():
        file = tmp_path / f"{name}.csv"
        pd.DataFrame({"a": np.arange(60.0) % 7, "label": found}).to_csv(file, index=False)
        dataset = tfsoftmax.load_dataset(str(file))
        shown = json.loads(run(group, "inspect", str(file), "--json").stdout)
        assert set(shown["classes"]) == set(dataset.spec.class_names) == set(found)
    frame = pd.DataFrame({"a": np.arange(60.0) % 7, "label": [0, 1, None] * 20})
    frame.to_parquet(tmp_path / "gaps.parquet")
    frame.to_csv(tmp_path / "gaps.csv", index=False, float_format="%.0f")
    for kind in ("parquet", "csv"):
        shown = json.loads(run(group, "inspect", str(tmp_path / f"gaps.{kind}"), "--json").stdout)
        assert shown["classes"] == {"0": 20, "1": 20}
        assert "rows without a label: 20" in shown["notes"]


def test_columns_that_tell_the_class_by_themselves_are_pointed_out(tmp_path):
    rng = np.random.default_rng(0)
    label = np.array(["no", "yes", "don't know"])[rng.integers(0, 3, 3000)]
    frame = pd.DataFrame(
        {
            "copied": label,
            "coded": np.select([label == "no", label == "yes"], [7.0, np.nan], 9.0),
            "finer": [f"{name} {rng.integers(4)}" for name in label],
            "nearly": label,
            "other": rng.integers(0, 5, 3000),
            "different": rng.normal(size=3000),
            "label": label,
        }
    )
    frame.loc[2999, "nearly"] = "no" if label[-1] != "no" else "yes"
    frame.to_csv(tmp_path / "leaks.csv", index=False)
    frame.to_parquet(tmp_path / "leaks.parquet")
    for file in ("leaks.csv", "leaks.parquet"):
        result = run(group, "inspect", str(tmp_path / file))
        (note,) = re.findall("alone tells the class of every row.*", result.stdout)
        assert note.endswith(": --drop copied,coded,finer"), note


def test_few_rows_do_not_show_that_a_column_tells_the_class(tmp_path):
    (tmp_path / "few.csv").write_text("a,b,label\n" + "1,x,n\n" * 30 + "2,y,m\n" * 4)
    assert "alone tells" not in run(group, "inspect", str(tmp_path / "few.csv")).stdout


def test_a_column_that_differs_in_its_letters_case_is_asked_for(tmp_path):
    (tmp_path / "a.csv").write_text("X,Label\n1,a\n2,b\n")
    for option, wrong, right in (("--label-column", "label", "Label"), ("--drop", "x", "X")):
        result = run(group, "inspect", str(tmp_path / "a.csv"), option, wrong)
        assert_one_line(result, 1, f"no column '{wrong}'; did you mean '{right}'[?]")
