"""Numbers that are text in a file: every cell of a column is read in the same way, or none is."""

import re

import numpy as np
import pandas as pd
import pytest
from support.commands import assert_one_line, run

from tfsoftmax import DataError, SourceOptions, Spec, from_frame, load_dataset
from tfsoftmax.cli.main import main as group
from tfsoftmax.data.readers.unlabelled import read_unlabelled


def written(folder, cells, labels="ab", name="t.csv"):
    """A file with these cells in a column 'price', quoted, and classes that take turns."""
    rows = [f'"{cell}",{labels[place % 2]}\n' for place, cell in enumerate(cells)]
    (folder / name).write_text("price,label\n" + "".join(rows))
    return f"csv:{folder / name}"


def values(dataset):
    """The column's values that are there, sorted."""
    rows = np.concatenate([dataset.train.features, dataset.test.features])
    return sorted(rows[~np.isnan(rows)].tolist())


def options_in(text):
    """The options that a text says, as Python would read them."""
    return eval(f"SourceOptions({text.replace(' and ', ', ')})")


# Cells, repeated; then of each way the message offers, the values that it gives.
OTHERWISE = {
    "thousands beside decimals": (["39.1", "3,750", "12"], {'thousands=","': [39.1, 3750, 12]}),
    "thousands or decimals": (
        ["3,800", "900", "12"],
        {'thousands=","': [3800, 900, 12], 'thousands="." and decimal=","': [3.8, 900, 12]},
    ),
    "a decimal comma": (["1,5", "900", "2,25"], {'decimal=","': [1.5, 900, 2.25]}),
    "German": (
        ["1.234,5", "900", "2.000"],
        {'thousands="." and decimal=","': [1234.5, 900, 2000]},
    ),
    "French": (
        ["1\u202f234,5", "900", "12 000"],
        {'thousands=" " and decimal=","': [1234.5, 900, 12000]},
    ),
    "Swiss": (["1'234.5", "900", "12\u2019000"], {'thousands="\'"': [1234.5, 900, 12000]}),
    "millions": (
        ["1.234.567", "900", "12"],
        {'thousands="." and decimal=","': [1234567, 900, 12]},
    ),
    "dollars": (["$1,234.50", "$900", "-$3"], {'thousands=","': [1234.5, 900, -3]}),
}


@pytest.mark.parametrize("case", OTHERWISE)
def test_what_the_message_offers_gives_these_values(tmp_path, case):
    cells, ways = OTHERWISE[case]
    name = written(tmp_path, cells * 5)
    with pytest.raises(DataError, match=r"row \d, column 'price': .*is not a number") as caught:
        load_dataset(name)
    offered = re.findall(r'\(((?:(?:thousands|decimal)="."(?: and )?)+)\)', str(caught.value))
    assert sorted(offered) == sorted(ways), str(caught.value)
    for option, expected in ways.items():
        dataset = load_dataset(name, options=options_in(option))
        assert values(dataset) == sorted(np.float32(expected * 5).tolist())


@pytest.mark.parametrize(
    ("cells", "options", "message"),
    [
        # Neither reading fits all cells.
        (["1.5", "1,5", "2"], "", r"'1,5' is not a number beside '1.5' \(row 1\): no one reading"),
        # Wrong groups are no groups: 1,5 is not 15.
        (["1,5", "900"], 'thousands=","', r"'1,5'.*not a number with thousands=\",\".*1.5"),
        (["12,34", "900"], 'thousands=","', "'12,34'.*decimal=\",\""),
        (["0,123", "900"], 'thousands=","', "'0,123'.*0.123"),
        (["1,234,56", "900"], 'thousands=","', "'1,234,56'"),
        # With a decimal comma alone this is 3.8 and 900, but might be 3800 and 900.
        (["3,800", "900"], 'decimal=","', r"'3,800' is 3800 \(thousands=\",\"\) or 3.8 "),
        (["39.1", "900"], 'decimal=","', r"'39.1'.*39.1 \(without decimal=\",\"\)"),
        (["$5", "7", "$8"], "", r"'7', but '\$5' \(row 1\): only one of them has \$"),
        (["5%", "0.07"], "", "only one of them has %"),
        (["$5", "€7"], "", "only one of them has"),
        (["(3.20)", "5"], "", "if the parentheses say that it is negative, write -3.20"),
        (["($3,200)", "5"], "", "write -3,200"),
        (["yes", "no", "5"], "", r"mixes 'yes' \(row 1\) with numbers such as '5'"),
        (["5", "6", "true"], "", r"mixes 'true' \(row 3\) with numbers such as '5'"),
        (["1", "two", "3"], "", "row 2, column 'price': 'two' is not a number"),
    ],
)  # fmt: skip
def test_cells_that_contradict_each_other_are_named(tmp_path, cells, options, message):
    with pytest.raises(DataError, match=message):
        load_dataset(written(tmp_path, cells * 4), options=options_in(options))


