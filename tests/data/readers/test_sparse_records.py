"""TFRecords of ids and values, as TensorFlow itself reads them with ``tf.io.SparseFeature``."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from support.data_files import records, rows_of

from tfsoftmax import DataError, Recipe, SourceOptions, evaluate, fit, load_dataset
from tfsoftmax.data.sparse_rows import SparseFeatures


def click(label, ids, values, names=("ids", "values")):
    """A record; a feature of no values is left out, as TensorFlow may write it."""
    lists = zip(names, (list(map(int, ids)), list(map(float, values))), strict=True)
    return {**{name: values for name, values in lists if values}, "label": [label]}


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    width=st.sampled_from([5, 700]),
    limit=st.sampled_from([2**10, 2**30]),
    names=st.sampled_from([("ids", "values"), ("user:id", "weight")]),
)
def test_rows_are_as_tensorflow_reads_them(tmp_path_factory, seed, width, limit, names):
    folder = tmp_path_factory.mktemp("clicks")
    generator = np.random.default_rng(seed)
    written = []
    for row in range(30):
        ids = np.sort(generator.choice(width, generator.integers(0, 5), replace=False))
        written.append(click(row % 3, ids, generator.normal(size=len(ids)), names))
    name = records(folder / "clicks.tfrecord", written)
    feature = tf.io.SparseFeature(*names, tf.float32, width)
    raw = list(tf.data.TFRecordDataset(name.removeprefix("tfrecord:")).as_numpy_iterator())
    expected = tf.sparse.to_dense(tf.io.parse_example(raw, {"x": feature})["x"]).numpy()
    options = SourceOptions(n_features=width, memory_limit=limit)
    if names != ("ids", "values"):
        options = options.but(features=(":".join(names),))
    dataset = load_dataset(name, data_dir=folder / "kept", options=options)
    assert isinstance(dataset.train.features, SparseFeatures) == (width > 512)
    found, labels = rows_of(dataset)
    pairs = [
        sorted((int(label), *map(float, row)) for row, label in zip(*both, strict=True))
        for both in ((found, labels), (expected, np.arange(30) % 3))
    ]
    assert pairs[0] == pairs[1]
    again = load_dataset(name, data_dir=folder / "kept", options=options)
    assert again.sha256() == dataset.sha256()


def test_features_are_counted_and_ids_of_one_place_added_up(tmp_path):
    written = [click(n % 2, [n, 900, 900], [1, 2, 0.5]) for n in range(20)]
    name = records(tmp_path / "t.tfrecord", written)
    dataset = load_dataset(name)
    assert dataset.spec.n_features == 901
    assert set(np.asarray(dataset.train.features)[:, 900]) == {2.5}
    model = fit(dataset, Recipe(epochs=2, l2=0.01)).model
    # Other records lack the last features, and are measured all the same.
    other = records(tmp_path / "other.tfrecord", [click(n % 2, [n], [1]) for n in range(20)])
    measured = load_dataset(other, model=dataset.spec)
    assert measured.spec.n_features == 901
    assert 0 <= evaluate(model, measured.test).accuracy <= 1


GOOD = [click(n % 2, [n], [1]) for n in range(20)]


@pytest.mark.parametrize(
    ("bad", "options", "message"),
    [
        (click(1, [3], [1, 2]), {}, "record 6: 1 ids in 'ids' but 2 values in 'values'"),
        (click(1, [], [1]), {}, "record 6: 0 ids in 'ids' but 1 values"),
        (click(1, [-3], [1]), {}, "record 6: an id of -3 in 'ids'; expected 0 to 2,147,483,646"),
        (click(1, [2**40], [1]), {}, "record 6: an id of 1099511627776 in 'ids'"),
        (click(1, [50], [1]), {"n_features": 50}, "record 6: an id of 50 .* expected 0 to 49"),
        (click(1, [2**30], [1]), {}, "record 6: its largest index makes 1,073,741,825 features"),
        (click(1, [5], [float("nan")]), {}, "record 6, feature 5: the value is missing"),
        (click(1, [5], [float("inf")]), {}, "record 6, feature 5: the value is infinite"),
        ({"ids": [b"x"], "values": [1.0], "label": [1]}, {}, "record 6: 'ids' is bytes, expected"),
        ({"ids": [1], "values": [b"x"], "label": [1]}, {}, "'values' is bytes, expected float"),
        ({"ids": [1], "values": [1.0]}, {}, "record 6: no feature 'label'"),
        ({}, {"features": ("ids:weights",)}, "record 1: no feature 'weights'; there are 'ids'"),
    ],
)
def test_bad_records_are_one_error_and_can_be_left_out(tmp_path, bad, options, message):
    name = records(tmp_path / "t.tfrecord", [*GOOD[:5], bad, *GOOD[5:]])
    with pytest.raises(DataError, match=message) as caught:
        load_dataset(name, options=SourceOptions(**options))
    assert "\n" not in str(caught.value)
    if bad and "largest" not in message:
        dataset = load_dataset(name, options=SourceOptions(**options, bad_rows="skip"))
        assert dataset.notes.skipped[0].rows == 1
        assert len(dataset.train) + len(dataset.test) == 20
