"""Damaged and lying files for the parsers that are ours: a result or one line, soon and in bounds.

Damage is drawn with a fixed seed, so that a file that does harm can be made again.
"""

import gzip
import io
import random
import signal
import struct
import tracemalloc
import zipfile
from itertools import chain

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.data_files import npy_header
from support.idx import idx_bytes
from support.tfrecord import example, framed

from tfsoftmax import DataError, SourceOptions
from tfsoftmax.data.cache import DatasetCache
from tfsoftmax.data.collector import Collector
from tfsoftmax.data.readers.arrays import load_npz, mapped
from tfsoftmax.data.readers.idx import _MAX_EXPANSION, read_idx
from tfsoftmax.data.readers.parquet import load_parquet
from tfsoftmax.data.readers.record_files import check_frames
from tfsoftmax.data.readers.svmlight import load_svmlight
from tfsoftmax.data.readers.tfrecord import _add, _layout, load_tfrecord
from tfsoftmax.data.source import Source

LIMIT = 2**20
# What a parser needs for itself, whatever the file: objects, buffers of a decompressor.
OWN = 2**23
SECONDS = 10
SIZES = (0, 1, 2, 127, 255, 2**16 - 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)


def damaged(content, draw):
    """A few bytes changed, cut out, put in, repeated or made a number that counts something."""
    content = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at = draw.randint(0, max(0, len(content) - 1))
        kind = draw.randrange(6)
        if kind == 0 and content:
            content[at] = draw.randrange(256)
        elif kind == 1 and content:
            content[at] ^= 1 << draw.randrange(8)
        elif kind == 2:
            del content[at : at + draw.randint(1, 40)]
        elif kind == 3:
            content[at:at] = draw.randbytes(draw.randint(1, 12))
        elif kind == 4:
            size, order = draw.choice((2, 4, 8)), draw.choice(("little", "big"))
            number = draw.choice(SIZES) % 2 ** (8 * size)
            content[at : at + size] = number.to_bytes(size, order)
        else:
            content[at:at] = content[max(0, at - 30) : at]
    if draw.random() < 0.1:
        del content[draw.randint(0, len(content)) :]
    return bytes(content)


def noise(draw):
    return draw.randbytes(draw.choice((0, 1, 3, 4, 12, 30, 200)))


def lying_idx(draw):
    sizes = [draw.choice(SIZES) % 2**32 for _ in range(3)]
    kinds = draw.choice((8, 8, 8, 9, 13)), draw.choice((3, 3, 3, 1, 4, 255))
    return struct.pack(">HBB3I", 0, *kinds, *sizes) + noise(draw)


def lying_npy(draw):
    def shape():
        sizes = (*SIZES, -1, -2, 10**30, 1.5, "10", None, True)
        return tuple(draw.choice(sizes) for _ in range(draw.randrange(4)))

    header = {
        "descr": draw.choice(
            ("<f4", "|u1", ">i8", "<U0", "|V0", "|O", "<U99999", "M8[s]", "f4,O", 5, [("a", "<f4")])
        ),
        "fortran_order": draw.choice((True, False, 0, "no")),
        "shape": draw.choice((shape(), (2, 3), (6,), list(shape()), 7)),
    }
    if draw.random() < 0.1:
        del header[draw.choice(list(header))]
    text = repr(header).encode()
    if draw.random() < 0.02:  # slow to be refused, so not too many
        text = draw.choice((text * 9, b"(" * draw.randrange(9000), b"-" * 8999 + b"1"))
    content = draw.choice((bytes(24), b"", noise(draw)))
    if draw.random() < 0.2:  # with the length that other versions have, and any length
        length = draw.choice((len(text), draw.choice(SIZES) % 2**32))
        version = bytes([draw.choice((2, 3, 0, 4, 255)), 0])
        return b"\x93NUMPY" + version + struct.pack("<I", length) + text + content
    return npy_header(text) + content


def zipped(draw, features, labels):
    buffer = io.BytesIO()
    kind = draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        archive.writestr("features.npy", features)
        archive.writestr("labels.npy", labels)
    return buffer.getvalue()


def saved(save=np.save, **arrays):
    buffer = io.BytesIO()
    save(buffer, *arrays.values()) if save is np.save else save(buffer, **arrays)
    return buffer.getvalue()


