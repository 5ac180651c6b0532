"""Columns that only name the rows: left out or pointed out, by training as by inspect."""

import ast
import json
import logging
import re
import shlex

import numpy as np
import pandas as pd
import pytest
from support.commands import assert_one_line, run

from tfsoftmax import DataError, SourceOptions, from_frame, load_dataset
from tfsoftmax.cli.main import main as group
from tfsoftmax.cli.train import main as train_command

ROWS = 30
GENERATOR = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "size": GENERATOR.normal(size=ROWS).round(3),
        "count": GENERATOR.integers(5, size=ROWS),
        "label": ["a", "b", "c"] * 10,
    }
)
ORDER = GENERATOR.permutation(ROWS)


@pytest.fixture
def notes(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("tfsoftmax"), "propagate", True)
    return lambda: caplog.text


def written(folder, frame, **how):
    frame.to_csv(folder / "t.csv", **{"index": False, **how})
    return f"csv:{folder / 't.csv'}"


def features(dataset):
    return sorted(np.concatenate([dataset.train.features, dataset.test.features]).tolist())


PLAIN = sorted(np.float32(FRAME[["size", "count"]]).tolist())


@pytest.mark.parametrize("per_part", [2**21, 30])
@pytest.mark.parametrize(
    "index",
    [range(ROWS), range(1, ROWS + 1), ORDER, ORDER * 3 + 7],
    ids=["from 0", "from 1", "shuffled", "some of many"],
)
def test_the_index_that_pandas_writes_is_no_feature(tmp_path, notes, monkeypatch, index, per_part):
    monkeypatch.setattr("tfsoftmax.data.readers.csv_file._NUMBERS_PER_PART", per_part)
    frame = FRAME.set_axis(index)
    for name in (
        written(tmp_path, frame, index=True),
        written(tmp_path, frame.rename_axis("Unnamed: 0"), index=True),
    ):
        dataset = load_dataset(name)
        assert dataset.spec.feature_names == ("size", "count")
        assert features(dataset) == PLAIN
        assert dataset.notes.index == "Unnamed: 0"
    assert "column 'Unnamed: 0' is left out: it only numbers the rows" in notes()


def test_a_column_without_a_name_that_is_no_index_is_an_error(tmp_path):
    for values in (FRAME["size"], FRAME["count"]):
        name = written(tmp_path, FRAME.set_axis(values.to_numpy()), index=True)
        with pytest.raises(DataError, match=r'first column has no name.*drop=\["Unnamed: 0"\]'):
            load_dataset(name)
        dataset = load_dataset(name, options=SourceOptions(drop=("Unnamed: 0",)))
        assert features(dataset) == PLAIN


@pytest.mark.parametrize("per_part", [2**21, 30])
def test_texts_that_differ_in_every_row_are_left_out(tmp_path, notes, monkeypatch, per_part):
    monkeypatch.setattr("tfsoftmax.data.readers.csv_file._NUMBERS_PER_PART", per_part)
    frame = FRAME.assign(**{"full, name": [f"Person {n}" for n in range(ROWS)]})
    name = written(tmp_path, frame)
    dataset = load_dataset(name)
    assert (dataset.spec.feature_names, features(dataset)) == (("size", "count"), PLAIN)
    assert dataset.notes.left_out == ("full, name",)
    assert "left out, as texts that differ in every row: 'full, name'" in notes()
    # It is a text as any other if two rows, however far apart, have the same, or if asked for.
    asked = load_dataset(name, options=SourceOptions(features=("size", "full, name")))
    assert asked.spec.encoding.columns[1].kind == "text"
    frame.loc[ROWS - 1, "full, name"] = "Person 0"
    dataset = load_dataset(written(tmp_path, frame))
    assert [each.name for each in dataset.spec.encoding.columns][2:] == ["full, name"]


