"""Every kind of bad data there is, through the command itself: one line, nothing written."""

import bz2
import ctypes
import gzip
import io
import os
import re
import struct
import sys
import zipfile
import zlib
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image
from support.idx import IMAGES, LABELS, idx_bytes, write_folder
from support.tfrecord import RECORDS, example, framed, headed

from tfsoftmax.cli.train import main

HEADER = "a,b,label\n"
ROWS = "".join(f"{n},{n * n},{'xy'[n % 2]}\n" for n in range(10))
GOOD = HEADER + ROWS
FRAME = pd.DataFrame({"a": range(10), "b": np.arange(10) ** 2, "label": ["x", "y"] * 5})
FEATURES, CLASSES = np.arange(20, dtype=np.float32).reshape(10, 2), np.array([0, 1] * 5)


def damaged(line, text):
    """The good table with another row in the place of one, from 1."""
    rows = ROWS.splitlines()
    rows[line - 1] = text
    return HEADER + "\n".join(rows) + "\n"


def file(kind, name, content, *options):
    """Writes one file; gives the arguments that ask for it."""

    def build(folder):
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return [f"{kind}:{path}", *options]

    return build


def csv(content, *options, name="table.csv"):
    return file("csv", name, content, *options)


def row_3(text, *options):
    """The good table with another third row."""
    return csv(damaged(3, text), *options)


def parquet(*frames, options=(), name="table.parquet"):
    def build(folder):
        place = folder / name
        if len(frames) == 1:
            frames[0].to_parquet(place)
            return [f"parquet:{place}", *options]
        place.mkdir()
        for part, frame in enumerate(frames):
            frame.to_parquet(place / f"part-{part}.parquet")
        return [f"parquet:{place}", *options]

    return build


def in_parquet(change):
    """The good table's Parquet bytes, damaged."""
    buffer = io.BytesIO()
    FRAME.to_parquet(buffer)
    return file("parquet", "table.parquet", change(buffer.getvalue()))


def archive(save=np.savez, options=(), change=lambda content: content, **arrays):
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return file("npz", "arrays.npz", change(buffer.getvalue()), *options)


def zip_heads(flags=0, method=0):
    """Changes flags and compression method in all headers of a zip file."""
    told = struct.pack("<HH", flags, method)

    def change(content):
        for start, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            for found in list(re.finditer(re.escape(start), content)):
                at = found.start() + place
                content = content[:at] + told + content[at + 4 :]
        return content

    return change


def npy(array, header=None):
    buffer = io.BytesIO()
    np.save(buffer, array)
    if header is None:
        return buffer.getvalue()
    return headed(repr(header).encode()) + array.tobytes()


def members(**contents):
    """An .npz file of whatever bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, content in contents.items():
            made.writestr(f"{name}.npy", content)
    return file("npz", "arrays.npz", buffer.getvalue())


def lying(shape, descr="<f4"):
    return npy(FEATURES, {"descr": descr, "fortran_order": False, "shape": shape})


def npy_folder(**contents):
    def build(folder):
        place = folder / "arrays"
        place.mkdir()
        for name, content in contents.items():
            (place / f"{name}.npy").write_bytes(content)
        return [f"npy:{place}"]

    return build


def svmlight(content, *options, name="rows.svm"):
    return file("svmlight", name, content, *options)


def png(size=(4, 4), mode="L"):
    buffer = io.BytesIO()
    Image.new(mode, size, 100).save(buffer, "png")
    return buffer.getvalue()


def png_header(width, height):
    """The beginning of a PNG file that promises so many pixels, and holds none."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    pixels = b"IDAT" + zlib.compress(b"")
    chunk += struct.pack(">I", len(pixels) - 4) + pixels + struct.pack(">I", zlib.crc32(pixels))
    return b"\x89PNG\r\n\x1a\n" + chunk


def images(contents, *options, links=()):
    def build(folder):
        place = folder / "photos"
        place.mkdir()
        for name, content in contents.items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.mkdir()
            else:
                path.write_bytes(content)
        for name, target in links:
            (place / name).symlink_to(target)
        return [f"images:{place}", *options]

    return build


PHOTOS = {f"{label}/{n}.png": png() for label in ("cat", "dog") for n in range(5)}


def tfrecord(*records, name="rows.tfrecord", options=(), change=lambda content: content):
    content = change(b"".join(framed(record) for record in records))
    return file("tfrecord", name, content, *options)


def other_record(place, **features):
    """The good records with another in the place of one, from 1."""
    return tfrecord(*RECORDS[: place - 1], example(**features), *RECORDS[place:])


def idx(name, content):
    def build(folder):
        place = folder / "mnist"
        place.mkdir()
        write_folder(place)
        (place / f"{name}.gz").write_bytes(content)
        return [f"idx:{place}"]

    return build


def place(kind, make=lambda path: None, name="there"):
    """A path with nothing at it, or something odd."""

    def build(folder):
        make(folder / name)
        return [f"{kind}:{folder / name}"]

    return build


def secret(path):
    path.write_text(GOOD)
    path.chmod(0)


def in_secret_folder(folder):
    folder.mkdir()
    (folder / "table.csv").write_text(GOOD)
    folder.chmod(0)


def text_rows(values, label="label"):
    return f"a,{label}\n" + "".join(f"{n},{value}\n" for n, value in enumerate(values))


def zipped_bomb(kind, name, start, part):
    """A gzip file of a few kilobytes that unzips to more than a line may hold."""
    times = (2**26 + 2**20) // len(part)

    def build(folder):
        return file(kind, name, gzip.compress(start + part * times, 1))(folder)

    return build