FEATURES = np.arange(20, dtype=np.float32).reshape(10, 2)
LABELS = np.arange(10) % 2
GOOD_IDX = idx_bytes(np.arange(60, dtype=np.uint8).reshape(3, 4, 5))
GOOD_NPY = [saved(x=FEATURES), saved(x=np.asfortranarray(FEATURES)), saved(x=LABELS.astype("U5"))]
GOOD_NPZ = [
    saved(save, features=features, labels=labels)
    for save in (np.savez, np.savez_compressed)
    for features in (FEATURES, np.asfortranarray(FEATURES), FEATURES.astype(np.uint8))
    for labels in (LABELS, LABELS.astype("U3"))
]
PICTURE = io.BytesIO()
Image.new("L", (3, 3), 9).save(PICTURE, "png")
MESSAGES = [
    example(features=[1.0, 2.0], label=[1]),
    example(features=[1, 2], label=[b"x"]),
    example(image=[PICTURE.getvalue()], label=[0]),
    example(inputs=[bytes(9)], label=[-1]),
]
FRAME = pd.DataFrame({"x": FEATURES[:, 0], "label": ["u", "v"] * 5}, index=range(5, 15))
FRAMES = b"".join(framed(message) for message in MESSAGES[:1] * 3)


def any_idx(draw):
    good = (lambda draw: GOOD_IDX, lambda draw: damaged(GOOD_IDX, draw))
    return draw.choice((*good, lying_idx, noise))(draw)


def gzipped_idx(draw):
    content = gzip.compress(any_idx(draw), draw.randint(0, 9), mtime=0)
    return draw.choice((content, damaged(content, draw), content + noise(draw), content * 2))


def any_npy(draw):
    good = draw.choice(GOOD_NPY)
    return draw.choice(
        (good, damaged(good, draw), damaged(good, draw), lying_npy(draw), noise(draw))
    )


def any_npz(draw):
    good = draw.choice(GOOD_NPZ)
    kind = draw.randrange(6)
    if kind < 3:
        return damaged(good, draw)
    if kind == 3:
        return draw.choice((good, noise(draw), good + noise(draw), noise(draw) + good))
    inner = zipped(draw, any_npy(draw), draw.choice((saved(x=LABELS), any_npy(draw))))
    return draw.choice((inner, damaged(inner, draw)))


def any_frames(draw):
    lying = framed(noise(draw), draw.choice(SIZES))
    return draw.choice((FRAMES, damaged(FRAMES, draw), FRAMES + lying, lying, noise(draw)))


def any_messages(draw):
    """Three of a kind, of which some are damaged or something else."""
    good = draw.choice(MESSAGES)
    others = (damaged(good, draw), damaged(draw.choice(MESSAGES), draw), noise(draw))
    return [draw.choice((good, good, good, *others)) for _ in range(3)]


def source(folder):
    options = SourceOptions(memory_limit=LIMIT)
    return Source("npz:fuzz", options, DatasetCache(folder / "kept"))


def fed(parse, make, bound):
    """A parser of files, what is fed to it, and the most bytes it may take for a file's size."""

    def run(folder, draw):
        path = folder / "fuzz"
        content = make(draw)
        path.write_bytes(content)
        return (lambda: parse(path, folder)), bound(len(content)) + OWN

    return run


def messages(folder, draw):
    records = any_messages(draw)

    def parse():
        assert collected(records, source(folder)).n_samples == 3

    return parse, OWN


def collected(records, source):
    collector = Collector(source, "", lambda: source.cache.folder)
    _add(collector, records, _layout(records, "fuzz", source), "fuzz", 1, source)
    return collector


def any_svmlight(draw):
    rows = "".join(f"{n % 2} 1:{n} {draw.choice((2, 3, 9))}:0.5\n" for n in range(10)).encode()
    packed = draw.choice((bytes, bytes, gzip.compress))
    return draw.choice((packed(rows), damaged(packed(rows), draw), packed(damaged(rows, draw))))


def any_parquet(draw):
    good = FRAME.to_parquet()
    content = bytearray(good)
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    return draw.choice((good, bytes(content), bytes(content), damaged(good, draw)))