def test_a_decimal_comma_is_one_where_a_cell_can_be_nothing_else(tmp_path):
    name = written(tmp_path, ["3,800", "900", "1,5"] * 5)
    assert values(load_dataset(name, options=options_in('decimal=","'))) == sorted(
        np.float32([3.8, 900, 1.5] * 5).tolist()
    )


@pytest.mark.parametrize("late", ["3,750", "$5", "yes", "5%", "(3)"])
@pytest.mark.parametrize("early", [39.5, 7])
def test_evidence_of_a_later_part_counts(tmp_path, monkeypatch, early, late):
    monkeypatch.setattr("tfsoftmax.data.readers.csv_file._NUMBERS_PER_PART", 20)  # 10 rows
    name = written(tmp_path, [early, 2] * 20 + [late, 2])
    with pytest.raises(DataError, match=rf"row 41, .*{re.escape(late)}.*'{early}'|write -3"):
        load_dataset(name)
    # The other way round, too.
    name = written(tmp_path, [late] * 20 + [early] * 4)
    with pytest.raises(DataError, match=r"price.*row 1\b|row 1, .*write -3|row 1, .*3,750"):
        load_dataset(name)


def test_an_ambiguous_part_is_settled_by_a_later_one(tmp_path, monkeypatch):
    monkeypatch.setattr("tfsoftmax.data.readers.csv_file._NUMBERS_PER_PART", 20)
    cells = ["3,800", "900"] * 10
    with pytest.raises(DataError, match="say which"):
        load_dataset(written(tmp_path, cells), options=SourceOptions(decimal=","))
    dataset = load_dataset(written(tmp_path, [*cells, "1,25"]), options=SourceOptions(decimal=","))
    assert values(dataset) == sorted(np.float32([3.8, 900] * 10 + [1.25]).tolist())


@pytest.mark.parametrize(
    ("cells", "expected", "mark"),
    [
        (["$5", "$7.50", "-$3", "$-4", ""], [5, 7.5, -3, -4], "$"),
        (["5%", "7.5 %", " -3%"], [5, 7.5, -3], "%"),
        (["€ 5", "€7", "€1e3"], [5, 7, 1000], "€"),
        (["12£", "7£"], [12, 7], "£"),
    ],
)
def test_a_mark_on_every_number_is_read(tmp_path, cells, expected, mark):
    dataset = load_dataset(written(tmp_path, cells * 6), options=SourceOptions(missing="mean"))
    assert values(dataset) == sorted(np.float32(expected * 6).tolist())
    assert dataset.notes.marks == (f"{mark}price",)