# What it is: (what the line says, what makes the arguments, exit code if it is not 1).
CSV = {
    "semicolons": ("one column, 'a;b;label'.*--delimiter ';'", csv(GOOD.replace(",", ";"))),
    "tabs": ("seem to be separated by 'tab'", csv(GOOD.replace(",", "\t"))),
    "the wrong delimiter asked for": (
        "one column, 'a,b,label'.*--delimiter ','",
        csv(GOOD, "--delimiter", ";"),
    ),
    "a row with a column too many": ("line 4 has 4 columns, expected 3", row_3("1,2,x,9")),
    "the first row with a column too many": (
        "more columns than its first row has names",
        csv(damaged(1, "1,2,x,9")),
    ),
    "all rows with a column too many": (
        "more columns than its first row has names",
        csv(HEADER + ROWS.replace("\n", ",9\n")),
    ),
    "a row with a column too few": ("row 3, column 'b': 'x' is not a number", row_3("1,x")),
    "a row with the label only": (
        "row 6, column 'a': the value is missing",
        csv("label,a,b\n" + "x,1,2\n" * 5 + "y\n" * 5),
    ),
    "a missing label": ("row 3: the label is missing", row_3("1,2,")),
    "a label of blanks": ("row 3: the label is missing", row_3("1,2,  ")),
    "one class": ("all 10 rows are of one class, 'x'", csv(GOOD.replace("y", "x"))),
    "a class of one row": ("class 'z' has one row only", row_3("1,2,z")),
    "NaN": ("row 3, column 'b': the value is missing", row_3("1,NaN,x")),
    "an empty value": ("row 3, column 'b'", row_3("1,,x")),
    "inf": ("row 3, column 'b': inf is", row_3("1,inf,x")),
    "-inf, means asked for": ("row 3, column 'b'", row_3("1,-inf,x", "--missing", "mean")),
    "1e308": (r"row 3, column 'b': 1e\+308 is beyond", row_3("1,1e308,x")),
    "1e999": ("row 3, column 'b'", row_3("1,1e999,x")),
    "an endless integer": ("row 3, column 'b'", row_3(f"1,{'9' * 60},x")),
    "a text among numbers": ("row 3, column 'b': 'two' is not a number", row_3("1,two,x")),
    "a decimal comma": ("row 3, column 'b': '1,5' is not a number", row_3('1,"1,5",x')),
    "a column of text": (
        r"column 'b': it is text \(row 1: 'u'\)",
        csv(HEADER + "1,u,x\n2,v,y\n" * 5),
    ),
    "a column of dates": ("column 'b'", csv(HEADER + "1,2020-01-01,x\n2,2020-01-02,y\n" * 5)),
    "no bytes": ("the file is empty", csv("")),
    "blank lines only": ("the file is empty", csv("\n\n\n")),
    "a header only": ("no rows", csv(HEADER)),
    "a header without an end of line": ("no rows", csv(HEADER.strip())),
    "nothing without a header": (
        "the file is empty",
        csv("", "--no-header", "--label-column", "3"),
    ),
    "two columns of a name": ("two columns are called 'a'", csv(GOOD.replace("b,", "a,", 1))),
    "two labels": ("which column", csv(GOOD.replace("b,", "class,", 1))),
    "no label to be guessed": ("which column has the classes", csv(GOOD.replace("label", "kind"))),
    "an unknown label column": (
        "no column 'lable'; did you mean 'label'",
        csv(GOOD, "--label-column", "lable"),
    ),
    "an unknown feature": ("no column 'c'; there are 'a', 'b'", csv(GOOD, "--features", "a,c")),
    "a feature asked for twice": (
        "a feature is asked for twice, of 'a', 'a'",
        csv(GOOD, "--features", "a,a"),
    ),
    "an unknown column to drop": ("no column 'c'", csv(GOOD, "--drop", "c")),
    "an unknown weight column": ("no column 'c'", csv(GOOD, "--weight-column", "c")),
    "the label as the weight": (
        "column 'label': it is text",
        csv(GOOD, "--weight-column", "label"),
    ),
    "the label dropped": (
        "column 'label' cannot be both",
        csv(GOOD, "--label-column", "label", "--drop", "label"),
    ),
    "a negative weight": (
        "row 3, column 'b': a weight of -1",
        row_3("1,-1,x", "--weight-column", "b"),
    ),
    "a missing weight": (
        "row 3, column 'b'",
        row_3("1,,x", "--weight-column", "b", "--missing", "mean"),
    ),
    "weights of 0": (
        "all weights are 0",
        csv(HEADER + "1,0,x\n2,0,y\n" * 5, "--weight-column", "b"),
    ),
    "no feature left": ("no column is left", csv(GOOD, "--drop", "a,b")),
    "the label only": ("no column is left", csv("label\nx\ny\n")),
    "latin-1": (
        r"not utf-8 text \(byte 0xe9 after .*--encoding latin-1",
        csv(damaged(3, "1,2,café").encode("latin-1")),
    ),
    "latin-1 in the header": ("not utf-8 text", csv(GOOD.replace("b,", "é,", 1).encode("latin-1"))),
    "UTF-16 not asked for": ("is it UTF-16", csv(GOOD.encode("utf-16"))),
    "UTF-16 cut within a character": (
        "not utf-16 text",
        csv(GOOD.encode("utf-16")[:-1], "--encoding", "utf-16"),
    ),
    "an unknown encoding": ("unknown encoding 'nonsense'", csv(GOOD, "--encoding", "nonsense"), 2),
    "an encoding that is none of text": (
        "unknown encoding 'base64'",
        csv(GOOD, "--encoding", "base64"),
        2,
    ),
    "an encoding that cannot be read": (
        "not undefined text",
        csv(GOOD, "--encoding", "undefined"),
    ),
    "zero bytes": ("holds zero bytes", csv(GOOD.replace("3", "\0"))),
    "random bytes": ("holds zero bytes", csv(np.random.default_rng(0).bytes(5000))),
    "a zip file": ("holds zero bytes; is it a text file", csv(b"PK\3\4" + bytes(100))),
    "a truncated gzip": (
        "gzip stream is damaged or ends early",
        csv(gzip.compress(GOOD.encode())[:-20], name="table.csv.gz"),
    ),
    "a gzip's first bytes": ("gzip", csv(b"\x1f\x8b")),
    "a gzip of a wrong checksum": ("gzip", csv(gzip.compress(GOOD.encode())[:-8] + bytes(8))),
    "garbage after a gzip's head": ("gzip", csv(gzip.compress(GOOD.encode())[:10] + b"garbage")),
    "a gzip of an endless line": (
        "a line is longer than 67,108,864 bytes",
        zipped_bomb("csv", "table.csv.gz", b"", b"a"),
    ),
    "a gzip of endless columns": (
        "a line is longer than",
        zipped_bomb("csv", "table.csv.gz", b"", b"1,"),
    ),
    "a gzip of an endless row": (
        "a line is longer than",
        zipped_bomb("csv", "table.csv.gz", GOOD.encode(), b"1,"),
    ),
    "a quote never closed": ("a quote .* never closed", row_3('1,"2,x')),
    "a quote never closed in the header": ("a quote .* never closed", csv('"' + GOOD)),
    "no header": ("its first row is 0, 0, x.*--no-header", csv(ROWS, "--label-column", "label")),
    "a column without a name": ("column 2 has no name", csv(GOOD.replace("b,", ",", 1))),
    "continuous labels": ("these are no classes", csv(text_rows(np.linspace(0, 1, 250)))),
    "an id as the label": (
        "250 different labels in 250 rows",
        csv(text_rows(range(250), "id"), "--label-column", "id"),
    ),
    "a class name with a line break": ("has a line break", csv(GOOD.replace("x", '"x\nz"'))),
    "an endless class name": (
        "row 1: the label is a text of 70,000 characters",
        csv(GOOD.replace("x", "x" * 70_000)),
    ),
    "a folder": ("expected a file, found a folder", place("csv", Path.mkdir)),
    "nothing there": ("expected a file, found nothing", place("csv")),
    "a link to nothing": ("found nothing", place("csv", lambda path: path.symlink_to("nowhere"))),
    "a pipe": ("found a pipe", place("csv", os.mkfifo)),
    "a name that is too long": (
        "File name too long",
        lambda folder: [f"csv:{folder}/{'n' * 300}/table.csv"],
    ),
    "a file that may not be read": ("cannot be read: Permission denied", place("csv", secret)),
    "a folder that may not be read": (
        "Permission denied",
        lambda folder: (in_secret_folder(folder / "s"), [f"csv:{folder}/s/table.csv"])[1],
    ),
    "too few rows to hold some out": (
        "4 rows of 2 classes are too few.*0.01",
        csv("a,label\n1,x\n2,y\n3,x\n4,y\n", "--test-fraction", "0.01"),
    ),
    "a delimiter that is a quote": (
        "cannot stand between columns",
        csv(GOOD, "--delimiter", '"'),
        2,
    ),
    "a delimiter that ends lines": (
        "cannot stand between columns",
        csv(GOOD, "--delimiter", "\n"),
        2,
    ),
    "a delimiter beyond ASCII": (
        "expected an ASCII character",
        csv(GOOD.replace(",", "§"), "--delimiter", "§"),
        2,
    ),
    "a blank line before the header": (
        "row 3, column 'b': 'two' is not a number",
        csv("\n" + damaged(3, "1,two,x")),
    ),
    "no path": ("csv: needs a path, as in csv:", lambda folder: ["csv:"], 2),
}
PARQUET = {
    "not one": ("not a Parquet file", in_parquet(lambda content: GOOD.encode())),
    "no bytes": ("not a Parquet file", in_parquet(lambda content: b"")),
    "truncated": ("not a Parquet file", in_parquet(lambda content: content[:-100])),
    "damaged pages": (
        "table.parquet is (damaged|not a Parquet file)",
        in_parquet(
            lambda content: (
                content[:8] + bytes(len(content) // 3) + content[8 + len(content) // 3 :]
            )
        ),
    ),
    "parts of other columns": (
        "have different columns.*'b'",
        parquet(FRAME, FRAME.drop(columns="b")),
    ),
    "parts of other types": ("part-1.*column 'b'", parquet(FRAME, FRAME.assign(b="text"))),
    "a folder of none": (r"no \*\.parquet file", place("parquet", Path.mkdir)),
    "nothing there": ("found nothing", place("parquet")),
    "no rows": ("no rows", parquet(FRAME[:0])),
    "a column of times": (
        "column 'b': its type is datetime64",
        parquet(FRAME.assign(b=datetime(2020, 1, 1))),
    ),
    "a column of durations": (
        "column 'b': its type is timedelta",
        parquet(FRAME.assign(b=pd.Timedelta(1, "s"))),
    ),
    "a column of days": (
        "column 'b': it is text .row 1: '2020-01-01'",
        parquet(FRAME.assign(b=datetime(2020, 1, 1).date())),
    ),
    "a column of lists": ("column 'b': it is text", parquet(FRAME.assign(b=[[1, 2]] * 10))),
    "a column of structures": ("column 'b': it is text", parquet(FRAME.assign(b=[{"u": 1}] * 10))),
    "a column of bytes": ("column 'b': it is text", parquet(FRAME.assign(b=[b"\xff"] * 10))),
    "a column of categories": (
        "column 'b': it is text .row 1: 'u'",
        parquet(FRAME.assign(b=pd.Categorical(["u", "v"] * 5))),
    ),
    "a text among numbers": (
        "row 3, column 'b': 'two' is not a number",
        parquet(FRAME.assign(b=["1", "2", "two", *"4567890"])),
    ),
    "a missing value": (
        "row 3, column 'b': the value is missing",
        parquet(FRAME.assign(b=pd.array([1, 2, None] + [4] * 7, "Int64"))),
    ),
    "a missing truth": (
        "row 3, column 'b': the value is missing",
        parquet(FRAME.assign(b=pd.array([True, False, None] + [True] * 7, "boolean"))),
    ),
    "a missing text label": (
        "row 3: the label is missing",
        parquet(FRAME.assign(label=["x", "y", None] + ["x"] * 7)),
    ),
    "a missing whole label": (
        "row 3: the label is missing",
        parquet(FRAME.assign(label=pd.array([1, 2, None] + [1] * 7, "Int64"))),
    ),
    "a missing true label": (
        "row 3: the label is missing",
        parquet(FRAME.assign(label=pd.array([True, False, None] + [True] * 7, "boolean"))),
    ),
    "an empty label": (
        "row 3: the label is missing",
        parquet(FRAME.assign(label=["x", "y", ""] + ["x"] * 7)),
    ),
    "an empty label of bytes": (
        "row 3: the label is missing",
        parquet(FRAME.assign(label=[b"x", b"y", b""] + [b"x"] * 7)),
    ),
    "a label of the second part missing": (
        "row 2: the label is missing",
        parquet(FRAME, FRAME.assign(label=["x", None] * 5)),
    ),
    "labels that are lists": (
        "row 1: the label is of type ndarray",
        parquet(FRAME.assign(label=[[1], [2]] * 5)),
    ),
    "labels that are times": (
        "labels are of type datetime64",
        parquet(FRAME.assign(label=[datetime(2020, 1, 1), None] * 5)),
    ),
    "labels that are fractions": (
        "row 2: the label 0.5 is no class",
        parquet(FRAME.assign(label=[0.0, 0.5] * 5)),
    ),
    "infinite labels": (
        "row 2: the label inf is no class",
        parquet(FRAME.assign(label=[0.0, np.inf] * 5)),
    ),
}
NPZ = {
    "not one": ("not an .npz file", file("npz", "arrays.npz", GOOD)),
    "a .npy file": ("not an .npz file", file("npz", "arrays.npz", npy(FEATURES))),
    "nothing there": ("found nothing", place("npz")),
    "a folder": ("found a folder", place("npz", Path.mkdir)),
    "no arrays": (r"no features among its arrays \(none\)", archive()),
    "a zip without arrays": (
        r"no features among its arrays \(none\)",
        archive(change=lambda content: content.replace(b".npy", b".txt"), x=FEATURES),
    ),
    "no labels": (r"no labels among its arrays \('features'\)", archive(features=FEATURES)),
    "test rows without labels": (
        "no test_labels",
        archive(x_train=FEATURES, y_train=CLASSES, x_test=FEATURES),
    ),
    "objects for features": (
        "array features: it holds Python objects",
        archive(features=FEATURES.astype(object), labels=CLASSES),
    ),
    "objects for labels": (
        "array labels: it holds Python objects",
        archive(features=FEATURES, labels=np.array(["x", "y"] * 5, object)),
    ),
    "complex features": (
        "type complex64",
        archive(features=FEATURES.astype(np.complex64), labels=CLASSES),
    ),
    "text features": ("type <U", archive(features=FEATURES.astype(str), labels=CLASSES)),
    "records for features": (
        "features are of type .*f0",
        archive(features=np.zeros((10, 2), "i4,f4"), labels=CLASSES),
    ),
    "times for features": (
        "type datetime64",
        archive(features=np.zeros((10, 2), "M8[s]"), labels=CLASSES),
    ),
    "complex labels": (
        "labels are of type complex128",
        archive(features=FEATURES, labels=CLASSES.astype(complex)),
    ),
    "times for labels": (
        "labels are of type datetime64",
        archive(features=FEATURES, labels=CLASSES.astype("M8[D]")),
    ),
    "records for labels": (
        "labels are of type .*f0",
        archive(features=FEATURES, labels=np.zeros(10, "i4,f4")),
    ),
    "one feature, flat": (
        r"found shapes \(10,\) and \(10,\)",
        archive(features=FEATURES[:, 0], labels=CLASSES),
    ),
    "a number for features": (
        r"found shapes \(\) and \(10,\)",
        archive(features=1.0, labels=CLASSES),
    ),
    "labels in two dimensions": (
        r"found shapes \(10, 2\) and \(10, 2\)",
        archive(features=FEATURES, labels=np.eye(2)[CLASSES]),
    ),
    "fewer labels than rows": (
        "10 training rows but 9 labels",
        archive(features=FEATURES, labels=CLASSES[:9]),
    ),
    "test rows of another width": (
        r"of shape \(2,\), test examples of \(1,\)",
        archive(x_train=FEATURES, y_train=CLASSES, x_test=FEATURES[:, :1], y_test=CLASSES),
    ),
    "no rows": ("no training rows", archive(features=FEATURES[:0], labels=CLASSES[:0])),
    "no test rows": (
        "no test rows",
        archive(x_train=FEATURES, y_train=CLASSES, x_test=FEATURES[:0], y_test=CLASSES[:0]),
    ),
    "rows of no features": (
        "rows of no features",
        archive(features=FEATURES[:, :0], labels=CLASSES),
    ),
    "NaN": (
        "row 5, feature 1: the value is missing",
        archive(features=np.where(FEATURES == 11, np.nan, FEATURES), labels=CLASSES),
    ),
    "infinity": (
        "row 5, feature 1: the value is infinite",
        archive(features=np.where(FEATURES == 11, np.inf, FEATURES), labels=CLASSES),
    ),
    "beyond float32": (
        "row 5, feature 1: the value is infinite, or beyond",
        archive(
            features=np.where(FEATURES == 11, 1e300, FEATURES.astype(np.float64)), labels=CLASSES
        ),
    ),
    "NaN in a test row": (
        "test.*row 5, feature 1: the value is missing",
        archive(
            x_train=FEATURES,
            y_train=CLASSES,
            x_test=np.where(FEATURES == 11, np.nan, FEATURES),
            y_test=CLASSES,
        ),
    ),
    "fractions for labels": (
        "row 1: the label 0.5 is no class",
        archive(features=FEATURES, labels=CLASSES * 0.5),
    ),
    "a label that is missing": (
        "row 1: the label is missing",
        archive(features=FEATURES, labels=np.where(CLASSES, np.nan, 1)),
    ),
    "an empty label": (
        "row 1: the label is missing",
        archive(features=FEATURES, labels=np.array(["x", ""] * 5)),
    ),
    "truncated": (
        "not an .npz file",
        archive(change=lambda content: content[:-60], features=FEATURES, labels=CLASSES),
    ),
    "truncated, compressed": (
        "not an .npz file, or damaged",
        archive(
            np.savez_compressed,
            change=lambda content: content[:-60],
            features=FEATURES,
            labels=CLASSES,
        ),
    ),
    "compressed bytes damaged": (
        "array features: .*(decompressing|CRC)",
        archive(
            np.savez_compressed,
            change=lambda content: content[:60] + b"\xff" * 20 + content[80:],
            features=FEATURES,
            labels=CLASSES,
        ),
    ),
    "expands beyond the memory limit": (
        "array features: it expands to 40,000,000 bytes.*--memory-limit",
        archive(
            np.savez_compressed,
            ["--memory-limit", "10MB"],
            features=np.zeros((10, 10**6), np.float32),
            labels=CLASSES,
        ),
    ),
    "a header that promises more": (
        "array features: its header promises 40,000,000 bytes, found 80",
        members(features=lying((10, 10**6)), labels=npy(CLASSES)),
    ),
    "a header beyond any memory": (
        "array features: its header promises 4,000,000,000,",
        members(features=lying((10**12, 10**12)), labels=npy(CLASSES)),
    ),
    "a header of negative sizes": (
        r"array features: its header promises float32 \(-10, -2\)",
        members(features=lying((-10, -2)), labels=npy(CLASSES)),
    ),
    "a header of values of no bytes": (
        "array features: its header promises <U0",
        members(features=lying((10**12, 2), "<U0")[:-80], labels=npy(CLASSES)),
    ),
    "a header that is none": (
        "array features: Cannot parse header",
        members(features=headed(b"garbage, no dict"), labels=npy(CLASSES)),
    ),
    "a header of brackets": (
        "array features: its header cannot be read",
        members(features=headed(b"(" * 9000), labels=npy(CLASSES)),
    ),
    "a header of signs": (
        "array features: its header cannot be read",
        members(features=headed(b"-" * 8999 + b"1"), labels=npy(CLASSES)),
    ),
    "an endless header": (
        "array features: its header promises to be 268,435,456 bytes long",
        members(
            features=b"\x93NUMPY\2\0" + struct.pack("<I", 2**28) + b" " * 2**20, labels=npy(CLASSES)
        ),
    ),
    "a member that is no array": (
        "array features: not an .npy array",
        members(features=GOOD, labels=npy(CLASSES)),
    ),
    "an encrypted member": (
        "array features: .*password",
        archive(change=zip_heads(flags=1), features=FEATURES, labels=CLASSES),
    ),
    "another compression": (
        "array features: .*compression",
        archive(change=zip_heads(method=99), features=FEATURES, labels=CLASSES),
    ),
    "a file that may not be read": ("cannot be read: Permission denied", place("npz", secret)),
}
NPY = {
    "nothing there": ("found nothing", place("npy")),
    "an empty folder": (r"no \*.npy file in this folder", place("npy", Path.mkdir)),
    "no labels beside": (
        r"no labels among its files \('features'\)",
        file("npy", "features.npy", npy(FEATURES)),
    ),
    "objects": (
        "features.npy: it holds Python objects",
        npy_folder(features=npy(FEATURES.astype(object)), labels=npy(CLASSES)),
    ),
    "truncated": (
        "features.npy: it is truncated",
        npy_folder(features=npy(FEATURES)[:-10], labels=npy(CLASSES)),
    ),
    "cut within its header": (
        "features.npy: EOF",
        npy_folder(features=npy(FEATURES)[:20], labels=npy(CLASSES)),
    ),
    "no bytes": ("features.npy: not an .npy array", npy_folder(features=b"", labels=npy(CLASSES))),
    "not one": (
        "features.npy: not an .npy array: it starts with b'a,b,la'",
        npy_folder(features=GOOD.encode(), labels=npy(CLASSES)),
    ),
    "a zip file": (
        "features.npy: not an .npy array",
        npy_folder(features=b"PK\5\6" + bytes(18), labels=npy(CLASSES)),
    ),
    "a header that promises more": (
        "features.npy: it is truncated",
        npy_folder(features=lying((10, 10**6)), labels=npy(CLASSES)),
    ),
    "a header beyond any memory": (
        "features.npy: it is truncated: .* promises 4,000,000,000,",
        npy_folder(features=lying((10**12, 10**12)), labels=npy(CLASSES)),
    ),
    "a header of negative sizes": (
        r"features.npy: its header promises float32 \(-10, -2\)",
        npy_folder(features=lying((-10, -2)), labels=npy(CLASSES)),
    ),
    "a header of signs": (
        "features.npy: its header cannot be read",
        npy_folder(features=headed(b"-" * 8999 + b"1"), labels=npy(CLASSES)),
    ),
    "NaN": (
        "row 5, feature 1: the value is missing",
        npy_folder(
            features=npy(np.where(FEATURES == 11, np.nan, FEATURES).astype(np.float32)),
            labels=npy(CLASSES),
        ),
    ),
}
SVMLIGHT = {
    "garbage": ("line 2: .*expected LABEL INDEX:VALUE", svmlight("1 1:2\nnonsense\n")),
    "a value that is none": ("line 2", svmlight("1 1:2\n0 1:two\n")),
    "no value": ("line 2", svmlight("1 1:2\n0 1\n")),
    "indices that fall": ("line 2", svmlight("1 1:2\n0 2:1 1:1\n")),
    "a negative index": ("line 2", svmlight("1 1:2\n0 -1:1\n")),
    "several labels": ("line 1", svmlight("1,2 1:2\n0 1:1\n")),
    "a huge index": (
        "makes 2,000,000,000 features, for 6 values",
        svmlight("1 1:2\n0 2000000000:1\n" * 3),
    ),
    "an index beyond any": ("line 2", svmlight(f"1 1:2\n0 {10**30}:1\n")),
    "no bytes": ("no rows", svmlight("")),
    "comments only": ("no rows", svmlight("# 1 1:2\n")),
    "labels only": ("no rows; expected lines of LABEL INDEX:VALUE", svmlight("1\n0\n" * 5)),
    "an infinite value": (
        "row 2, feature 0: the value is infinite",
        svmlight("1 1:2\n0 1:inf\n" * 3),
    ),
    "NaN": ("row 2, feature 0: the value is missing", svmlight("1 1:2\n0 1:nan\n" * 3)),
    "1e300": (
        "row 2, feature 0: the value is infinite, or beyond",
        svmlight("1 1:2\n0 1:1e300\n" * 3),
    ),
    "a fraction for a label": (
        "row 1: the label 1.5 is no class",
        svmlight("1.5 1:2\n0 1:1\n" * 3),
    ),
    "a label that is missing": ("row 1: the label is missing", svmlight("nan 1:2\n0 1:1\n" * 3)),
    "an infinite label": ("row 1: the label inf", svmlight("inf 1:2\n0 1:1\n" * 3)),
    "one class": ("one class, '1'", svmlight("1 1:2\n" * 3)),
    "zero bytes": ("holds zero bytes", svmlight(b"1 1:2\n\0 1:\0\n")),
    "a truncated gzip": (
        "cannot be read: Compressed file ended",
        svmlight(gzip.compress(b"1 1:2\n0 1:3\n" * 99)[:-20], name="rows.svm.gz"),
    ),
    "a damaged gzip": (
        "cannot be read: .*decompressing",
        svmlight(gzip.compress(b"1 1:2\n0 1:3\n")[:10] + b"garbage", name="rows.svm.gz"),
    ),
    "no gzip": (
        "cannot be read: Not a gzipped file",
        svmlight(b"1 1:2\n0 1:3\n", name="rows.svm.gz"),
    ),
    "garbage in a gzip": (
        "line 2",
        svmlight(gzip.compress(b"1 1:2\nnonsense\n"), name="rows.svm.gz"),
    ),
    "a gzip of an endless line": ("longer", zipped_bomb("svmlight", "rows.svm.gz", b"1 1:", b"2")),
    "a truncated bz2": (
        "cannot be read: Compressed file ended",
        svmlight(bz2.compress(b"1 1:2\n0 1:3\n" * 99)[:-20], name="rows.svm.bz2"),
    ),
    "a folder": ("found a folder", place("svmlight", Path.mkdir)),
    "a file that may not be read": ("cannot be read: Permission denied", place("svmlight", secret)),
}
PICTURES = {
    "pictures of two sizes": (
        "dog/9.png is 5x6, 10 are 4x4.*--image-size 4x4",
        images({**PHOTOS, "dog/9.png": png((6, 5))}),
    ),
    "a truncated picture": (
        "dog/9.png: cannot be read",
        images({**PHOTOS, "dog/9.png": png()[:-20]}),
    ),
    "cut within its header": ("dog/9.png", images({**PHOTOS, "dog/9.png": png()[:20]})),
    "no picture by that name": ("dog/9.png", images({**PHOTOS, "dog/9.png": b"no picture"})),
    "no bytes": ("dog/9.png", images({**PHOTOS, "dog/9.png": b""})),
    "a picture that would fill the memory": (
        "dog/9.png.*decompression bomb",
        images({**PHOTOS, "dog/9.png": png_header(60_000, 60_000)}),
    ),
    "a picture that would, of a size asked for": (
        "dog/9.png.*decompression bomb",
        images(
            {**PHOTOS, "dog/9.png": png_header(60_000, 60_000)},
            "--image-size",
            "4x4",
            "--color",
            "gray",
        ),
    ),
    "pictures too large": (
        "give --image-size",
        images({f"{n % 2}/{n}.png": png((5000, 1)) for n in range(4)}),
    ),
    "no class": ("no pictures", images({"0.png": png(), "1.png": png()})),
    "one class": ("one class, 'cat'", images({f"cat/{n}.png": png() for n in range(5)})),
    "a class without pictures": (
        "one class, 'cat'",
        images({**{f"cat/{n}.png": png() for n in range(5)}, "dog": None}),
    ),
    "classes without pictures": ("no pictures", images({"cat": None, "dog": None})),
    "a class of one picture": ("class 'cow' has one row", images({**PHOTOS, "cow/1.png": png()})),
    "an empty folder": ("no pictures", images({})),
    "no test pictures": (
        "class 'cat' has one row only",
        images({"train/cat/1.png": png(), "train/dog/1.png": png(), "test/dog": None}),
    ),
    "a picture that leads out": (
        "dog/9.png is a link that leads out",
        images(PHOTOS, links=[("dog/9.png", "/etc/hostname")]),
    ),
    "a class that leads out": (
        "cow is a link that leads out",
        images(PHOTOS, links=[("cow", "/etc")]),
    ),
    "a link to nothing": (
        "dog/9.png is a link that leads nowhere",
        images(PHOTOS, links=[("dog/9.png", "nowhere")]),
    ),
    "a link to itself": (
        "dog/9.png is a link that leads nowhere",
        images(PHOTOS, links=[("dog/9.png", "9.png")]),
    ),
    "a file": ("found a file", place("images", Path.touch)),
    "nothing there": ("found nothing", place("images")),
    "a class name with a line break": (
        "has a line break",
        images({**PHOTOS, "a\nb/1.png": png(), "a\nb/2.png": png()}),
    ),
    "a folder that may not be read": (
        "may not be read: Permission denied",
        place("images", in_secret_folder),
    ),
    "a size that is none": ("'foo' is not HEIGHTxWIDTH", images(PHOTOS, "--image-size", "foo"), 2),
    "a size of 0": (
        "--image-size must be from 1 to 4096",
        images(PHOTOS, "--image-size", "0x4"),
        2,
    ),
    "a color that is none": (
        "'cmyk' is not one of 'gray', 'rgb'",
        images(PHOTOS, "--color", "cmyk"),
        2,
    ),
}
TFRECORD = {
    "garbage": (
        "record 1: damaged, or no TFRecord: the file ends",
        file("tfrecord", "rows.tfrecord", b"garbage" * 9),
    ),
    "no bytes": ("no records", tfrecord()),
    "truncated": (
        "record 10: damaged, or no TFRecord: the file ends",
        tfrecord(*RECORDS, change=lambda content: content[:-5]),
    ),
    "a damaged record": (
        "record 1: damaged",
        tfrecord(*RECORDS, change=lambda content: content[:14] + b"\xff" + content[15:]),
    ),
    "a length that lies": (
        "record 1: damaged",
        file("tfrecord", "rows.tfrecord", framed(RECORDS[0], 2**40)),
    ),
    "a length beyond any memory": (
        "record 1: damaged",
        file("tfrecord", "rows.tfrecord", framed(RECORDS[0], 2**63)),
    ),
    "the greatest length": (
        "record 1: damaged",
        file("tfrecord", "rows.tfrecord", framed(RECORDS[0], 2**64 - 1)),
    ),
    "no feature": (
        "record 1: no feature 'features'; there are 'label'",
        tfrecord(example(label=[1])),
    ),
    "no feature in the third": ("record 3: no feature 'features'", other_record(3, label=[1])),
    "no label": (
        "record 1: no feature 'label'; there are 'features'",
        tfrecord(example(features=[1.0])),
    ),
    "no label in the third": ("record 3: no feature 'label'", other_record(3, features=[1.0, 2.0])),
    "a record of another length": (
        "record 3: 3 values in 'features', expected 2",
        other_record(3, features=[1.0, 2.0, 3.0], label=[1]),
    ),
    "a record of no values": (
        "record 3: 'features' is bytes, expected float",
        other_record(3, features=[], label=[1]),
    ),
    "a fraction for a label": (
        "record 3: expected one whole number or text as 'label'",
        other_record(3, features=[1.0, 2.0], label=[0.5]),
    ),
    "two labels": (
        "record 3: expected one whole number or text",
        other_record(3, features=[1.0, 2.0], label=[1, 2]),
    ),
    "a text among numbers for labels": (
        "record 3",
        other_record(3, features=[1.0, 2.0], label=[b"x"]),
    ),
    "an empty label": ("record|row 1", tfrecord(*[example(features=[1.0], label=[b""])] * 3)),
    "bytes among numbers": (
        "record 3: 'features' is bytes, expected float",
        other_record(3, features=[b"xy"], label=[1]),
    ),
    "no message": ("record 3: not a tf.Example message", tfrecord(*RECORDS[:2], b"\xff\xff")),
    "an empty message": ("record 1: no feature 'features'; there are none", tfrecord(b"")),
    "NaN": (
        "record 3, feature 1: the value is missing",
        other_record(3, features=[1.0, float("nan")], label=[1]),
    ),
    "infinity": (
        "record 3, feature 1: the value is infinite",
        other_record(3, features=[1.0, float("inf")], label=[1]),
    ),
    "a picture that is damaged": (
        "record 2",
        tfrecord(example(image=[png()], label=[0]), example(image=[png()[:-20]], label=[1])),
    ),
    "a first picture that is damaged": (
        "record 1",
        tfrecord(example(image=[png()[:20]], label=[0])),
    ),
    "a record without its picture": (
        "record 2",
        tfrecord(example(image=[png()], label=[0]), example(image=[b""], label=[1])),
    ),
    "a picture that would fill the memory": (
        "record 1",
        tfrecord(example(image=[png_header(60_000, 60_000)], label=[0])),
    ),
    "a raw example of another length": (
        "record 2: 3 values",
        tfrecord(example(image=[b"abcd"], label=[0]), example(image=[b"abc"], label=[1])),
    ),
    "several features of several values": (
        "must be one number each",
        tfrecord(example(a=[1.0, 2.0], b=[1.0], label=[0]), options=["--features", "a,b"]),
    ),
    "a later one of several values": (
        "record 2: (2 values in 'a', expected one|'[ab]' is)",
        tfrecord(
            example(a=[1.0], b=[1.0], label=[0]),
            example(a=[1.0, 2.0], b=[], label=[1]),
            options=["--features", "a,b"],
        ),
    ),
    "an unknown feature": (
        "no feature 'nonsense'; there are 'features', 'label'",
        tfrecord(*RECORDS, options=["--features", "nonsense"]),
    ),
    "an unknown label": (
        "no feature 'nonsense'",
        tfrecord(*RECORDS, options=["--label-column", "nonsense"]),
    ),
    "no gzip": ("cannot be read: Not a gzipped file", tfrecord(*RECORDS, name="rows.tfrecord.gz")),
    "a truncated gzip": (
        "cannot be read: Compressed file ended",
        tfrecord(
            *RECORDS, name="rows.tfrecord.gz", change=lambda content: gzip.compress(content)[:-20]
        ),
    ),
    "a folder of none": (r"no \*\.tfrecord\* file", place("tfrecord", Path.mkdir)),
    "nothing there": ("found nothing", place("tfrecord")),
    "a file that may not be read": ("Permission denied", place("tfrecord", secret)),
}
IDX = {
    "no IDX file": ("not an IDX file", idx(IMAGES, b"<html>")),
    "counts that lie": (
        "more than the file can hold",
        idx(IMAGES, struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**16, 2**16)),
    ),
    "truncated": ("truncated", idx(IMAGES, idx_bytes(np.zeros((6, 4, 5), np.uint8))[:-1])),
    "fewer labels": ("6 images but 5 labels", idx(LABELS, idx_bytes(np.zeros(5, np.uint8)))),
    "a folder that may not be read": ("Permission denied", place("idx", in_secret_folder)),
}
OTHERS = {
    "a name nobody knows": (
        "unknown dataset 'mnits': did you mean mnist",
        lambda folder: ["mnits"],
        2,
    ),
    "a name nobody could have": ("unknown dataset 'No Such!'", lambda folder: ["No Such!"], 2),
    "an unknown kind": ("unknown dataset", file("xlsx", "table.xlsx", ""), 2),
    "a file without its kind": (
        "did you mean csv:",
        lambda folder: [csv(GOOD)(folder)[0].removeprefix("csv:")],
        2,
    ),
    "a test fraction of 0": ("'--test-fraction'", csv(GOOD, "--test-fraction", "0"), 2),
    "a test fraction of 1": ("'--test-fraction'", csv(GOOD, "--test-fraction", "1"), 2),
    "a test fraction of NaN": ("test.fraction", csv(GOOD, "--test-fraction", "nan"), 2),
    "a memory limit that is none": ("'foo' is not a size", csv(GOOD, "--memory-limit", "foo"), 2),
    "a memory limit of 0": ("'0' is not a size", csv(GOOD, "--memory-limit", "0"), 2),
    "an encoding that is no text": (
        r"unknown encoding '\\udcff'; try latin-1",
        csv(GOOD, "--encoding", "\udcff"),
        2,
    ),
    "an encoding of zero bytes": ("unknown encoding", csv(GOOD, "--encoding", "utf\0"), 2),
    "a delimiter of two characters": (
        "'ab' is not one character",
        csv(GOOD, "--delimiter", "ab"),
        2,
    ),
    "means for what is no choice": ("'--missing'", csv(GOOD, "--missing", "zero"), 2),
}
CASES = {
    **{
        f"{kind}: {what}": case
        for kind, cases in (
            ("csv", CSV),
            ("parquet", PARQUET),
            ("npz", NPZ),
            ("npy", NPY),
            ("svmlight", SVMLIGHT),
            ("images", PICTURES),
            ("tfrecord", TFRECORD),
            ("idx", IDX),
        )
        for what, case in cases.items()
    },
    **OTHERS,
}


