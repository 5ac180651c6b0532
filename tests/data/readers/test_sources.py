"""Every kind of source gives what was written, as pandas, scikit-learn and Pillow have it."""

import gzip
import io
import os
import re
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import dump_svmlight_file
from sklearn.model_selection import train_test_split

from tfsoftmax import (
    RECIPES,
    DataError,
    Dataset,
    SourceOptions,
    Spec,
    Split,
    fit,
    from_arrays,
    from_frame,
    from_tf_data,
    load_dataset,
)
from tfsoftmax.data.duplicates import shared_rows
from tfsoftmax.data.features import ChosenRows
from tfsoftmax.data.readers.unlabelled import is_table, read_unlabelled
from tfsoftmax.data.source import Source

N = 60
GENERATOR = np.random.default_rng(0)
# The first column tells rows apart, wherever a split puts them.
FRAME = pd.DataFrame(
    {
        "row": np.arange(N, dtype=np.float32),
        "width": GENERATOR.normal(size=N).astype(np.float32),
        "height": GENERATOR.integers(-50, 50, size=N).astype(np.float32),
        "label": np.array(["rosé", "blanc", "rouge, vieux"])[np.arange(N) % 3],
    }
)
NUMBERS = np.ascontiguousarray(FRAME[["row", "width", "height"]])
CODES = np.arange(N) % 3
# Where labels are whole numbers.
WHOLE = np.array(["7", "-1", "300"])[CODES]


def rows_of(dataset):
    """Features of all rows and the names of their classes, by the first column."""
    splits = (dataset.train, dataset.test)
    features = np.concatenate([split.features[:] for split in splits])
    labels = np.concatenate([split.labels for split in splits])
    order = np.argsort(features[:, 0], kind="stable")
    return features[order], np.array(dataset.spec.class_names)[labels[order]]


def csv(folder, name="table.csv", frame=FRAME, content=lambda text: text.encode(), **how):
    (folder / name).write_bytes(content(frame.to_csv(index=False, **how)))
    return f"csv:{folder / name}"


def parquet_parts(folder):
    for part, start in enumerate(range(0, N, 25)):
        FRAME[start : start + 25].to_parquet(folder / f"part-{part}.parquet")
    return f"parquet:{folder}"


def npz(folder, save=np.savez, **arrays):
    save(folder / "arrays.npz", **arrays)
    return f"npz:{folder / 'arrays.npz'}"


def npy(folder, **arrays):
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return f"npy:{folder}"


def svmlight(folder, name="rows.svm", pack=lambda content: content):
    buffer = io.BytesIO()
    dump_svmlight_file(NUMBERS, WHOLE.astype(int), buffer, zero_based=False)
    (folder / name).write_bytes(pack(buffer.getvalue()))
    return f"svmlight:{folder / name}"


