"""Texts such as 007: numbers unless somebody says more, and a note says so."""

import re

import numpy as np
import pandas as pd
import pytest

from tfsoftmax import SourceOptions, from_frame, load_dataset

N = 40
ZIPS = np.array(["100", "007", "7", "012"], object)[np.arange(N) % 4]


def frame(**more):
    return pd.DataFrame({"size": np.arange(N) / 4, "zip": ZIPS, "label": np.arange(N) % 2, **more})


@pytest.mark.parametrize("more", [{}, {"island": ["Biscoe", "Dream"] * (N // 2)}])
def test_codes_that_are_taken_for_numbers_are_pointed_out_and_the_advice_helps(more):
    (note,) = [each for each in from_frame(frame(**more)).notes.hints if "'zip'" in each]
    assert "'007' (row 1) begins with 0, and was taken for a number" in note
    advised = re.search(r'column=\["(.*?)"\]', note)[1]
    found = from_frame(frame(**more), options=SourceOptions(column=advised))
    (column,) = [each for each in found.spec.encoding.columns if each.name == "zip"]
    assert set(column.vocabulary) == {"007", "012", "100", "7"}
    assert not [each for each in found.notes.hints if "'zip'" in each]


@pytest.mark.parametrize(
    "table",
    [frame(zip=np.arange(N)), frame(zip=[str(n) for n in range(N)]), frame(zip=["0", "0.5"] * 20)],
)
def test_other_numbers_are_not_pointed_out(table):
    assert from_frame(table).notes.hints == ()


def test_nothing_is_pointed_out_where_it_is_said_that_they_are_numbers():
    assert from_frame(frame(), options=SourceOptions(column="zip=number")).notes.hints == ()


@pytest.mark.parametrize("more", [{}, {"island": ["Biscoe", "Dream"] * (N // 2)}])
def test_so_they_are_in_a_csv_file(tmp_path, more):
    path = tmp_path / "shops.csv"
    frame(**more).to_csv(path, index=False)
    (note,) = [each for each in load_dataset(f"csv:{path}").notes.hints if "'zip'" in each]
    assert "'007' (row 2) begins with 0, and was taken for a number" in note
    advised = re.search(r'column=\["(.*?)"\]', note)[1]
    found = load_dataset(f"csv:{path}", options=SourceOptions(column=advised))
    (column,) = [each for each in found.spec.encoding.columns if each.name == "zip"]
    assert set(column.vocabulary) == {"007", "012", "100", "7"}
    assert not [each for each in found.notes.hints if "'zip'" in each]


@pytest.mark.parametrize(
    "zips", [np.arange(N), [f"{n:.2f}" for n in range(N)], ["0", "0.5"] * (N // 2), [0, 1] * 20]
)
def test_other_numbers_of_a_csv_file_are_not_pointed_out(tmp_path, zips):
    path = tmp_path / "shops.csv"
    frame(zip=zips).to_csv(path, index=False)
    assert load_dataset(f"csv:{path}").notes.hints == ()