@contextmanager
def without_privileges():
    """Root may read what nobody may; this thread gives that up for a while."""
    if sys.platform != "linux":
        pytest.skip("drops capabilities as Linux has them")
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # capget(2), version 3; this thread
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then their upper halves
    assert libc.capget(header, sets) == 0
    kept = sets[0]
    sets[0] &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert libc.capset(header, sets) == 0
    try:
        yield
    finally:
        sets[0] = kept
        assert libc.capset(header, sets) == 0


def tree(folder):
    return sorted(str(path) for path in folder.rglob("*"))


def run_train(folder, arguments):
    arguments = ["--dataset", *arguments, "--data-dir", str(folder / "kept")]
    return CliRunner().invoke(main, [*arguments, "--output-dir", str(folder / "models")])


@pytest.mark.parametrize("name", CASES)
def test_bad_input_gets_one_line_and_leaves_nothing(tmp_path, name):
    pattern, build, *code = CASES[name]
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    arguments = build(inputs)
    before = tree(tmp_path)
    with without_privileges():
        result = run_train(tmp_path, arguments)
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == (code[0] if code else 1), result.stderr
    lines = result.stderr.splitlines()
    assert [line.startswith("Error") for line in lines[-1:]] == [True], result.stderr
    assert sum(line.startswith("Error") for line in lines) == 1
    assert "Traceback" not in result.stderr
    assert re.search(pattern, lines[-1]), lines[-1]
    if result.exit_code == 1:
        assert Path(arguments[0]).name in lines[-1]
    assert result.stdout == ""
    assert tree(tmp_path) == before
