"""A whole number that is a category is the same one, however a program writes it: 3 or 3.0."""

import numpy as np
import pandas as pd
import pytest

from tfsoftmax import DataError, SourceOptions, load_dataset
from tfsoftmax.data.encoded import cells_of_frame, features_of_cells
from tfsoftmax.data.readers.unlabelled import read_unlabelled

N = 120
LABEL = np.array(["u", "v"])[np.arange(N) % 2]


def spec_of(folder, zones):
    """What a model of a CSV file takes whose zones are these texts, again and again."""
    frame = pd.DataFrame({"zone": np.resize(zones, N), "size": np.arange(N) / 7, "label": LABEL})
    frame.to_csv(folder / "t.csv", index=False)
    options = SourceOptions(column="zone=category")
    return load_dataset(folder / "t.csv", options=options).spec


def features_of(folder, spec, zones):
    frame = pd.DataFrame({"zone": zones, "size": 1.0})
    frame.to_csv(folder / "new.csv", index=False)
    return np.vstack(list(read_unlabelled(folder / "new.csv", spec)))


@pytest.mark.parametrize(
    ("learned", "asked"),
    [
        (["3", "4", "-12"], ["3.0", "4.00", "-12.0"]),
        (["3.0", "4.0", "", "-12.0"], ["3", "4", "-12"]),
        (["3", "4", "", "-12"], ["3.0", "4.0", "-12.0"]),
        (["3", "4", "-12", "other"], ["3.0", "4.0", "-12.0"]),
    ],
)
def test_it_is_the_category_that_the_model_knows(tmp_path, learned, asked):
    spec = spec_of(tmp_path, learned)
    known = [each for each in learned if each not in ("", "other")]
    expected = features_of(tmp_path, spec, known)
    first = spec.encoding.offsets[0]
    assert not expected[:, first + 1].any()  # None is unknown.
    np.testing.assert_array_equal(features_of(tmp_path, spec, asked), expected)
    # As pandas has them beside a missing one, too.
    frame = pd.DataFrame({"zone": [3.0, 4.0, -12.0], "size": 1.0})
    cells = cells_of_frame(spec.encoding, frame)
    np.testing.assert_array_equal(features_of_cells(spec.encoding, cells), expected)


@pytest.mark.parametrize(
    ("learned", "asked"),
    [
        (["3", "3.0", "u"], "3.00"),  # Which of the two?
        (["007", "008"], "7.0"),  # Codes, no numbers.
        (["007", "008"], "7"),
        (["1.5", "2.5"], "1.50"),
        (["3", "u"], "+3"),
    ],
)
def test_what_is_ambiguous_or_no_whole_number_is_unknown(tmp_path, learned, asked):
    spec = spec_of(tmp_path, learned)
    first = spec.encoding.offsets[0]
    assert features_of(tmp_path, spec, [asked, learned[0]])[:, first + 1].tolist() == [1, 0]


def test_where_both_are_categories_each_is_its_own(tmp_path):
    spec = spec_of(tmp_path, ["3", "3.0", "u"])
    found = features_of(tmp_path, spec, ["3", "3.0"])
    assert (found[0] != found[1]).any()


def test_a_missing_one_that_no_row_missed_in_training_is_refused_with_advice(tmp_path):
    spec = spec_of(tmp_path, ["3", "4"])
    with pytest.raises(DataError, match=r"row 2, column 'zone': .* is missing, .*; fill it in$"):
        features_of(tmp_path, spec, ["3.0", None])