def test_texts_that_differ_in_the_first_rows_only_are_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("tfsoftmax.data.readers.csv_file._NUMBERS_PER_PART", 30)
    monkeypatch.setattr("tfsoftmax.data.tables.kinds_of_columns._ROWS_OF_KINDS", 5)
    frame = FRAME.assign(name=[f"n{n % 29}" for n in range(ROWS)])
    with pytest.raises(DataError, match=r"'name'.*: it is text.*drop=\[\"name\"\]"):
        load_dataset(written(tmp_path, frame))


def test_numbers_written_as_text_are_never_taken_for_names(tmp_path):
    frame = FRAME.assign(price=[f"{n + 1:,}" for n in range(0, ROWS * 1000, 1000)])
    with pytest.raises(DataError, match="column 'price': '1,001' is not a number"):
        load_dataset(written(tmp_path, frame))


@pytest.mark.parametrize("values", [range(ROWS), ORDER, ORDER * 1000 + 842302])
def test_whole_numbers_that_all_differ_are_pointed_out_and_used(tmp_path, notes, values):
    frame = FRAME.assign(**{"patient id": values})
    dataset = load_dataset(written(tmp_path, frame))
    assert "patient id" in dataset.spec.feature_names
    assert dataset.notes.identifying == ("patient id",)
    (dropped,) = re.findall(r"drop=(\[.*)", notes())
    options = SourceOptions(drop=ast.literal_eval(dropped))
    assert features(from_frame(frame, options=options)) == PLAIN