@pytest.mark.parametrize("per_part", [2**21, 20])
def test_points_that_may_be_between_thousands_are_asked_about(tmp_path, monkeypatch, per_part):
    """A German file that is read without saying so: 1.234 is 1,234 there, 900 is 900."""
    monkeypatch.setattr("tfsoftmax.data.readers.csv_file._NUMBERS_PER_PART", per_part)
    cells = ["1.234", "900", "2.500"] * 10
    name = written(tmp_path, cells)
    message = r"such as '900' \(row 2\), '1.234' is 1.234 \((.*?)\) or 1234 \((.*?)\)"
    with pytest.raises(DataError, match=message) as caught:
        load_dataset(name)
    plain, german = re.search(message, str(caught.value)).groups()
    assert_one_line(run(group, "inspect", name, "--label-column", "none"), 1, "no column 'none'")
    assert re.search(message, run(group, "inspect", name).stdout)
    for options, expected in ((plain, [1.234, 900, 2.5]), (german, [1234, 900, 2500])):
        found = values(load_dataset(name, options=options_in(options)))
        assert found == sorted(np.float32(expected * 10).tolist())


@pytest.mark.parametrize(
    "cells",
    [
        ["1.234", "2.000", "900.500"],  # three digits each time
        ["1.234", "900", "2.5"],
        ["1.234", "900", "0.125"],
        ["1.234", "900", "1234.567"],
        ["5.1", "3.5", "4"],
    ],
)
def test_points_that_are_surely_before_decimals_are_not_asked_about(tmp_path, cells):
    found = values(load_dataset(written(tmp_path, cells * 10)))
    assert found == sorted(np.float32([float(cell) for cell in cells] * 10).tolist())


def test_text_in_frames_and_parquet_is_read_alike(tmp_path):
    frame = pd.DataFrame({"price": ["3,750", "39.1"] * 5, "label": list("ab") * 5})
    frame.to_parquet(tmp_path / "t.parquet")
    for read in (
        lambda **how: from_frame(frame, **how),
        lambda **how: load_dataset(f"parquet:{tmp_path / 't.parquet'}", **how),
    ):
        with pytest.raises(DataError, match='thousands=","'):
            read()
        dataset = read(options=SourceOptions(thousands=","))
        assert values(dataset) == sorted(np.float32([3750, 39.1] * 5).tolist())


def test_a_model_reads_as_its_own_data_were_read(tmp_path):
    spec = Spec((1,), "float32", ("a", "b"), feature_names=("price",))
    rows = tmp_path / "new.csv"

    def predicted(cells, **options):
        rows.write_text("price,x\n" + "".join(f'"{cell}",1\n' for cell in cells))
        (found,) = read_unlabelled(rows, spec, SourceOptions(**options))
        return found[:, 0].tolist()

    assert predicted(["3,800", "900"], decimal=",") == np.float32([3.8, 900]).tolist()
    assert predicted(["3,800", "900"], thousands=",") == [3800, 900]
    assert predicted(["12%"], marks=("%price",)) == [12]
    for cells, options, message in (
        (["0.12"], {"marks": ("%price",)}, "has % in what the model learned from"),
        (["12%"], {}, "has no such mark in what the model learned from"),
        (["3,800"], {}, 'thousands=","'),
    ):
        with pytest.raises(DataError, match=message):
            predicted(cells, **options)


def test_options_that_contradict_each_other_are_named(tmp_path):
    name = written(tmp_path, ["1", "2"] * 5)
    result = run(group, "inspect", name, "--thousands", ".")
    assert_one_line(result, 2, r"--thousands is '\.', and so is --decimal.*--decimal is ','")
    result = run(group, "inspect", name, "--comment", '"')
    assert_one_line(result, 2, "--comment must be one character, and no quote")


@pytest.mark.parametrize("decimal", [".", ","])
def test_ordinary_numbers_never_become_text(tmp_path, monkeypatch, decimal):
    """What is read by pandas' own parser stays as fast as that."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.normal(size=(50, 3)), columns=list("xyz"))
    frame = frame.assign(label=list("ab") * 25)
    frame.to_csv(tmp_path / "t.csv", index=False, decimal=decimal)

    def no_text(*_):
        raise AssertionError("read as text")

    monkeypatch.setattr("tfsoftmax.data.tables.cells.ColumnReader._of_texts", no_text)
    dataset = load_dataset(f"csv:{tmp_path / 't.csv'}", options=SourceOptions(decimal=decimal))
    assert dataset.train.features.shape == (40, 3)
