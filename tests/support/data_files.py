"""One small table, written as every kind of file."""

import gzip
import io
import re
import struct

import numpy as np
import pandas as pd
from sklearn.datasets import dump_svmlight_file

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


def npy_header(text):
    """The beginning of an .npy file, of whatever text."""
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text


def svmlight(folder, name="rows.svm", pack=lambda content: content):
    buffer = io.BytesIO()
    dump_svmlight_file(NUMBERS, WHOLE.astype(int), buffer, zero_based=False)
    (folder / name).write_bytes(pack(buffer.getvalue()))
    return f"svmlight:{folder / name}"


def records(path, examples, compression=""):
    """Messages as TensorFlow itself writes them."""
    import tensorflow as tf

    kinds = {
        bytes: lambda values: tf.train.Feature(bytes_list=tf.train.BytesList(value=values)),
        int: lambda values: tf.train.Feature(int64_list=tf.train.Int64List(value=values)),
        float: lambda values: tf.train.Feature(float_list=tf.train.FloatList(value=values)),
    }
    with tf.io.TFRecordWriter(str(path), compression) as file:
        for example in examples:
            features = {name: kinds[type(values[0])](values) for name, values in example.items()}
            message = tf.train.Example(features=tf.train.Features(feature=features))
            file.write(message.SerializeToString())
    return f"tfrecord:{path}"


def tfrecord(folder, parts=1, compression=""):
    examples = [
        {"features": row.tolist(), "label": [text.encode()]}
        for row, text in zip(NUMBERS, FRAME["label"], strict=True)
    ]
    for part in range(parts):
        path = folder / f"part-{part}.tfrecord{'.gz' if compression else ''}"
        records(path, examples[part * N // parts : (part + 1) * N // parts], compression)
    return f"tfrecord:{folder if parts > 1 else path}"


def drawn(n_samples, shape, seed=0):
    """Pictures that their first pixel tells apart."""
    arrays = np.random.default_rng(seed).integers(256, size=(n_samples, *shape)).astype(np.uint8)
    arrays.reshape(n_samples, -1)[:, 0] = np.arange(n_samples)
    return arrays


TEXTS = FRAME["label"].to_numpy()
FLAT = {"features": NUMBERS, "labels": CODES}
# What it is: (what writes it and gives its name, the labels, how to read it).
FILES = {
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
    "tfrecord, gzipped": (lambda folder: tfrecord(folder, compression="GZIP"), TEXTS, {}),
    "tfrecord, parts": (lambda folder: tfrecord(folder, parts=3), TEXTS, {}),
}
