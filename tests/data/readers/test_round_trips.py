"""Any table of numbers and labels, written by others in every format, is read as it was."""

import io
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pandas._libs.parsers import STR_NA_VALUES
from PIL import Image
from sklearn.datasets import dump_svmlight_file

from tfsoftmax import SourceOptions, load_dataset

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
# Without line breaks, which class names must not have, nor what stands for a missing one.
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1
).filter(lambda text: text.strip() == text and text not in STR_NA_VALUES)
WHOLE = st.integers(-(2**63), 2**63 - 1)
A_FEW = settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def tables(draw, labels, elements=FINITE, dtype=np.float32, max_columns=6):
    """Features, and a label for each row, such that every class has two rows or more."""
    names = draw(st.lists(labels, min_size=2, max_size=4, unique_by=str))
    times = draw(st.integers(2, 6))
    columns = draw(st.integers(1, max_columns))
    features = draw(arrays(dtype, (times * len(names), columns), elements=elements))
    return features, names * times


@pytest.fixture
def folder():
    """Makes a folder for each example, and removes it."""

    @contextmanager
    def made():
        place = mkdtemp()
        yield place
        shutil.rmtree(place)

    return made


def columns(features):
    """As a pandas table; names that need quotes, too."""
    names = [f'column "{place}", of {features.shape[1]}' for place in range(features.shape[1])]
    return pd.DataFrame(features, columns=names)


def check(name, features, labels, **how):
    """Every row is there once with its label: compared as bits, in the source's order."""
    dataset = load_dataset(name, options=SourceOptions(test_fraction=0.5, **how))
    spec = dataset.spec
    expected = pd.DataFrame(features.reshape(len(features), -1) + 0.0).assign(label=labels)
    found = pd.concat(
        pd.DataFrame(split.features[:] + 0.0).assign(
            label=np.array(spec.class_names, object)[split.labels]
        )
        for split in (dataset.train, dataset.test)
    )
    by = list(expected.columns)
    pd.testing.assert_frame_equal(
        found.sort_values(by, ignore_index=True),
        expected.sort_values(by, ignore_index=True),
        check_exact=True,
        check_dtype=False,
    )
    assert sorted(spec.class_names) == sorted({str(label) for label in labels})


@A_FEW
@given(table=tables(TEXTS | WHOLE.map(str)), spilled=st.booleans())
def test_csv(folder, table, spilled):
    features, labels = table
    with folder() as place:
        columns(features).assign(label=labels).to_csv(f"{place}/t.csv", index=False, quoting=2)
        how = {"memory_limit": 1} if spilled else {}
        check(f"csv:{place}/t.csv", features, labels, **how)


@A_FEW
@given(table=tables(TEXTS | WHOLE.map(str)))
def test_tsv_gzipped_without_header(folder, table):
    features, labels = table
    with folder() as place:
        path, last = f"{place}/t.tsv.gz", features.shape[1] + 1
        frame = columns(features).assign(label=labels)
        frame.to_csv(path, index=False, sep="\t", header=False, quoting=2)
        check(f"csv:{path}", features, labels, header=False, label_column=str(last))


@A_FEW
@given(table=tables(TEXTS | WHOLE | st.booleans()), size=st.integers(1, 5))
def test_parquet(folder, table, size):
    features, labels = table
    labels = list(map(str, labels)) if len(set(map(type, labels))) > 1 else labels
    with folder() as place:
        frame = columns(features).assign(label=labels)
        frame.to_parquet(f"{place}/t.parquet", row_group_size=size)
        check(f"parquet:{place}/t.parquet", features, list(map(str, labels)))


@A_FEW
@given(table=tables(WHOLE), save=st.sampled_from([np.savez, np.savez_compressed]))
def test_npz_of_whole_labels(folder, table, save):
    features, labels = table
    with folder() as place:
        save(f"{place}/t.npz", features=features, labels=np.array(labels))
        check(f"npz:{place}/t.npz", features, list(map(str, labels)))


@A_FEW
@given(table=tables(TEXTS), order=st.sampled_from("CF"))
def test_npy_of_text_labels(folder, table, order):
    features, labels = table
    with folder() as place:
        np.save(f"{place}/x.npy", np.asarray(features, order=order))
        np.save(f"{place}/y.npy", np.array(labels))
        check(f"npy:{place}", features, labels)


@A_FEW
@given(table=tables(st.integers(-(2**53) + 1, 2**53 - 1)), zero_based=st.booleans())
def test_svmlight(folder, table, zero_based):
    features, labels = table
    # The largest index is the number of columns; the first stands, so that it is told apart.
    features[0, [0, -1]] = 1
    with folder() as place:
        buffer = io.BytesIO()
        dump_svmlight_file(features.astype(float), np.array(labels), buffer, zero_based=zero_based)
        with open(f"{place}/t.svm", "wb") as file:
            file.write(buffer.getvalue())
        check(f"svmlight:{place}/t.svm", features, list(map(str, labels)))


@A_FEW
@given(table=tables(TEXTS | WHOLE), kind=st.sampled_from(["", "GZIP"]))
def test_tfrecord(folder, table, kind):
    import tensorflow as tf

    features, labels = table
    if len(set(map(type, labels))) > 1:
        labels = list(map(str, labels))
    with folder() as place:
        path = f"{place}/t.tfrecord{'.gz' if kind else ''}"
        with tf.io.TFRecordWriter(path, kind) as file:
            for row, label in zip(features, labels, strict=True):
                if isinstance(label, str):
                    named = {"bytes_list": tf.train.BytesList(value=[label.encode()])}
                else:
                    named = {"int64_list": tf.train.Int64List(value=[label])}
                message = {
                    "features": tf.train.Feature(float_list=tf.train.FloatList(value=row)),
                    "label": tf.train.Feature(**named),
                }
                example = tf.train.Example(features=tf.train.Features(feature=message))
                file.write(example.SerializeToString())
        check(f"tfrecord:{path}", features, list(map(str, labels)))


FILE_NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=9)


@A_FEW
@given(
    classes=st.lists(FILE_NAMES, min_size=2, max_size=3, unique_by=str.lower),
    shape=array_shapes(min_dims=2, max_dims=2, max_side=6),
    color=st.booleans(),
    ending=st.sampled_from(["png", "webp"]),
    data=st.data(),
)
def test_pictures(folder, classes, shape, color, ending, data):
    if {"train", "test"} == set(classes):
        return
    labels = classes * 2
    shape = (*shape, 3) if color or ending == "webp" else shape  # WebP has no gray
    pictures = data.draw(arrays(np.uint8, (len(labels), *shape)))
    with folder() as place:
        for label in classes:
            Path(place, label).mkdir()
        for number, (array, label) in enumerate(zip(pictures, labels, strict=True)):
            Image.fromarray(array).save(f"{place}/{label}/{number}.{ending}", lossless=True)
        check(f"images:{place}", pictures, labels)
