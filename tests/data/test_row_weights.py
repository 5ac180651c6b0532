"""Weights of rows: read, checked and carried with their rows."""

import numpy as np
import pytest
from support.data_files import CODES, FRAME, NUMBERS, TEXTS, N, csv

from tfsoftmax import DataError, SourceOptions, from_arrays, from_frame, load_dataset


def test_the_weight_column_goes_with_its_rows_and_is_no_feature(tmp_path):
    frame = FRAME.assign(weight=np.arange(N) / 2)
    options = SourceOptions(weight_column="weight")
    for dataset in (
        load_dataset(csv(tmp_path, frame=frame), options=options),
        load_dataset(
            csv(tmp_path, frame=frame),
            options=options.but(memory_limit=100),
            data_dir=tmp_path / "kept",
        ),
        from_frame(frame, options=options),
        from_arrays(NUMBERS, TEXTS, sample_weight=np.arange(N) / 2),
    ):
        assert dataset.spec.n_features == 3
        np.testing.assert_array_equal(dataset.train.weights, dataset.train.features[:][:, 0] / 2)
        np.testing.assert_array_equal(dataset.test.weights, dataset.test.features[:][:, 0] / 2)


def test_weights_go_with_test_rows_of_the_sources_own():
    dataset = from_arrays(NUMBERS, TEXTS, test=(NUMBERS, TEXTS), sample_weight=np.arange(N))
    np.testing.assert_array_equal(dataset.train.weights, np.arange(N))
    np.testing.assert_array_equal(dataset.test.weights, np.ones(N))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(N - 1), "a weight for each of 60 training rows, found float64 .59,."),
        (np.full(N, "1"), "a weight for each of 60"),
        (np.where(CODES, 1, -1), "row 0: a weight of -1; expected 0 or more"),
        (np.where(np.arange(N) == 4, np.nan, 1), "row 4: a weight of nan"),
    ],
)
@pytest.mark.parametrize("test", [None, (NUMBERS, TEXTS)], ids=["held out", "official"])
def test_bad_weights_are_named(weights, message, test):
    with pytest.raises(DataError, match=message):
        from_arrays(NUMBERS, TEXTS, sample_weight=weights, test=test)
