"""Which columns of a table are features, and of what types."""

from decimal import Decimal

import numpy as np
import pandas as pd
from support.data_files import FRAME, WHOLE, N, csv, rows_of

from tfsoftmax import SourceOptions, from_frame, load_dataset


def test_features_are_chosen_ordered_and_dropped(tmp_path):
    def read(**how):
        dataset = load_dataset(csv(tmp_path), options=SourceOptions(**how))
        return dataset.spec.feature_names, dataset.train.features

    usual = read()
    assert usual[0] == ("row", "width", "height")
    names, features = read(features=("height", "row"))
    assert names == ("height", "row")
    np.testing.assert_array_equal(features, usual[1][:, [2, 0]])
    names, features = read(drop=("width",))
    assert names == ("row", "height")
    np.testing.assert_array_equal(features, usual[1][:, [0, 2]])
    assert read(drop=("width",), features=("width", "row"))[0] == ("row",)


def test_a_dropped_column_is_not_taken_for_the_label(tmp_path):
    frame = FRAME.assign(target=WHOLE)
    dataset = load_dataset(csv(tmp_path, frame=frame), options=SourceOptions(drop=("label",)))
    assert dataset.spec.class_names == ("-1", "7", "300")


def test_columns_of_every_type_that_has_numbers(tmp_path):
    """Booleans, words for them, decimals, nullable and categorical numbers, texts of numbers."""
    truth = np.arange(N) % 2 == 0
    frame = FRAME.assign(
        bools=truth,
        words=np.where(truth, " Yes", "no"),
        decimals=[Decimal(f"{n}.25") for n in range(N)],
        nullable=pd.array(range(N), "Int16"),
        categories=pd.Categorical(np.arange(N) % 5),
        texts=[f" {n}e1" for n in range(N)],
        wide=np.arange(N, dtype=np.uint64) * 2**41 + 2**63,
    )
    expected = np.column_stack(
        [truth, truth, np.arange(N) + 0.25, np.arange(N), np.arange(N) % 5, np.arange(N) * 10.0]
    )
    frame.to_parquet(tmp_path / "t.parquet")
    for dataset in (
        load_dataset(f"parquet:{tmp_path / 't.parquet'}"),
        load_dataset(csv(tmp_path, frame=frame)),
        from_frame(frame),
    ):
        features = rows_of(dataset)[0]
        np.testing.assert_array_equal(features[:, 3:-1], expected)
        np.testing.assert_array_equal(features[:, -1], 2.0**63 + np.arange(N) * 2.0**41)
