"""Parquet files: their index, their column names, their parts."""

import numpy as np
import pytest
from support.data_files import FRAME, NUMBERS, rows_of

from tfsoftmax import DataError, SourceOptions, load_dataset


def test_parquet_with_an_index_and_dots_in_its_names(tmp_path):
    frame = FRAME.rename(columns={"width": "petal.width", "height": "petal"})
    frame = frame.set_index(frame.pop("row").astype(int) ** 2)
    frame.to_parquet(tmp_path / "t.parquet")
    dataset = load_dataset(f"parquet:{tmp_path / 't.parquet'}")
    assert set(dataset.spec.feature_names) == {"row", "petal.width", "petal"}
    options = SourceOptions(features=("row", "petal.width", "petal"))
    features, _ = rows_of(load_dataset(f"parquet:{tmp_path / 't.parquet'}", options=options))
    np.testing.assert_array_equal(features, np.column_stack([NUMBERS[:, 0] ** 2, NUMBERS[:, 1:]]))


def test_a_part_is_named_where_its_label_is_missing(tmp_path):
    FRAME.to_parquet(tmp_path / "a.parquet")
    FRAME.assign(label=None).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(DataError, match="b.parquet, row 1: the label is missing"):
        load_dataset(f"parquet:{tmp_path}")