def tfrecord(folder, parts=1, kind=""):
    import tensorflow as tf

    def feature(value):
        if isinstance(value, str):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
        return tf.train.Feature(float_list=tf.train.FloatList(value=value))

    for part in range(parts):
        path = folder / f"part-{part}.tfrecord{'.gz' if kind else ''}"
        with tf.io.TFRecordWriter(str(path), kind) as file:
            for place in range(part * N // parts, (part + 1) * N // parts):
                features = {"features": NUMBERS[place], "label": FRAME["label"][place]}
                message = {name: feature(value) for name, value in features.items()}
                example = tf.train.Example(features=tf.train.Features(feature=message))
                file.write(example.SerializeToString())
    return f"tfrecord:{folder if parts > 1 else path}"


TEXTS, FLAT = FRAME["label"].to_numpy(), {"features": NUMBERS, "labels": CODES}
DOORS = {
    # what it is: (what writes it and gives its name, the labels, how to read it)
    "csv": (csv, TEXTS, {}),
    "csv, gzipped": (
        lambda folder: csv(folder, "t.csv.gz", content=lambda text: gzip.compress(text.encode())),
        TEXTS,
        {},
    ),
    "csv, gzipped without saying so": (
        lambda folder: csv(folder, content=lambda text: gzip.compress(text.encode())),
        TEXTS,
        {},
    ),
    "csv, semicolons": (lambda folder: csv(folder, sep=";"), TEXTS, {"delimiter": ";"}),
    "csv, blanks": (lambda folder: csv(folder, sep=" "), TEXTS, {"delimiter": " "}),
    "tsv": (lambda folder: csv(folder, "table.tsv", sep="\t"), TEXTS, {}),
    "tsv, gzipped": (
        lambda folder: csv(
            folder, "t.tsv.gz", content=lambda text: gzip.compress(text.encode()), sep="\t"
        ),
        TEXTS,
        {},
    ),
    "csv, latin-1": (
        lambda folder: csv(folder, content=lambda text: text.encode("latin-1")),
        TEXTS,
        {"encoding": "latin-1"},
    ),
    "csv, UTF-16": (
        lambda folder: csv(folder, content=lambda text: text.encode("utf-16")),
        TEXTS,
        {"encoding": "utf-16"},
    ),
    "csv, a byte order mark": (
        lambda folder: csv(folder, content=lambda text: text.encode("utf-8-sig")),
        TEXTS,
        {},
    ),
    "csv, UTF8 and a mark": (
        lambda folder: csv(folder, content=lambda text: text.encode("utf-8-sig")),
        TEXTS,
        {"encoding": "UTF8"},
    ),
    "csv, CRLF": (lambda folder: csv(folder, lineterminator="\r\n"), TEXTS, {}),
    "csv, CR": (lambda folder: csv(folder, lineterminator="\r"), TEXTS, {}),
    "csv, all quoted": (lambda folder: csv(folder, quoting=1), TEXTS, {}),
    "csv, blank lines": (
        lambda folder: csv(folder, content=lambda text: text.replace("\n", "\n\n").encode()),
        TEXTS,
        {},
    ),
    "csv, blank lines before": (
        lambda folder: csv(folder, content=lambda text: ("\n\n" + text).encode()),
        TEXTS,
        {},
    ),
    "csv, no end of line at the end": (
        lambda folder: csv(folder, content=lambda text: text.rstrip().encode()),
        TEXTS,
        {},
    ),
    "csv, blanks after commas": (
        lambda folder: csv(folder, content=lambda text: re.sub(",(?! )", ", ", text).encode()),
        TEXTS,
        {},
    ),
    "csv, no header": (
        lambda folder: csv(folder, header=False),
        TEXTS,
        {"header": False, "label_column": "4"},
    ),
    "parquet": (
        lambda folder: FRAME.to_parquet(folder / "t.parquet") or f"parquet:{folder / 't.parquet'}",
        TEXTS,
        {},
    ),
    "parquet, parts": (parquet_parts, TEXTS, {}),
    "npz": (lambda folder: npz(folder, **FLAT), CODES, {}),
    "npz, compressed": (lambda folder: npz(folder, np.savez_compressed, **FLAT), CODES, {}),
    "npz, X and y": (lambda folder: npz(folder, X=NUMBERS, y=TEXTS.astype(str)), TEXTS, {}),
    "npz, data and target": (lambda folder: npz(folder, data=NUMBERS, target=CODES), CODES, {}),
    "npz, float64": (
        lambda folder: npz(folder, features=NUMBERS.astype(np.float64), labels=CODES * 1.0),
        CODES,
        {},
    ),
    "npz, big endian": (
        lambda folder: npz(folder, features=NUMBERS.astype(">f4"), labels=CODES.astype(">i8")),
        CODES,
        {},
    ),
    "npz, Fortran's order": (
        lambda folder: npz(folder, features=np.asfortranarray(NUMBERS), labels=CODES),
        CODES,
        {},
    ),
    "npz, Fortran's order, compressed": (
        lambda folder: npz(
            folder, np.savez_compressed, features=np.asfortranarray(NUMBERS), labels=CODES
        ),
        CODES,
        {},
    ),
    "npz, bytes": (lambda folder: npz(folder, x=NUMBERS, y=WHOLE.astype("S")), WHOLE, {}),
    "npy": (lambda folder: npy(folder, **FLAT), CODES, {}),
    "npy, big endian": (lambda folder: npy(folder, x=NUMBERS.astype(">f4"), y=CODES), CODES, {}),
    "npy, Fortran's order": (
        lambda folder: npy(folder, features=np.asfortranarray(NUMBERS), labels=CODES),
        CODES,
        {},
    ),
    "npy, one file": (
        lambda folder: npy(folder, x=NUMBERS, y=CODES) + "/x.npy",
        CODES,
        {},
    ),
    "svmlight": (svmlight, WHOLE, {}),
    "svmlight, gzipped": (lambda folder: svmlight(folder, "r.gz", gzip.compress), WHOLE, {}),
    "tfrecord": (tfrecord, TEXTS, {}),
    "tfrecord, gzipped": (lambda folder: tfrecord(folder, kind="GZIP"), TEXTS, {}),
    "tfrecord, parts": (lambda folder: tfrecord(folder, parts=3), TEXTS, {}),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("memory_limit", [2**30, 400], ids=["in memory", "spilled"])
def test_what_was_written_is_read(tmp_path, door, memory_limit):
    write, labels, how = DOORS[door]
    place = tmp_path / "data"
    place.mkdir()
    name = write(place)
    if "compressed" in door or "svmlight" in door:
        memory_limit *= 10  # they must fit
    options = SourceOptions(**how, memory_limit=memory_limit)
    dataset = load_dataset(name, data_dir=tmp_path / "kept", options=options)
    features, names = rows_of(dataset)
    np.testing.assert_array_equal(features, NUMBERS)
    np.testing.assert_array_equal(names, np.asarray(labels).astype(str))
    assert dataset.spec.example_shape == (3,)
    assert dataset.spec.dtype == "float32"
    assert dataset.name == name


@pytest.mark.parametrize("fraction", [0.2, 0.5])
def test_held_out_rows_are_those_scikit_learn_draws(tmp_path, fraction):
    options = SourceOptions(test_fraction=fraction)
    dataset = load_dataset(csv(tmp_path), options=options)
    by_name = np.unique(TEXTS, return_inverse=True)[1]
    _, held = train_test_split(np.arange(N), test_size=fraction, random_state=0, stratify=by_name)
    np.testing.assert_array_equal(dataset.test.features[:, 0], np.sort(held))
    assert set(np.bincount(dataset.test.labels)) == {N * fraction / 3}


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


LABELS = {
    "texts": (["b", "a", "ü c"], ("a", "b", "ü c")),
    "sparse whole numbers": ([1000, 7, 30], ("7", "30", "1000")),
    "negative whole numbers": ([-10, -2, 0], ("-10", "-2", "0")),
    "booleans": ([True, False, True], ("False", "True")),
    "whole numbers with a point": ([2.0, -1.0, 10.0], ("-1", "2", "10")),
    "objects": ([b"b", "a", 3], ("3", "a", "b")),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_any_kind_come_back_from_predict(kind):
    values, names = LABELS[kind]
    objects = kind == "objects"
    labels = np.array(values, object if objects else None)[CODES]
    rows = np.eye(3, dtype=np.float32)[CODES] * 5
    if kind == "booleans":
        rows = np.eye(3, dtype=np.float32)[labels.astype(int)] * 5
    dataset = from_arrays(rows, labels)
    assert dataset.spec.class_names == names
    model, _ = fit(dataset, RECIPES["default"].but(epochs=20, xla=False))
    spelt = {b"b": "b"} if objects else {}
    if kind == "whole numbers with a point":
        labels = labels.astype(int)
    expected = [spelt.get(label, str(label)) for label in labels.tolist()]
    np.testing.assert_array_equal(model.predict(rows), expected)


@pytest.mark.parametrize("order", "<>")
def test_labels_of_what_is_no_character_are_named(tmp_path, order):
    numbers = np.full(N, ord("x"), f"{order}u4")
    numbers[7] = 0x110000
    with pytest.raises(DataError, match="row 7: the label is damaged"):
        load_dataset(npz(tmp_path, features=NUMBERS, labels=numbers.view(f"{order}U1")))
    with pytest.raises(DataError, match="row 1: the label is damaged"):
        from_arrays(NUMBERS, ["x", "\ud800", *TEXTS[2:]])


def test_nullable_and_categorical_labels(tmp_path):
    for column, names in (
        (pd.array([5, -1, 40], "Int64")[CODES], ("-1", "5", "40")),
        (pd.array([True, False, True], "boolean")[CODES], ("False", "True")),
        (pd.Categorical(["b", "a", "c"])[CODES], ("a", "b", "c")),
    ):
        frame = FRAME.assign(label=column)
        frame.to_parquet(tmp_path / "t.parquet")
        found = load_dataset(f"parquet:{tmp_path / 't.parquet'}")
        assert found.spec.class_names == from_frame(frame).spec.class_names == names
        np.testing.assert_array_equal(rows_of(found)[1], column.astype(str))


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


def test_parquet_with_an_index_and_dots_in_its_names(tmp_path):
    frame = FRAME.rename(columns={"width": "petal.width", "height": "petal"})
    frame = frame.set_index(frame.pop("row").astype(int) ** 2)
    frame.to_parquet(tmp_path / "t.parquet")
    dataset = load_dataset(f"parquet:{tmp_path / 't.parquet'}")
    assert set(dataset.spec.feature_names) == {"row", "petal.width", "petal"}
    options = SourceOptions(features=("row", "petal.width", "petal"))
    features, _ = rows_of(load_dataset(f"parquet:{tmp_path / 't.parquet'}", options=options))
    np.testing.assert_array_equal(features, np.column_stack([NUMBERS[:, 0] ** 2, NUMBERS[:, 1:]]))


def test_test_rows_of_the_sources_own_are_taken(tmp_path):
    arrays = {
        "x_train": NUMBERS[:50],
        "y_train": TEXTS[:50].astype(str),
        "x_test": NUMBERS[50:],
        "y_test": TEXTS[50:].astype(str),
    }
    for kind, write in (("npz", npz), ("npy", npy)):
        folder = tmp_path / kind
        folder.mkdir()
        dataset = load_dataset(write(folder, **arrays))
        np.testing.assert_array_equal(dataset.train.features[:], NUMBERS[:50])
        np.testing.assert_array_equal(dataset.test.features[:], NUMBERS[50:])
        names = np.array(dataset.spec.class_names)
        np.testing.assert_array_equal(names[dataset.test.labels], TEXTS[50:])


def test_missing_values_are_the_training_rows_mean_for_the_model(tmp_path):
    numbers = NUMBERS.copy()
    numbers[::4, 1] = np.nan
    frame = FRAME.assign(width=numbers[:, 1])
    options = SourceOptions(missing="mean")
    path = tmp_path / "frame"
    path.mkdir()
    frame.to_parquet(path / "t.parquet")
    for dataset in (
        load_dataset(csv(tmp_path, frame=frame), options=options),
        load_dataset(f"parquet:{path}", options=options),
        load_dataset(npz(tmp_path, features=numbers, labels=TEXTS.astype(str)), options=options),
        load_dataset(
            csv(tmp_path, frame=frame),
            options=options.but(memory_limit=100),
            data_dir=tmp_path / "kept",
        ),
        from_frame(frame, options=options),
    ):
        assert dataset.spec.missing
        np.testing.assert_array_equal(rows_of(dataset)[0], numbers)
    model, _ = fit(dataset, RECIPES["default"].but(epochs=2, xla=False))
    filled = numbers.copy()
    filled[::4, 1] = np.nanmean(dataset.train.features[:, 1], dtype=np.float64)
    np.testing.assert_allclose(model.logits(numbers), model.logits(filled), rtol=1e-5, atol=1e-6)
    with pytest.raises(DataError, match="row 1, column 'width': the value is missing"):
        load_dataset(csv(tmp_path, frame=frame))


def test_missing_values_of_sparse_rows(tmp_path):
    path = tmp_path / "rows.svm"
    path.write_text("".join(f"{n % 2} 1:{n} 2:{'nan' if n == 3 else n}\n" for n in range(10)))
    dataset = load_dataset(f"svmlight:{path}", options=SourceOptions(missing="mean"))
    assert np.argwhere(np.isnan(rows_of(dataset)[0])).tolist() == [[3, 1]]


def test_sparse_rows_are_as_scikit_learn_reads_them(tmp_path):
    from sklearn.datasets import load_svmlight_file

    path = tmp_path / "rows.svm"
    path.write_text("".join(f"{n % 2} qid:1 1:{n} {n % 7 + 2}:1.5 # note\n" for n in range(30)))
    expected, labels = load_svmlight_file(str(path))
    features, names = rows_of(load_dataset(f"svmlight:{path}"))
    np.testing.assert_array_equal(features, expected.toarray())
    np.testing.assert_array_equal(names, labels.astype(int).astype(str))


def pictures(folder, arrays, endings=(".png", ".PNG")):
    for place, (label, array) in enumerate(arrays):
        path = folder / label / f"{place:03}{endings[place % len(endings)]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
    return f"images:{folder}"


def drawn(n_samples, shape, seed=0):
    """Pictures that their first pixel tells apart."""
    arrays = np.random.default_rng(seed).integers(256, size=(n_samples, *shape)).astype(np.uint8)
    arrays.reshape(n_samples, -1)[:, 0] = np.arange(n_samples)
    return arrays


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3)], ids=["gray", "rgb"])
@pytest.mark.parametrize("memory_limit", [2**30, 500], ids=["in memory", "spilled"])
def test_pictures_are_as_pillow_reads_them(tmp_path, shape, memory_limit):
    arrays = drawn(20, shape)
    name = pictures(
        tmp_path / "in", [("cat dog"[4 * (n % 2) :][:3], a) for n, a in enumerate(arrays)]
    )
    (tmp_path / "in" / "cat" / "notes.txt").write_text("left out")
    options = SourceOptions(memory_limit=memory_limit)
    dataset = load_dataset(name, options=options, data_dir=tmp_path / "kept")
    features, names = rows_of(dataset)
    np.testing.assert_array_equal(features.reshape(arrays.shape), arrays)
    np.testing.assert_array_equal(names, ["cat", "dog"] * 10)
    assert dataset.spec == Spec(shape, "uint8", ("cat", "dog"), (0, 255))


