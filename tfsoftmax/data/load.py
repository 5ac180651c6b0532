"""Where data comes from: ``load_dataset`` is the door, one file a kind of source."""

from __future__ import annotations

import os
import re
from importlib import import_module
from pathlib import Path
from typing import Any

from tfsoftmax.data.cache import DatasetCache
from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.kinds import KINDS, SUGGESTED, unknown_dataset
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.readers.bundled import BUNDLED, load_bundled
from tfsoftmax.data.readers.idx import load_idx
from tfsoftmax.data.source import Source
from tfsoftmax.errors import DataError, UsageError
from tfsoftmax.spec import Spec
from tfsoftmax.system.paths import user_path

# Names TensorFlow Datasets can answer to: 'mnist', 'emnist/balanced', 'mnist:3.0.1'.
_TFDS_NAME = re.compile(r"[a-z][a-z0-9_]*(/[A-Za-z0-9_.\-]+)?(:[0-9.*]+)?")


def default_data_dir() -> Path:
    """``$TFDS_DATA_DIR``, or else ``~/tensorflow_datasets``, as TensorFlow Datasets has it."""
    return user_path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")


def load_dataset(
    name: str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    manual_dir: str | os.PathLike[str] | None = None,
    options: SourceOptions | None = None,
    model: Spec | None = None,
) -> Dataset:
    """Loads a dataset by name, whatever kind of source it comes from.

    Args:
      name: ``mnist5k`` or ``digits``, which need no download; a file or folder with its kind,
        such as ``csv:flowers.csv`` (`KINDS` has all); or the name of an image-classification
        dataset of TensorFlow Datasets, such as ``mnist``.
      data_dir: where prepared and decoded datasets are kept; None is
        `default_data_dir`'s.
      manual_dir: a folder with a TensorFlow Datasets source's original files, to prepare
        it from without a network.
      options: how to read a file or folder.
      model: what a model takes that is only to be measured on the rows. They may be of one
        class then, of classes with one row, and without the last features in svmlight; where
        none can be held out for that, all are test rows.

    Raises:
      UsageError: if a kind is given without a path, or lacks its package.
      UnknownDatasetError: if no source answers to the name; it suggests near ones.
      DataError: if the source cannot be read or used.

    >>> dataset = load_dataset("mnist5k")
    >>> dataset.train.features.shape, dataset.test.features.shape, dataset.spec.dtype
    ((4000, 784), (1000, 784), 'uint8')
    """
    data_path = user_path(data_dir) if data_dir else default_data_dir()
    cache = DatasetCache(data_path)
    if name in BUNDLED:
        return load_bundled(name, cache)
    kind, colon, rest = name.partition(":")
    if colon and kind in KINDS:
        if not rest:
            raise UsageError(f"{kind}: needs a path, as in {KINDS[kind].example}")
        source = Source(name, options or SourceOptions(), cache, model)
        return _load_path(kind, user_path(rest), source)
    if not _TFDS_NAME.fullmatch(name):
        raise unknown_dataset(name)
    # Asked first: TensorFlow Datasets' import takes longer than all that is left to do.
    cached = cache.load(name, name)
    if cached is not None:
        return cached
    from tfsoftmax.data.readers.tfds import TfdsSource

    manual_path = user_path(manual_dir) if manual_dir else None
    return TfdsSource(name, data_path, manual_path).load(cache)


def _load_path(kind: str, path: Path, source: Source) -> Dataset:
    if kind == "idx":
        return load_idx(path, only_measured=source.model is not None)
    module, function = KINDS[kind].reader
    read = getattr(import_module(f"tfsoftmax.data.readers.{module}"), function)
    try:
        return read(path, source)
    except PermissionError as error:
        place = error.filename or path
        raise DataError(f"{source.name}: {place} may not be read: {error.strerror}") from error
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{source.name}: {path} cannot be read: {reason}") from error


def catalogue(data_dir: str | os.PathLike[str] | None = None) -> list[dict[str, Any]]:
    """What can be trained on: for each entry ``name``, ``about``, and ``state`` if known.

    States are ``"ready"``, ``"prepared"`` (decoded at first use) and ``"download"``.
    """
    from tfsoftmax.data.readers.tfds import describe

    data_path = user_path(data_dir) if data_dir else default_data_dir()
    return [
        *(
            {"name": name, "about": about, "state": "ready"}
            for name, (_, _, about) in BUNDLED.items()
        ),
        *({"name": f"{kind}:PATH", "about": KINDS[kind].about} for kind in KINDS),
        *({"name": name, **describe(name, data_path)} for name in SUGGESTED),
    ]
