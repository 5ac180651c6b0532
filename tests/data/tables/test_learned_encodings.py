"""What is learned of a table's columns, beside scikit-learn, from the same training rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder

from tfsoftmax import DataError, SourceOptions, from_frame, load_dataset
from tfsoftmax.data.encoded import features_of_cells

N = 400
GENERATOR = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "row": np.arange(N, dtype=float),
        "town": np.array(["Oslo", "Rome", "Riga", "Bonn"])[GENERATOR.integers(4, size=N)],
        "code": GENERATOR.zipf(1.4, size=N).clip(max=90),
        "age": GENERATOR.normal(40, 15, size=N).astype(np.float32),
        "label": np.array(["u", "v", "w"])[np.arange(N) % 3],
    }
)


def split(frame, **options):
    """A dataset, and the training and test rows of the frame, in the dataset's order."""
    dataset = from_frame(frame, options=SourceOptions(**options))
    rows = [
        frame.loc[np.asarray(part.features)[:, 0].astype(int)]
        for part in (dataset.train, dataset.test)
    ]
    return dataset, *rows


def features_of(dataset, part, name):
    encoding = dataset.spec.encoding
    index = [column.name for column in encoding.columns].index(name)
    first, end = encoding.offsets[index], encoding.offsets[index + 1]
    return np.asarray(getattr(dataset, part).features)[:, first:end], encoding.columns[index]


def test_categories_are_those_of_the_training_rows_as_one_hot_encoder_has_them():
    frame = FRAME.assign(town=FRAME["town"].mask(FRAME["row"] % 11 == 3))
    _, _, test = split(frame)
    # A town that no training row has.
    frame.loc[test.index[:3], "town"] = "Narvik"
    dataset, train, test = split(frame)
    learned = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    learned.fit(train[["town"]].dropna())
    for part, rows in (("train", train), ("test", test)):
        found, column = features_of(dataset, part, "town")
        assert column.vocabulary == tuple(learned.categories_[0])
        missing, unknown, known = found[:, 0], found[:, 1], found[:, 2:]
        np.testing.assert_array_equal(known, learned.transform(rows[["town"]]))
        np.testing.assert_array_equal(missing, rows["town"].isna())
        np.testing.assert_array_equal(unknown, rows["town"] == "Narvik")