def test_pictures_of_several_sizes_and_colors(tmp_path):
    arrays = [np.full((n + 2, 3), 10 * n, np.uint8) for n in range(10)]
    arrays[9] = np.full((4, 4, 3), (90, 0, 0), np.uint8)
    name = pictures(tmp_path, [(str(n % 2), array) for n, array in enumerate(arrays)])
    dataset = load_dataset(name, options=SourceOptions(image_size=(2, 6)))
    assert dataset.spec.example_shape == (2, 6, 3)
    features, names = rows_of(dataset)
    np.testing.assert_array_equal(features[:9], np.repeat(np.arange(9) * 10, 36).reshape(9, 36))
    np.testing.assert_array_equal(features[9], [90, 0, 0] * 12)
    np.testing.assert_array_equal(names, ["0", "1"] * 5)
    gray = load_dataset(name, options=SourceOptions(image_size=(2, 6), color="gray"))
    assert gray.spec.example_shape == (2, 6)


def test_pictures_lying_on_their_side_are_turned_up(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    array = np.zeros((4, 6), np.uint8)
    array[0] = 200
    for n in range(8):
        path = tmp_path / str(n % 2) / f"{n}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(array).save(path, exif=exif)
    dataset = load_dataset(f"images:{tmp_path}")
    assert dataset.spec.example_shape == (6, 4)
    np.testing.assert_array_equal(dataset.train.features[0].reshape(6, 4), np.rot90(array, -1))


def test_folders_called_train_and_test_are_what_they_say(tmp_path):
    arrays = drawn(12, (3, 3))
    name = pictures(
        tmp_path, [(f"{'test' if n >= 8 else 'train'}/{n % 2}", a) for n, a in enumerate(arrays)]
    )
    dataset = load_dataset(name)
    for split, expected in ((dataset.train, arrays[:8]), (dataset.test, arrays[8:])):
        order = np.argsort(split.features[:, 0])
        np.testing.assert_array_equal(split.features[order], expected.reshape(-1, 9))
        np.testing.assert_array_equal(split.labels[order], np.arange(len(expected)) % 2)


def test_train_and_test_can_be_classes_too(tmp_path):
    arrays = drawn(12, (3, 3))
    name = pictures(tmp_path, [(("train", "test")[n % 2], a) for n, a in enumerate(arrays)])
    assert load_dataset(name).spec.class_names == ("test", "train")


def records(path, examples):
    import tensorflow as tf

    kinds = {
        bytes: lambda values: tf.train.Feature(bytes_list=tf.train.BytesList(value=values)),
        int: lambda values: tf.train.Feature(int64_list=tf.train.Int64List(value=values)),
        float: lambda values: tf.train.Feature(float_list=tf.train.FloatList(value=values)),
    }
    with tf.io.TFRecordWriter(str(path)) as file:
        for example in examples:
            features = {name: kinds[type(values[0])](values) for name, values in example.items()}
            message = tf.train.Example(features=tf.train.Features(feature=features))
            file.write(message.SerializeToString())
    return f"tfrecord:{path}"


def encoded(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "png")
    return buffer.getvalue()


def test_records_of_pictures_bytes_whole_numbers_and_several_features(tmp_path):
    arrays = drawn(20, (3, 4))
    name = records(
        tmp_path / "t.tfrecord",
        [
            {
                "image": [encoded(array)],
                "raw": [array.tobytes()],
                "whole": array.ravel().tolist(),
                "first": [float(array[0, 0])],
                "last": [float(array[-1, -1])],
                "label": [n % 2 * 10],
            }
            for n, array in enumerate(arrays)
        ],
    )
    flat = arrays.reshape(20, 12)
    for features, shape, dtype, expected in (
        (None, (3, 4), "uint8", flat),
        (("raw",), (12,), "uint8", flat),
        (("whole",), (12,), "float32", flat),
        (("first", "last"), (2,), "float32", flat[:, [0, -1]]),
    ):
        dataset = load_dataset(name, options=SourceOptions(features=features))
        assert (dataset.spec.example_shape, dataset.spec.dtype) == (shape, dtype)
        found, names = rows_of(dataset)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(names, ["0", "10"] * 10)
    assert dataset.spec.feature_names == ("first", "last")


def test_records_whose_pictures_differ_are_not_scaled_without_a_word(tmp_path):
    def name(*arrays):
        arrays = [*arrays] * 3
        examples = [{"image": [encoded(a)], "label": [n % 2]} for n, a in enumerate(arrays)]
        return records(tmp_path / "t.tfrecord", examples)

    gray, large = np.zeros((3, 4), np.uint8), np.zeros((6, 8), np.uint8)
    color = np.zeros((3, 4, 3), np.uint8)
    with pytest.raises(DataError, match="record 2: a picture of 6x8, expected 3x4 as in record 1"):
        load_dataset(name(gray, large))
    with pytest.raises(DataError, match="record 2: a picture in color, expected gray"):
        load_dataset(name(gray, color))
    options = SourceOptions(image_size=(2, 2), color="rgb")
    assert load_dataset(name(gray, large), options=options).spec.example_shape == (2, 2, 3)
    assert load_dataset(name(color, gray)).spec.example_shape == (3, 4, 3)


def test_pixels_that_are_not_mapped_to_255_have_their_own_range(tmp_path):
    sixteen = np.tile(np.arange(17, dtype=np.uint8), (N, 4)).reshape(N, 4, 17)
    assert load_dataset(npz(tmp_path, x=sixteen, y=CODES)).spec.value_range == (0, 16)
    assert load_dataset(npz(tmp_path, x=sixteen * 15, y=CODES)).spec.value_range == (0, 255)
    assert load_dataset(npz(tmp_path, x=sixteen[:, 0], y=CODES)).spec.value_range is None


SPILLED = {door: DOORS[door] for door in ("csv", "parquet, parts", "npz, float64", "tfrecord")}


@pytest.mark.parametrize("door", SPILLED)
def test_rows_kept_on_the_disk_are_the_same_dataset_and_used_again(tmp_path, door, monkeypatch):
    write, _, how = SPILLED[door]
    place, kept = tmp_path / "data", tmp_path / "kept"
    place.mkdir()
    name = write(place)
    options = SourceOptions(**how, memory_limit=200)
    in_memory = load_dataset(name, data_dir=kept, options=options.but(memory_limit=2**20))
    assert not kept.exists()
    spilled = load_dataset(name, data_dir=kept, options=options)
    assert isinstance(spilled.train.features, ChosenRows)
    assert spilled.sha256() == in_memory.sha256()
    assert len(list(kept.rglob("rows-*"))) == 1
    assert not list(kept.rglob(".staging*"))
    before = {path: path.stat().st_mtime_ns for path in kept.rglob("*")}
    other = options.but(test_fraction=0.5)
    assert load_dataset(name, data_dir=kept, options=options).sha256() == in_memory.sha256()
    assert len(load_dataset(name, data_dir=kept, options=other).test) == N / 2
    assert {path: path.stat().st_mtime_ns for path in kept.rglob("*")} == before


def test_kept_rows_are_not_read_anew_unless_the_file_changed(tmp_path, monkeypatch):
    kept, options = tmp_path / "kept", SourceOptions(memory_limit=200)
    name = csv(tmp_path)
    first = load_dataset(name, data_dir=kept, options=options).sha256()
    with monkeypatch.context() as patch:
        patch.setattr("tfsoftmax.data.readers.csv.read_parts", None)
        assert load_dataset(name, data_dir=kept, options=options).sha256() == first
    csv(tmp_path, frame=FRAME.assign(width=FRAME["width"] * 2))
    changed = load_dataset(name, data_dir=kept, options=options)
    np.testing.assert_array_equal(rows_of(changed)[0], NUMBERS * np.float32([1, 2, 1]))
    # Read otherwise, it is another dataset.
    dropped = load_dataset(name, data_dir=kept, options=options.but(drop=("width",)))
    assert dropped.spec.n_features == 2


def test_arrays_stay_in_their_file(tmp_path):
    for name in (
        npy(tmp_path, features=NUMBERS, labels=CODES),
        npz(tmp_path, features=NUMBERS, labels=CODES),
    ):
        dataset = load_dataset(name, data_dir=tmp_path / "kept")
        for split in (dataset.train, dataset.test):
            assert isinstance(split.features, ChosenRows)
            assert isinstance(split.features.features, np.memmap)
        assert not (tmp_path / "kept").exists()
    mapped = from_arrays(np.load(tmp_path / "features.npy", mmap_mode="r"), CODES)
    assert isinstance(mapped.train.features, ChosenRows)


def test_test_rows_that_are_training_rows_are_counted():
    rows = np.array([[1.5, 0.0], [2, 3], [4, 5], [6, 7]], np.float32)
    again = np.array([[9, 9], [4, 5], [1.5, -0.0], [4, 5], [5, 4]], np.float32)
    dataset = from_arrays(rows, [0, 1, 0, 1], test=(again, [0, 1, 0, 1, 0]))
    assert shared_rows(dataset) == (3, 1)
    assert shared_rows(from_arrays(rows, [0, 1, 0, 1], test=(again[:1], [0]))) == (0, None)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_rows_are_counted_twice_exactly_where_numpy_finds_them_equal(dtype):
    generator = np.random.default_rng(0)
    train, test = (generator.integers(3, size=(200, 5)).astype(dtype) for _ in range(2))
    spec = Spec((5,), dtype, ("a", "b"))
    labels = np.arange(200, dtype=np.int32) % 2
    found = shared_rows(Dataset("made", spec, Split(train, labels), Split(test, labels)))
    equal = (test[:, None] == train[None]).all(axis=2).any(axis=1)
    assert found == (equal.sum(), equal.argmax())


def test_what_a_program_has_in_memory_is_the_same_dataset(tmp_path):
    import tensorflow as tf

    frame = from_frame(FRAME, name="same")
    read = load_dataset(csv(tmp_path))
    assert frame.sha256() == read.sha256()
    names = ("row", "width", "height")
    for features in (NUMBERS, NUMBERS.tolist(), FRAME[[*names]]):
        assert from_arrays(features, TEXTS, feature_names=names).sha256() == read.sha256()
    arrays = from_arrays(NUMBERS, TEXTS)
    pairs = tf.data.Dataset.from_tensor_slices((NUMBERS, TEXTS.tolist()))
    small = SourceOptions(memory_limit=200)
    for elements in (pairs, pairs.batch(7)):
        assert from_tf_data(elements).sha256() == arrays.sha256()
        assert from_tf_data(elements, options=small).sha256() == arrays.sha256()
    with pytest.raises(DataError, match="endless"):
        from_tf_data(pairs.repeat())


def test_one_column_may_be_flat():
    assert from_arrays(np.arange(10), [0, 1] * 5).spec.n_features == 1


def test_pixels_in_memory_stay_bytes():
    dataset = from_arrays(np.full((10, 4, 4), 255, np.uint8), [0, 1] * 5)
    assert dataset.spec == Spec((4, 4), "uint8", ("0", "1"), (0, 255))


TAKEN = Spec((2,), "float32", ("a", "b"), feature_names=("width", "row"))


def unlabelled(folder, ending):
    frame = FRAME[["height", "width", "label", "row"]]
    path = folder / f"new{ending}"
    if ending.lower() == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if "tsv" in ending else ",")
    return path


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".PARQUET"])
def test_columns_to_predict_are_found_by_name_in_any_order(tmp_path, ending):
    path = unlabelled(tmp_path, ending)
    assert is_table(path)
    found = np.concatenate(list(read_unlabelled(path, TAKEN)))
    np.testing.assert_array_equal(found, NUMBERS[:, [1, 0]])


