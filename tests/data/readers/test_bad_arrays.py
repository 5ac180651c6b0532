"""Bad NumPy files, through the command itself: one line, nothing written."""

import io
import re
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support.bad_input import (
    CLASSES,
    FEATURES,
    GOOD,
    assert_one_line_and_nothing_left,
    cases,
    file,
    odd_path,
    secret,
)
from support.data_files import npy_header


def archive(save=np.savez, options=(), change=lambda content: content, **arrays):
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return file("npz", "arrays.npz", change(buffer.getvalue()), *options)


def zip_headers(flags=0, method=0):
    """Changes flags and compression method in all headers of a zip file."""
    told = struct.pack("<HH", flags, method)

    def change(content):
        for start, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            for found in list(re.finditer(re.escape(start), content)):
                at = found.start() + offset
                content = content[:at] + told + content[at + 4 :]
        return content

    return change


def npy(array, header=None):
    buffer = io.BytesIO()
    np.save(buffer, array)
    if header is None:
        return buffer.getvalue()
    return npy_header(repr(header).encode()) + array.tobytes()


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
        path = folder / "arrays"
        path.mkdir()
        for name, content in contents.items():
            (path / f"{name}.npy").write_bytes(content)
        return [f"npy:{path}"]

    return build


NPZ = {
    "not one": ("not an .npz file", file("npz", "arrays.npz", GOOD)),
    "a .npy file": ("not an .npz file", file("npz", "arrays.npz", npy(FEATURES))),
    "nothing there": ("found nothing", odd_path("npz"), 2),
    "a folder": ("found a folder", odd_path("npz", Path.mkdir)),
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
        "row 1: the label 0.5 is not a class",
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
        members(features=npy_header(b"garbage, no dict"), labels=npy(CLASSES)),
    ),
    "a header of brackets": (
        "array features: its header cannot be read",
        members(features=npy_header(b"(" * 9000), labels=npy(CLASSES)),
    ),
    "a header of signs": (
        "array features: its header cannot be read",
        members(features=npy_header(b"-" * 8999 + b"1"), labels=npy(CLASSES)),
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
        archive(change=zip_headers(flags=1), features=FEATURES, labels=CLASSES),
    ),
    "another compression": (
        "array features: .*compression",
        archive(change=zip_headers(method=99), features=FEATURES, labels=CLASSES),
    ),
    "a file that may not be read": ("cannot be read: Permission denied", odd_path("npz", secret)),
}

NPY = {
    "nothing there": ("found nothing", odd_path("npy"), 2),
    "an empty folder": (r"no \*.npy file in this folder", odd_path("npy", Path.mkdir)),
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
        npy_folder(features=npy_header(b"-" * 8999 + b"1"), labels=npy(CLASSES)),
    ),
    "NaN": (
        "row 5, feature 1: the value is missing",
        npy_folder(
            features=npy(np.where(FEATURES == 11, np.nan, FEATURES).astype(np.float32)),
            labels=npy(CLASSES),
        ),
    ),
}


@pytest.mark.parametrize("case", cases("npz", NPZ))
def test_bad_npz(tmp_path, case):
    assert_one_line_and_nothing_left(tmp_path, case)


@pytest.mark.parametrize("case", cases("npy", NPY))
def test_bad_npy(tmp_path, case):
    assert_one_line_and_nothing_left(tmp_path, case)
