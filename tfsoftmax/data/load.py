"""``load_dataset``, which loads a dataset from any kind of source."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from tfsoftmax.choices import with_choices
from tfsoftmax.data.cache import DatasetCache
from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.kinds import BUNDLED, KINDS, SUGGESTED, TFDS, function_of
from tfsoftmax.data.names import Location, locate, path_of_same_name
from tfsoftmax.data.options import SourceOptions, check_applicable, source_options
from tfsoftmax.data.source import Source
from tfsoftmax.distributed.workers import ALONE, Workers
from tfsoftmax.errors import UsageError
from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec
from tfsoftmax.system.bar import cell_bar
from tfsoftmax.system.paths import user_path

_log = logging.getLogger(__name__)

# Seconds of reading without a bar; what is downloaded or decoded takes longer.
_SHORT = 1.0


def default_data_dir() -> Path:
    """``$TFDS_DATA_DIR``, or else ``~/tensorflow_datasets``, as TensorFlow Datasets has it."""
    return user_path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")


@with_choices(options=SourceOptions)
def load_dataset(
    name: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    manual_dir: str | os.PathLike[str] | None = None,
    options: SourceOptions | None = None,
    model: Spec | None = None,
    workers: Workers = ALONE,
    progress_bar: bool = True,
) -> Dataset:
    """Loads a dataset by name, from any kind of source.

    Args:
      name: ``mnist5k`` or ``digits``, which need no download; the path of a file or folder,
        such as ``flowers.csv``, with its kind before it where the path does not tell it, such
        as ``csv:flowers.dat`` (`KINDS` has all); or the name of an image-classification
        dataset of TensorFlow Datasets, such as ``mnist``.
      data_dir: the folder for prepared and decoded datasets; None is `default_data_dir`'s.
      manual_dir: a folder with a TensorFlow Datasets source's original files, to prepare
        it from without a network.
      options: how to read it.
      model: spec of a model that is only to be evaluated on the rows. Then they may all be of
        one class, a class may have a single row, and svmlight rows may lack the last features;
        where no rows can be held out, all are test rows.
      workers: processes that train together, each of which calls this with the same arguments.
        Then each reads its own parts of what has parts (CSV and TFRecord files, Parquet row
        groups, rows of arrays), and the dataset is for `fit` with these workers alone. Else each
        reads all.
      progress_bar: whether a bar is shown below the cell, in a notebook, where reading takes more
        than a second; elsewhere none is.

    Raises:
      UsageError: if a kind is given without a path, lacks its package, or does not understand
        one of the options, or `manual_dir`.
      UnknownDatasetError: if no source has the name, or a path may be of several kinds;
        it suggests what to write.
      DataError: if the source cannot be read or used; in all workers if one of them finds it.
      PeerError: if another worker is gone.

    >>> dataset = load_dataset("mnist5k")
    >>> dataset.train.features.shape, dataset.test.features.shape, dataset.spec.dtype
    ((4000, 784), (1000, 784), 'uint8')
    """
    data_path = user_path(data_dir) if data_dir else default_data_dir()
    manual_path = user_path(manual_dir) if manual_dir else None
    if not isinstance(name, str | os.PathLike):
        raise UsageError(
            f"expected the name or path of a dataset, not {type(name).__name__}: from_frame(frame) "
            "makes a dataset of a table, from_arrays(X, y) of arrays"
        )
    location, options = locate(os.fspath(name)), source_options(options)
    check_applicable(options, location.kind.options, location.kind.name)
    if manual_path and location.kind is not TFDS:
        raise UsageError(
            setting("manual_dir")
            + f" does not apply to {location.kind.name}; it is for {TFDS.name}"
        )
    if (other := path_of_same_name(location)) is not None:
        _log.warning("Note: %s is the dataset of that name; the file or folder is %s", name, other)
    cache = DatasetCache(data_path)
    options = options.of_kind(location.kind)
    source = Source(location.name, options, cache, model, manual_path, workers)
    shown = cell_bar(progress_bar, after=0 if location.kind is TFDS else _SHORT)
    with workers.peer_errors(), shown as source.bar:
        return _read(location, source)


def _read(location: Location, source: Source) -> Dataset:
    read, path = function_of(location.kind.reader), location.path
    if path is None:
        dataset: Dataset = read(source)
        return dataset
    with source.reading(path):
        dataset = read(path, source)
    return dataset


def catalogue(data_dir: str | os.PathLike[str] | None = None) -> list[dict[str, Any]]:
    """Lists datasets to train on: for each its ``name``, ``about``, and ``state`` if known.

    States are ``"ready"``, ``"prepared"`` (decoded at first use) and ``"download"``.
    """
    from tfsoftmax.data.readers.tfds_builder import describe

    data_path = user_path(data_dir) if data_dir else default_data_dir()
    return [
        *({"name": kind.usage, "about": kind.about, "state": "ready"} for kind in BUNDLED.values()),
        *({"name": kind.usage, "about": kind.about} for kind in KINDS.values()),
        *({"name": name, **describe(name, data_path)} for name in SUGGESTED),
    ]