def test_beside_categories_they_are_pointed_out_as_well(tmp_path, notes):
    frame = FRAME.assign(town=["Oslo", "Rome"] * (ROWS // 2), **{"patient id": ORDER + 842302})
    name = written(tmp_path, frame)
    dataset = load_dataset(name)
    assert [each.name for each in dataset.spec.encoding.columns if each.kind == "number"] == [
        "size",
        "count",
        "patient id",
    ]
    assert dataset.notes.identifying == ("patient id",)
    assert notes().count("whole numbers that differ in every row") == 1
    # Nor is it said of columns that were asked for, or that do not differ.
    asked = load_dataset(name, options=SourceOptions(features=("town", "patient id")))
    assert asked.notes.identifying == ()
    frame.loc[ROWS - 1, "patient id"] = frame.loc[0, "patient id"]
    assert load_dataset(written(tmp_path, frame)).notes.identifying == ()


def test_measurements_with_a_unit_are_no_names(tmp_path):
    name = written(tmp_path, FRAME.assign(mass=[f"{n / 4} kg" for n in range(ROWS)]))
    with pytest.raises(DataError, match=r"'mass': it is text \(row 1: '0.0 kg'\)"):
        load_dataset(name)
    assert "--drop mass" in run(group, "inspect", name).stdout


def test_measurements_are_no_names(tmp_path):
    frame = FRAME.assign(weight=np.arange(ROWS) / 4, year=1990 + np.arange(ROWS) // 2)
    assert load_dataset(written(tmp_path, frame)).notes.identifying == ()


def odd_frame():
    return FRAME.assign(
        **{
            "id": ORDER + 100,
            "name": [f"n{n}" for n in range(ROWS)],
            "ok": ["yes", "no", "no"] * 10,
            "flag": [True, False] * 15,
            "price": [f"${n}.50" for n in range(ROWS)],
            "home town": (["Oslo", "Rome", "Riga", "Bonn"] * ROWS)[:ROWS],
            "a, b": ["u", "v"] * 15,
            "mixed": ["1", "5%"] * 15,
        }
    )


def test_inspect_and_training_agree_on_every_column(tmp_path):
    frame = odd_frame()
    found = run(group, "inspect", written(tmp_path, frame), "--json")
    assert found.exit_code == 0, found.stderr
    for column in json.loads(found.stdout)["columns"]:
        usable = column["type"] in ("number", "boolean") and not column["conflict"]
        left_out = column["role"] in ("index", "name")
        alone = frame[[column["name"], "size", "label"]] if column["name"] != "size" else FRAME
        try:
            dataset = from_frame(alone)
        except DataError:
            assert (usable, left_out) == (False, False), column
        else:
            encoding = dataset.spec.encoding
            names = (
                [each.name for each in encoding.inputs] if encoding else dataset.spec.feature_names
            )
            assert bool(encoding) == (column["type"] == "text" and not left_out), column
            assert (column["name"] in names) != left_out


@pytest.mark.slow
def test_what_inspect_says_can_be_pasted(tmp_path):
    name = written(tmp_path, odd_frame())
    notes = run(group, "inspect", name).stdout
    assert "texts that differ in every row, so training leaves them out: 'name'" in notes
    assert re.search("cannot be read as it is: row 2, column 'mixed': '5%', but", notes)
    pasted = " ".join(re.findall(r"(?:--drop (?:'[^']*'|\S+) ?)+", notes))
    assert shlex.split(pasted) == ["--drop", "id", "--drop", "mixed"]
    arguments = [*shlex.split(pasted), "--epochs", "1", "--l2", "1", "--tflite", "none"]
    result = run(train_command, "--dataset", name, *arguments, "--output-dir", tmp_path / "models")
    assert result.exit_code == 0, result.stderr
    described = json.loads((tmp_path / "models/t/1/tfsoftmax.json").read_text())
    inputs = [each["name"] for each in described["spec"]["encoding"]["inputs"]]
    assert inputs == ["size", "count", "ok", "flag", "price", "home town", "a, b"]
    # The recorded command reads the same again, the mark is kept for predict.
    assert described["dataset"]["options"]["marks"] == ["$price"]
    again = described["command"]
    assert [again[place + 1] for place, word in enumerate(again) if word == "--drop"] == [
        shlex.split(pasted)[place + 1]
        for place, word in enumerate(shlex.split(pasted))
        if word == "--drop"
    ]
    header = 'size,count,ok,flag,price,home town,"a, b"\n'
    (tmp_path / "new.csv").write_text(header + "1,2,yes,True,7.50,Oslo,u\n")
    found = run(group, "predict", tmp_path / "models/t", tmp_path / "new.csv")
    assert_one_line(found, 1, r"column 'price': '7.5', but the column has \$ in what the model")
    (tmp_path / "new.csv").write_text(header + "1,2,no,False,$7.50,Narvik,\n")
    assert run(group, "predict", tmp_path / "models/t", tmp_path / "new.csv").exit_code == 0


def test_rows_that_differ_in_a_text_are_not_repeated(tmp_path):
    frame = pd.DataFrame({"x": 1, "town": ["Oslo", "Rome", "Oslo"], "label": ["a", "b", "a"]})
    found = json.loads(run(group, "inspect", written(tmp_path, frame), "--json").stdout)
    assert found["duplicate_rows"] == 1


def test_dropping_all_columns_is_one_line(tmp_path):
    name = written(tmp_path, FRAME)
    arguments = ["--drop", "size,count"]
    for command in (
        [group, "inspect", name],
        [train_command, "--output-dir", tmp_path, "--dataset", name],
    ):
        result = run(*command, *arguments)
        assert_one_line(result, 1, r"no column is left to (look at|learn from)")


def test_names_with_commas_are_given_as_they_are(tmp_path):
    frame = FRAME.rename(columns={"size": "size, cm"}).assign(a=1, b=2)
    for drop in (("a,b", "size, cm"), ("size, cm", "a", "b"), ("size, cm", "b, a")):
        assert from_frame(frame, options=SourceOptions(drop=drop)).spec.feature_names == ("count",)
    chosen = SourceOptions(features=("size, cm", "count"))
    assert from_frame(frame, options=chosen).spec.feature_names == ("size, cm", "count")
    with pytest.raises(DataError, match="no column 'cm'"):
        from_frame(frame, options=SourceOptions(drop=("a,cm",)))