def test_arrays_and_nameless_tables_to_predict(tmp_path):
    np.save(tmp_path / "new.npy", NUMBERS.astype(np.float64))
    spec = Spec((3,), "float32", ("a", "b"))
    found = np.vstack(list(read_unlabelled(tmp_path / "new.npy", spec)))
    np.testing.assert_array_equal(found, NUMBERS)
    FRAME.drop(columns="label").to_csv(tmp_path / "new.csv", index=False)
    found = np.vstack(list(read_unlabelled(tmp_path / "new.csv", spec)))
    np.testing.assert_array_equal(found, NUMBERS)


BYTES = Spec((2, 2), "uint8", ("a", "b"), (0, 255))


@pytest.mark.parametrize(
    ("name", "content", "spec", "message"),
    [
        ("t.csv", "row,height\n1,2\n", TAKEN, "no column 'width', which the model takes"),
        ("t.csv", "row,width\n1,2\n1,two\n", TAKEN, "row 2, column 'width': 'two' is not a number"),
        ("t.csv", "row,width\n1,\n", TAKEN, "row 1, column 'width': the value is missing"),
        ("t.csv", "row,width,row\n1,2,3\n", TAKEN, "two columns are called 'row'"),
        ("t.csv", "a,b,c\n1,2,3\n", BYTES, "3 columns, but the model takes 4 numbers"),
        ("t.csv", "a,b,c,d\n1,2,3,4\n1,2,3,256\n", BYTES, "row 2, feature 3: found 256; the model"),
        ("t.csv", "a,b,c,d\n1,2,3,-1\n", BYTES, "whole numbers from 0 to 255"),
        ("t.csv", "a,b,c,d\n1,2,3,0.5\n", BYTES, "row 1, feature 3: found 0.5"),
        ("t.csv", "", TAKEN, "the file is empty"),
        ("t.csv", "row;width\n1;2\n", TAKEN, "separated by ';'"),
        ("t.parquet", "no", TAKEN, "not a Parquet file"),
        ("t.npy", "no", TAKEN, "cannot be read as an .npy file: not an .npy array"),
        ("t.npy", np.zeros((2, 3)), TAKEN, "rows of 3 numbers, but the model takes 2"),
        ("t.npy", np.zeros(2), TAKEN, "expected rows of numbers, found float64 .2,."),
        ("t.npy", np.zeros((2, 2), complex), TAKEN, "expected rows of numbers, found complex128"),
        ("t.npy", np.zeros((2, 2), object), TAKEN, "holds Python objects"),
        ("t.npy", np.array([[1, 2], [3, np.nan]]), TAKEN, "row 2, row: the value is missing"),
        ("t.npy", np.array([[1, 2], [3, 1e300]]), TAKEN, "row 2, row: the value is infinite"),
        ("t.npy", np.full((1, 4), np.nan), BYTES, "row 1, feature 0: found nan"),
        ("t.npy", np.full((1, 4), 1e300), BYTES, "row 1, feature 0: found 1e.300"),
    ],
)
def test_rows_to_predict_that_are_bad_are_named(tmp_path, name, content, spec, message):
    path = tmp_path / name
    if isinstance(content, str):
        path.write_text(content)
    else:
        np.save(path, content)
    with pytest.raises(DataError, match=message) as caught:
        list(read_unlabelled(path, spec))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_missing_values_to_predict_stay_for_a_model_that_fills_them(tmp_path):
    spec = Spec((2,), "float32", ("a", "b"), feature_names=("width", "row"), missing=True)
    (tmp_path / "t.csv").write_text("row,width\n1,\n2,3\n")
    found = np.vstack(list(read_unlabelled(tmp_path / "t.csv", spec)))
    np.testing.assert_array_equal(found, [[np.nan, 1], [3, 2]])


