"""What several tests of bad data need: odd files, and what is asked of the command."""

import ctypes
import gzip
import io
import re
import struct
import sys
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from support.commands import SPELLED_FOR_PYTHON
from tfsoftmax.cli.train import main

HEADER = "a,b,label\n"
ROWS = "".join(f"{n},{n * n},{'xy'[n % 2]}\n" for n in range(10))
GOOD = HEADER + ROWS
FEATURES, CLASSES = np.arange(20, dtype=np.float32).reshape(10, 2), np.array([0, 1] * 5)


def file(kind, name, content, *options):
    """Writes one file; gives the arguments that ask for it."""

    def build(folder):
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return [f"{kind}:{path}", *options]

    return build


def csv(content, *options, name="table.csv"):
    return file("csv", name, content, *options)


def odd_path(kind, make=lambda path: None, name="there"):
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


def zipped_bomb(kind, name, start, part):
    """A gzip file of a few kilobytes that unzips to more than a line may hold."""
    times = (2**26 + 2**20) // len(part)

    def build(folder):
        return file(kind, name, gzip.compress(start + part * times, 1))(folder)

    return build


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


def cases(kind, table):
    """Parameters of a test, one for each case of one kind of data."""
    return [pytest.param(case, id=f"{kind}: {what}") for what, case in table.items()]


def assert_one_line_and_nothing_left(folder, case):
    """Runs the command on a case: (what the line says, what makes the arguments[, exit code])."""
    pattern, build, *code = case
    inputs = folder / "inputs"
    inputs.mkdir()
    arguments = build(inputs)
    before = tree(folder)
    with without_privileges():
        result = run_train(folder, arguments)
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == (code[0] if code else 1), result.stderr
    lines = result.stderr.splitlines()
    assert [line.startswith("Error") for line in lines[-1:]] == [True], result.stderr
    assert sum(line.startswith("Error") for line in lines) == 1
    assert "Traceback" not in result.stderr
    assert re.search(pattern, lines[-1]), lines[-1]
    assert not SPELLED_FOR_PYTHON.search(lines[-1]), lines[-1]
    if result.exit_code == 1:
        assert Path(arguments[0]).name in lines[-1]
    assert result.stdout == ""
    assert tree(folder) == before