PARSERS = {
    # Dense, so that an index makes columns: as many as are let be for so few rows.
    "svmlight": fed(
        lambda path, folder: load_svmlight(path, source(folder)), any_svmlight, lambda size: 2**24
    ),
    # What pandas noted of the table is in it, as JSON. Arrow's own memory is not counted.
    "parquet": fed(
        lambda path, folder: load_parquet(path, source(folder)), any_parquet, lambda size: 2**24
    ),
    "idx": fed(lambda path, _: read_idx(path, 3), any_idx, lambda size: 3 * size),
    "idx, gzipped": fed(
        lambda path, _: read_idx(path, 3), gzipped_idx, lambda size: 3 * size * _MAX_EXPANSION
    ),
    "npy": fed(lambda path, _: mapped(path), any_npy, lambda size: 3 * size),
    # Labels become Python's objects.
    "npz": fed(
        lambda path, folder: load_npz(path, source(folder)),
        any_npz,
        lambda size: 64 * min(size * _MAX_EXPANSION, LIMIT),
    ),
    "tfrecord, frames": fed(
        lambda path, _: check_frames(path, "fuzz", LIMIT), any_frames, lambda size: 3 * size
    ),
    "tfrecord, messages": messages,
}


class HungError(BaseException):
    """Not an Exception, which a parser may take for the file's fault."""


def hung(*_):
    raise HungError


def run_all(folder, name, seeds):
    """Counts of those taken and refused; what neither takes nor refuses a file is a bug."""
    taken = refused = 0
    signal.signal(signal.SIGALRM, hung)
    tracemalloc.start()
    try:
        for seed in seeds:
            parse, bound = PARSERS[name](folder, random.Random(f"{name} {seed}"))
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            signal.alarm(SECONDS)
            try:
                parse()
                taken += 1
            except DataError as error:
                refused += 1
                assert str(error).startswith((str(folder), "npz:fuzz", "fuzz")), seed
                assert "\n" not in str(error), seed
            except ValueError as error:  # of `mapped`, whose callers name the file
                assert name == "npy", seed
                assert str(error), seed
                refused += 1
            except Exception as error:
                raise AssertionError(f"{name}, seed {seed}: {error!r}") from error
            finally:
                signal.alarm(0)
            peak = tracemalloc.get_traced_memory()[1] - before
            assert peak <= bound, f"{name}, seed {seed}: {peak:,} bytes, bound {bound:,}"
    finally:
        tracemalloc.stop()
    return taken, refused


@pytest.fixture(scope="module", autouse=True)
def imported(tmp_path_factory):
    """What is imported on first use is not counted as a file's."""
    folder = tmp_path_factory.mktemp("warm")
    (folder / "rows.tfrecord").write_bytes(FRAMES)
    (folder / "arrays.npz").write_bytes(GOOD_NPZ[0])
    (folder / "rows.svm").write_text("0 1:1\n1 1:2\n" * 5)
    load_svmlight(folder / "rows.svm", source(folder))
    load_npz(folder / "arrays.npz", source(folder))
    with pytest.raises(DataError, match="one class"):
        load_tfrecord(folder / "rows.tfrecord", source(folder))
    for message in MESSAGES:
        collected([message], source(folder))


SOME, MANY = range(340), range(340, 340 + 16_700)
FEWER = dict.fromkeys(("parquet", "svmlight"), range(60))  # of those that others parse slowly


@pytest.mark.parametrize("name", PARSERS)
def test_no_file_does_harm(tmp_path, name):
    taken, refused = run_all(tmp_path, name, FEWER.get(name, SOME))
    assert min(taken, refused) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", PARSERS)
def test_no_file_of_very_many_does_harm(tmp_path, name):
    run_all(tmp_path, name, MANY)


def test_no_damaged_record_file_stops_tensorflow(tmp_path):
    """Through TensorFlow's own reader, which believes lengths whose checksum is right."""
    path = tmp_path / "rows.tfrecord"
    for seed in range(40):
        path.write_bytes(any_frames(random.Random(seed)))
        with pytest.raises(DataError, match="one class|no records|record [1-4]"):
            load_tfrecord(path, source(tmp_path))


def test_headers_within_zipped_arrays_are_read_no_further_than_they_may_be(tmp_path):
    """A header of 200 MB packs to 200 kB; the memory it would take is never taken."""
    path = tmp_path / "arrays.npz"
    start = b"\x93NUMPY\2\0" + struct.pack("<I", 2**32 - 1)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("features.npy", "w") as file:
            for part in chain([start], (b" " * 2**20 for _ in range(200))):
                file.write(part)
        archive.writestr("labels.npy", saved(x=LABELS))
    tracemalloc.start()
    with pytest.raises(DataError, match="promises to be 4,294,967,295 bytes long"):
        load_npz(path, source(tmp_path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**21
