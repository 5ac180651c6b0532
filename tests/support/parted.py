"""Sources that have parts, of which each of several workers reads its own."""

import threading

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet

from support.tfrecord import example, framed
from support.workers import in_threads
from tfsoftmax import SourceOptions


def table(n_rows, seed=0):
    """Numbers of different scales, and a class that the last rows alone have."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n_rows, 3)) * [1, 50, 0.01], columns=["a", "b", "c"])
    frame["d"] = rng.poisson(0.3, n_rows)
    frame["label"] = np.where(frame["a"] > 0, "yes", "no")
    frame.loc[n_rows - 9 :, "label"] = "late"
    return frame


def mixed_table(n_rows):
    """The same, with columns that something is learned of from all rows that are trained on."""
    rng = np.random.default_rng(1)
    frame = table(n_rows)
    frame["town"] = rng.choice(["Bern", "Genf", "Thun"], n_rows)
    # Rare ones: in one row, in two rows far from each other, in the last rows only.
    frame.loc[[5, 20, n_rows - 20, n_rows - 30], "town"] = ["Olten", "Chur", "Chur", "Zug"]
    frame["day"] = pd.date_range("2024-01-30", periods=n_rows, freq="17h")
    frame["name"] = [f"n{row}" for row in rng.permutation(n_rows)]
    frame["open"] = rng.choice(["yes", "no"], n_rows)
    frame.loc[n_rows - 50 : n_rows - 40, "b"] = np.nan
    return frame


def text_table(n_rows):
    """The same, whose rows are kept without their zeros."""
    rng = np.random.default_rng(3)
    words = np.array([f"w{number}" for number in range(200)])
    return mixed_table(n_rows).assign(
        code=[f"c{number}" for number in rng.zipf(1.3, n_rows) % 100_000],
        note=[" ".join(rng.choice(words, 1 + row % 9)) for row in range(n_rows)],
    )


MIXED = SourceOptions(column="d=category", buckets="a:4", cross="town:open=8")
TEXTS = MIXED.but(column=("d=category", "code=hashed:300", "note=text:700"))
PIECES = [(0, 11), (11, 250), (250, 250), (250, 310)]


def parquet_file(folder):
    path = folder / "rows.parquet"
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pandas(table(310)), path, row_group_size=70, compression="none"
    )
    return f"parquet:{path}", None


def parquet_folder(folder):
    frame = table(310)
    for number, (first, last) in enumerate(PIECES):
        frame[first:last].to_parquet(folder / f"{number}.parquet", index=False)
    return f"parquet:{folder}", None


def mixed_parquet(folder):
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pandas(mixed_table(310)), folder / "t.parquet", row_group_size=70
    )
    return f"parquet:{folder / 't.parquet'}", MIXED


def csv_folder(folder, frame=None):
    frame = table(310) if frame is None else frame
    for number, (first, last) in enumerate(PIECES):
        kind = ".csv.gz" if number == 1 else ".csv"
        columns = list(frame)[:: -1 if number == 3 else 1]
        frame[columns][first:last].to_csv(folder / f"{number}{kind}", index=False)
    return f"csv:{folder}", None


def csv_with_index(folder):
    """As pandas writes it unless it is told not to."""
    for number, (first, last) in enumerate(PIECES):
        table(310)[first:last].to_csv(folder / f"{number}.csv")
    return f"csv:{folder}", None


def mixed_csv(folder):
    return csv_folder(folder, mixed_table(310))[0], MIXED


def text_csv(folder):
    return csv_folder(folder, text_table(310))[0], TEXTS


def text_parquet(folder):
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pandas(text_table(310)), folder / "t.parquet", row_group_size=70
    )
    return f"parquet:{folder / 't.parquet'}", TEXTS


def many_categories(folder):
    """So many that they are hashed, but no worker has seen as many."""
    frame = table(2800)
    frame["code"] = [f"c{row % 1100}" for row in range(2800)]
    for number in range(4):
        part = frame[700 * number : 700 * (number + 1)]
        part.to_csv(folder / f"{number}.csv", index=False)
    return f"csv:{folder}", None


def write_records(path, records):
    path.write_bytes(b"".join(framed(record) for record in records))


def tfrecords(folder):
    frame = table(90)
    records = [
        example(features=[float(row.a), float(row.b), float(row.d)], label=[row.label.encode()])
        for row in frame.itertuples()
    ]
    for number, (first, last) in enumerate([(0, 0), (0, 50), (50, 55), (55, 90)]):
        write_records(folder / f"{number}.tfrecord", records[first:last])
    return f"tfrecord:{folder}", None


def sparse_records(folder):
    """Ids and values; the last file has the last features, and the first file's rows few zeros."""
    rng = np.random.default_rng(4)
    for number, (n_rows, width, share) in enumerate(
        [(30, 500, 0.4), (0, 1, 0), (60, 500, 0.02), (200, 700, 0.01)]
    ):
        rows = []
        for row in range(n_rows):
            ids = np.flatnonzero(rng.random(width) < share * (row % 7 > 0))
            values = rng.normal(1, 0.5, len(ids)).astype(np.float32)
            lists = {"ids": ids.tolist(), "values": values.tolist()} if len(ids) else {}
            rows.append(example(**lists, label=[(number + row) % 3]))
        write_records(folder / f"{number}.tfrecord", rows)
    return f"tfrecord:{folder}", None