def test_a_zip_file_called_npy_is_none(tmp_path):
    np.savez(tmp_path / "t.npz", NUMBERS)
    (tmp_path / "t.npz").rename(tmp_path / "t.npy")
    with pytest.raises(DataError, match="not an .npy array"):
        list(read_unlabelled(tmp_path / "t.npy", TAKEN))


def test_a_sources_key_is_of_its_files_and_how_they_are_read(tmp_path):
    path = Path(csv(tmp_path).partition(":")[2])

    def key(name=f"csv:{path}", **how):
        return Source(name, SourceOptions(**how), None).key([path])

    assert key() == key(memory_limit=5) == key(test_fraction=0.5)
    first = key()
    assert len({first, key(drop=("row",)), key(missing="mean"), key(name="parquet:x")}) == 4
    path.touch()
    assert key() == first
    status = path.stat()
    path.write_text(path.read_text().replace("1", "2"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    assert key() != first


@pytest.mark.parametrize(
    "door", [from_frame, lambda frame, **how: from_arrays(frame["x"], CODES, **how)]
)
def test_rows_in_memory_that_spill_are_never_taken_for_others(tmp_path, monkeypatch, door):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    options = SourceOptions(memory_limit=100)
    for first in (0.0, 1000.0):
        frame = pd.DataFrame({"x": np.arange(N) + first, "label": CODES})
        features, _ = rows_of(door(frame, options=options))
        np.testing.assert_array_equal(features[:, 0], frame["x"])


@pytest.mark.parametrize(
    ("file", "kept_bytes"),
    [("features.npy", 0), ("features.npy", 1), ("features.npy", 150), ("rows.npz", 0)],
)
def test_kept_rows_that_are_damaged_are_read_anew(tmp_path, file, kept_bytes):
    name, options = csv(tmp_path), SourceOptions(memory_limit=100)
    first = load_dataset(name, data_dir=tmp_path / "kept", options=options).sha256()
    path = next((tmp_path / "kept").rglob(file))
    path.write_bytes(path.read_bytes()[:kept_bytes])
    for _ in range(2):
        assert load_dataset(name, data_dir=tmp_path / "kept", options=options).sha256() == first


def test_rows_that_are_refused_are_not_kept(tmp_path):
    frame = pd.concat([FRAME, FRAME[:1].assign(label="rare")])
    name, options = csv(tmp_path, frame=frame), SourceOptions(memory_limit=100)
    with pytest.raises(DataError, match="class 'rare' has one row only"):
        load_dataset(name, data_dir=tmp_path / "kept", options=options)
    assert not (tmp_path / "kept").exists()


def test_a_class_without_training_rows_is_named():
    with pytest.raises(DataError, match="class 'blanc'"):
        from_arrays(NUMBERS[::3], TEXTS[::3], test=(NUMBERS, TEXTS))


def test_a_part_is_named_where_its_label_is_missing(tmp_path):
    FRAME.to_parquet(tmp_path / "a.parquet")
    FRAME.assign(label=None).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(DataError, match="b.parquet, row 1: the label is missing"):
        load_dataset(f"parquet:{tmp_path}")