def test_categories_of_one_training_row_are_learned_as_unknown():
    dataset, train, test = split(FRAME, column="code=category")
    learned = OneHotEncoder(
        min_frequency=2, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    learned.fit(train[["code"]])
    rare = learned.infrequent_categories_[0]
    assert len(rare) > 3
    assert (
        f"code: category of {len(learned.categories_[0]) - len(rare)}, and {len(rare)} rare"
        in str(dataset.notes.columns)
    )
    for part, rows in (("train", train), ("test", test)):
        found, column = features_of(dataset, part, "code")
        assert [int(text) for text in column.vocabulary] == sorted(
            set(learned.categories_[0]) - set(rare)
        )
        expected = learned.transform(rows[["code"]])
        np.testing.assert_array_equal(found[:, 2:], expected[:, :-1])
        np.testing.assert_array_equal(found[:, 1], expected[:, -1])


@pytest.mark.parametrize("n_ranges", [2, 7])
def test_ranges_are_quantiles_of_the_training_rows_as_k_bins_has_them(n_ranges):
    dataset, train, test = split(FRAME, buckets=f"age:{n_ranges}")
    learned = KBinsDiscretizer(
        n_ranges, encode="onehot-dense", strategy="quantile", quantile_method="linear"
    ).fit(train[["age"]].astype(float))
    for part, rows in (("train", train), ("test", test)):
        found, column = features_of(dataset, part, "age")
        np.testing.assert_allclose(column.boundaries, learned.bin_edges_[0][1:-1], rtol=1e-6)
        expected = learned.transform(rows[["age"]].astype(float))
        # A number that is a boundary of theirs may be beside one of ours, which is float32.
        assert (found[:, 1:] != expected).any(axis=1).sum() <= 2
        assert not found[:, 0].any()


def test_ranges_of_few_values_and_of_missing_ones():
    frame = FRAME.assign(
        age=np.where(FRAME["row"] % 5 < 3, 1.0, np.where(FRAME["row"] % 5 < 4, 2, np.nan))
    )
    frame.loc[N - 1, "age"] = 3.0
    dataset, train, _ = split(frame, buckets="age:4")
    found, column = features_of(dataset, "train", "age")
    assert column.boundaries == (2.0,)
    np.testing.assert_array_equal(found[:, 0], train["age"].isna())
    np.testing.assert_array_equal(found[:, 2], train["age"] >= 2)
    said = split(frame, buckets="age:1.5,2.5")[0]
    assert features_of(said, "train", "age")[1].boundaries == (1.5, 2.5)
    for nothing, message in ((np.nan, "no value in the training rows"), (7.0, "have one value, 7")):
        with pytest.raises(DataError, match=message):
            split(frame.assign(age=nothing), buckets="age:4")


def test_what_is_learned_depends_on_the_share_that_is_held_out(tmp_path):
    frame = FRAME.assign(code=[f"c{code}" for code in FRAME["code"]])
    frame.to_csv(tmp_path / "t.csv", index=False)
    found = {}
    for fraction in (0.2, 0.5):
        # Beyond the memory limit, so that rows are kept and found again.
        options = SourceOptions(test_fraction=fraction, memory_limit=1000)
        first, again = (
            load_dataset(tmp_path / "t.csv", data_dir=tmp_path / "data", options=options)
            for _ in range(2)
        )
        direct, train, _ = split(frame, test_fraction=fraction)
        assert first.spec == again.spec == direct.spec
        assert first.notes == again.notes
        np.testing.assert_array_equal(again.train.features[:], direct.train.features[:])
        for name, cells in direct.train.raw.items():
            np.testing.assert_array_equal(first.train.raw[name], cells)
            np.testing.assert_array_equal(again.train.raw[name], cells)
            assert again.train.raw[name].dtype == cells.dtype
        counts = train["code"].value_counts()
        found[fraction] = features_of(direct, "train", "code")[1].vocabulary
        assert found[fraction] == tuple(sorted(counts[counts > 1].index))
    assert found[0.2] != found[0.5]


def test_the_split_and_what_is_learned_leave_out_rows_that_cannot_be_used(tmp_path):
    frame = FRAME.astype({"age": object})
    frame.loc[5, "age"] = "old"
    frame.loc[9, "label"] = None
    frame.loc[[5, 9], "town"] = "Narvik"
    frame.to_csv(tmp_path / "t.csv", index=False)
    dataset = load_dataset(tmp_path / "t.csv", options=SourceOptions(bad_rows="skip"))
    rest, _, _ = split(FRAME.drop([5, 9]))
    assert [each.rows for each in dataset.notes.skipped] == [1, 1]
    assert dataset.spec == rest.spec
    np.testing.assert_array_equal(dataset.train.features, rest.train.features)
    np.testing.assert_array_equal(dataset.test.labels, rest.test.labels)


def test_raw_rows_are_spread_over_the_table_and_become_its_features():
    n = 5000
    frame = pd.DataFrame(
        {
            "row": np.arange(n, dtype=np.float32),
            "town": np.array(["Oslo", "Rome"])[np.arange(n) % 2],
            "label": np.array(["u", "v"])[np.arange(n) % 2],
        }
    )
    frame.loc[::3, "town"] = "a" * 20_000  # too long to be kept
    dataset = from_frame(frame, options=SourceOptions(column="town=text:16"))
    raw = dataset.test.raw
    assert 500 < len(raw["row"]) <= 1000
    assert (raw["row"] % 3 != 0).all()
    assert np.diff(raw["row"]).min() > 0
    assert raw["row"][-1] - raw["row"][0] > 0.95 * n
    np.testing.assert_array_equal(raw["town"], frame["town"][raw["row"].astype(int)])
    rows = {int(row[0]): row for part in (dataset.train, dataset.test) for row in part.features}
    expected = [rows[int(row)] for row in raw["row"]]
    np.testing.assert_array_equal(features_of_cells(dataset.spec.encoding, raw), expected)


def test_a_model_is_measured_on_rows_as_it_encodes_them(tmp_path):
    """Neither kinds nor categories are found again, and columns are found by name."""
    spec = split(FRAME, column="code=category")[0].spec
    other = FRAME.iloc[::-1].assign(
        town=["Paris", *FRAME["town"][1:]],
        code="7",
        extra="x",
        age=np.where(FRAME["row"] < 9, None, 1.5),
    )
    other[["label", "extra", "age", "code", "town", "row"]].to_csv(tmp_path / "t.csv", index=False)
    dataset = load_dataset(tmp_path / "t.csv", model=spec)
    assert dataset.spec == spec
    rows = {int(row[0]): row for part in (dataset.train, dataset.test) for row in part.features}
    cells = {
        "row": other["row"].to_numpy(np.float32),
        "town": other["town"].to_numpy(object),
        "code": np.full(N, 7, np.int64),
        "age": other["age"].to_numpy(np.float32),
    }
    expected = features_of_cells(spec.encoding, cells)
    np.testing.assert_array_equal([rows[int(row[0])] for row in expected], expected)
    other.drop(columns="town").to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match="no column 'town'"):
        load_dataset(tmp_path / "t.csv", model=spec)
    other.assign(code="seven").to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match="row 1, column 'code': 'seven' is not a whole number"):
        load_dataset(tmp_path / "t.csv", model=spec)