def full_records(folder):
    """Ids and values of rows that are kept with their zeros, although most files' have many."""
    rng = np.random.default_rng(5)
    for number, share in enumerate([0.05, 0.05, 0.9, 0.9]):
        ids = [np.flatnonzero(rng.random(550) < share).tolist() for _ in range(20)]
        rows = [
            example(ids=each, values=[1.0 + row] * len(each), label=[row % 2])
            for row, each in enumerate(ids)
        ]
        write_records(folder / f"{number}.tfrecord", rows)
    return f"tfrecord:{folder}", None


def pictures(n_rows=130, dtype=np.uint8):
    rng = np.random.default_rng(2)
    labels = np.sort(rng.integers(0, 3, n_rows))
    return (rng.integers(0, 60, (n_rows, 4, 5)) + 20 * labels[:, None, None]).astype(dtype), labels


def npy_in_place(folder):
    features, labels = pictures()
    np.save(folder / "features.npy", features)
    np.save(folder / "labels.npy", np.array(["b", "a", "late"])[labels])
    return f"npy:{folder}", None


def npy_with_test_rows(folder):
    for part, n_rows in (("train", 90), ("test", 31)):
        features, labels = pictures(n_rows, np.float64)
        np.save(folder / f"x_{part}.npy", features)
        np.save(folder / f"y_{part}.npy", labels)
    return f"npy:{folder}", None


def npy_in_columns(folder):
    features, labels = pictures(dtype=np.float32)
    np.save(folder / "X.npy", np.asfortranarray(features))
    np.save(folder / "y.npy", labels)
    return f"npy:{folder}", None


def npz_file(folder):
    features, labels = pictures(dtype=np.float32)
    np.savez(folder / "rows.npz", x=features, y=labels)
    return f"npz:{folder / 'rows.npz'}", None


def packed_npz(folder):
    features, labels = pictures(dtype=np.int32)
    np.savez_compressed(folder / "rows.npz", x=features, y=labels)
    return f"npz:{folder / 'rows.npz'}", None


SOURCES = [
    *(
        parquet_file,
        parquet_folder,
        mixed_parquet,
        csv_folder,
        csv_with_index,
        mixed_csv,
        tfrecords,
    ),
    *(text_csv, text_parquet, many_categories, sparse_records, full_records),
    *(npy_in_place, npy_with_test_rows, npy_in_columns, npz_file, packed_npz),
]


def in_workers(count, task):
    """What a task returns to each of several workers; the error that the first of them raised."""
    found = in_threads(count, task)
    errors = [each for each in found if isinstance(each, Exception)]
    for error in errors:
        if not isinstance(error, threading.BrokenBarrierError) or error is errors[-1]:
            raise error
    return found
