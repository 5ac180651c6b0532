"""IDX files made for tests."""

import gzip
import struct

import numpy as np

NAMES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}

IMAGES, LABELS = NAMES["train"]


def idx_bytes(array):
    """IDX as its description has it, written independently of the reader."""
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def write_folder(folder, n_train=6, n_test=3, compress=gzip.compress, ending=".gz"):
    generator = np.random.default_rng(0)
    arrays = {}
    for part, n_samples in (("train", n_train), ("test", n_test)):
        images = generator.integers(256, size=(n_samples, 4, 5)).astype(np.uint8)
        labels = (np.arange(n_samples) % 3).astype(np.uint8)
        for name, array in zip(NAMES[part], (images, labels), strict=True):
            (folder / f"{name}{ending}").write_bytes(compress(idx_bytes(array)))
        arrays[part] = images, labels
    return arrays
