"""Rows of tables that cannot be used, skipped and counted; and those that never are."""

import json

import numpy as np
import pandas as pd
import pytest
from support.commands import run
from support.datasets import all_rows

from tfsoftmax import DataError, SourceOptions, from_frame, load_dataset
from tfsoftmax.cli.main import main as group
from tfsoftmax.cli.train import main as train_command

GOOD = [((float(n), n / 2), "xy"[n % 2]) for n in range(40)]
BAD = {
    "7,oops,x": "with a value that is not a number",
    "7,,x": "with a missing value",
    "7,1e300,x": "with a value beyond 3.4e38",
    "7,3,": "without a usable label",
    "7,3,x,9": "with too many columns",
    '"7",3,x,"9,9"': "with too many columns",
}


def table(folder, lines, name="t.csv"):
    (folder / name).write_text("a,b,label\n" + "".join(f"{line}\n" for line in lines))
    return f"csv:{folder / name}"


def good_lines():
    return [f"{a:g},{b:g},{label}" for (a, b), label in GOOD]


@pytest.mark.parametrize("per_part", [2**21, 9])
def test_every_other_row_is_there_and_each_bad_one_counted(tmp_path, monkeypatch, per_part):
    monkeypatch.setattr("tfsoftmax.data.readers.csv_file._NUMBERS_PER_PART", per_part)
    lines = good_lines()
    for place, line in enumerate(BAD):
        lines.insert(5 * place, line)
    lines[12:12] = ["", "   "]  # blank lines are no rows
    dataset = load_dataset(table(tmp_path, lines), options=SourceOptions(bad_rows="skip"))
    assert all_rows(dataset) == sorted(GOOD)
    counted = {skipped.reason: skipped.rows for skipped in dataset.notes.skipped}
    assert counted == {reason: list(BAD.values()).count(reason) for reason in BAD.values()}
    assert dataset.notes.rows == len(GOOD) + len(BAD)


@pytest.mark.parametrize("place", [0, 17, 40])
@pytest.mark.parametrize("line", BAD)
def test_a_bad_row_is_named_by_its_number(tmp_path, line, place):
    lines = good_lines()
    lines.insert(place, line)
    name = table(tmp_path, lines)
    with pytest.raises(DataError, match=rf"row {place + 1}\b|line {place + 2}|more columns than"):
        load_dataset(name)
    reading = load_dataset(name, options=SourceOptions(bad_rows="skip")).notes
    assert [skipped.rows for skipped in reading.skipped] == [1]
    assert f"row {place + 1}" in reading.skipped[0].first


def test_bad_rows_of_frames_and_parquet(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2, None, 4, np.inf, 6] * 2, "label": ["x", "y"] * 6})
    frame.loc[1, "label"] = None
    frame.to_parquet(tmp_path / "t.parquet")
    skip = SourceOptions(bad_rows="skip")
    for dataset in (
        from_frame(frame, options=skip),
        load_dataset(f"parquet:{tmp_path / 't.parquet'}", options=skip),
    ):
        kept = frame.dropna().query("a < inf")
        assert sorted(row[0] for row, _ in all_rows(dataset)) == sorted(kept["a"])
        assert sum(skipped.rows for skipped in dataset.notes.skipped) == 12 - len(kept)


def test_what_can_be_filled_in_is_not_skipped(tmp_path):
    name = table(tmp_path, [*good_lines(), "7,,x"])
    dataset = load_dataset(name, options=SourceOptions(bad_rows="skip", missing="mean"))
    assert (len(all_rows(dataset)), dataset.notes.skipped) == (41, ())


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        # Numbers that are written otherwise: skipping those of 1,000 and more would be a lie.
        (['7,"3,750",x'], 'thousands=","'),
        (["7,$5,x"], "only one of them has"),
        (["7,(5),x"], "parentheses"),
        (["7,text,x"] * 60, r"column 'b': it is part text \(row 41"),
        (["7,3,"] * 50, "50 of 90 rows cannot be used, more than half: 50 without a usable label"),
    ],
)
def test_what_is_wrong_with_a_whole_column_is_never_skipped(tmp_path, bad, message):
    name = table(tmp_path, [*good_lines(), *bad])
    with pytest.raises(DataError, match=message):
        load_dataset(name, options=SourceOptions(bad_rows="skip"))


def test_the_count_is_said_and_goes_with_the_model(tmp_path):
    name = table(tmp_path, [*good_lines(), "7,oops,x"])
    arguments = [
        "--dataset",
        name,
        "--bad-rows",
        "skip",
        "--epochs",
        "1",
        "--l2",
        "1",
        "--tflite",
        "none",
    ]
    result = run(train_command, *arguments, "--output-dir", tmp_path / "models")
    assert result.exit_code == 0, result.stderr
    assert "1 of 41 rows is left out: 1 with a value that is not a number" in result.stderr
    folder = tmp_path / "models/t/1"
    described = json.loads((folder / "tfsoftmax.json").read_text())
    (skipped,) = described["dataset"]["reading"]["skipped"]
    assert (skipped["rows"], skipped["first"][:6]) == (1, "row 41")
    assert (
        "| rows left out with a value that is not a number | 1 |"
        in (folder / "README.md").read_text()
    )
    # Every row that is asked about is answered, or it is an error.
    (tmp_path / "new.csv").write_text("a,b\n1,2\n7,oops\n")
    result = run(group, "predict", folder, tmp_path / "new.csv")
    assert result.exit_code == 1
    assert "row 2, column 'b': 'oops' is not a number" in result.stderr
    assert "--bad-rows" not in result.stderr
    assert "--drop" not in result.stderr


def test_texts_that_stand_for_a_missing_value(tmp_path):
    lines = [*good_lines(), "-999,3,x", "7,?,y", "7,-999.0,y", "7,3,?"]
    name = table(tmp_path, lines)
    options = SourceOptions(na_values=("?", "-999"), missing="mean", bad_rows="skip")
    rows = [row for row, _ in all_rows(load_dataset(name, options=options))]
    assert np.isnan(rows).sum(axis=0).tolist() == [1, 2]
    assert len(rows) == 43
    with pytest.raises(DataError, match=r"row 42, column 'b': '\?' is not a number"):
        load_dataset(name, options=options.but(na_values=("-999",), bad_rows="error"))


def test_missing_values_of_the_command_are_the_models_too(tmp_path):
    name = table(tmp_path, [*good_lines(), "-999,3,x", "7,?,y"])
    arguments = [
        "--dataset",
        name,
        "--na-values",
        "?, -999",
        "--missing",
        "mean",
        "--epochs",
        "1",
        "--l2",
        "1",
    ]
    result = run(train_command, *arguments, "--tflite", "none", "--output-dir", tmp_path / "models")
    assert result.exit_code == 0, result.stderr
    (tmp_path / "new.csv").write_text("a,b\n?,2\n,2\n")
    result = run(group, "predict", tmp_path / "models/t", tmp_path / "new.csv")
    assert result.exit_code == 0, result.stderr
    first, second = (line.split("\t")[1:] for line in result.stdout.splitlines())
    assert first == second


def test_comments_are_passed_over(tmp_path):
    lines = good_lines()
    lines[3] += "  # measured twice"
    lines.insert(0, "# in centimetres")
    lines.insert(9, "#7,3,x")
    lines.append("7,3,x,9")
    name = table(tmp_path, lines)
    options = SourceOptions(comment="#", bad_rows="skip")
    dataset = load_dataset(name, options=options)
    assert all_rows(dataset) == sorted(GOOD)
    assert "row 41" in dataset.notes.skipped[0].first
