"""Bad IDX files, through the command itself: one line, nothing written."""

import struct

import numpy as np
import pytest
from support.bad_input import assert_one_line_and_nothing_left, cases, in_secret_folder, odd_path
from support.idx import IMAGES, LABELS, idx_bytes, write_folder


def idx(name, content):
    def build(folder):
        path = folder / "mnist"
        path.mkdir()
        write_folder(path)
        (path / f"{name}.gz").write_bytes(content)
        return [f"idx:{path}"]

    return build


IDX = {
    "no IDX file": ("not an IDX file", idx(IMAGES, b"<html>")),
    "counts that lie": (
        "more than the file can hold",
        idx(IMAGES, struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**16, 2**16)),
    ),
    "truncated": ("truncated", idx(IMAGES, idx_bytes(np.zeros((6, 4, 5), np.uint8))[:-1])),
    "fewer labels": ("6 images but 5 labels", idx(LABELS, idx_bytes(np.zeros(5, np.uint8)))),
    "a folder that may not be read": ("Permission denied", odd_path("idx", in_secret_folder)),
}


@pytest.mark.parametrize("case", cases("idx", IDX))
def test_bad_idx(tmp_path, case):
    assert_one_line_and_nothing_left(tmp_path, case)
