"""Rows as ``tf.Example``s."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfsoftmax.export.tensors import IDS, PADDING, VALUES, Tensors


def serialized_examples(tensors: Tensors) -> list[bytes]:
    """Rows as serialized ``tf.Example``s.

    Args:
      tensors: of the rows, as `serving_default` takes them.
    """
    return [example_of(row).SerializeToString(deterministic=True) for row in rows_of(tensors)]


def rows_of(tensors: Tensors) -> list[dict[str, Any]]:
    """What each row has in each input, without the padding of sparse rows."""
    names, columns = list(tensors), zip(*tensors.values(), strict=True)
    rows = [dict(zip(names, row, strict=True)) for row in columns]
    if set(names) == {IDS, VALUES} and tensors[IDS].ndim == 2:
        rows = [{name: row[name][row[IDS] != PADDING] for name in names} for row in rows]
    return rows


def example_of(row: Mapping[str, Any]) -> tf.train.Example:
    """A row as a ``tf.Example``: a feature for each input; a cell that is missing has none."""
    features = {name: _feature(value) for name, value in present(row).items()}
    return tf.train.Example(features=tf.train.Features(feature=features))


def present(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without the cells that are missing."""
    return {
        name: value
        for name, value in row.items()
        if np.ndim(value) or not (value == "" or value != value)
    }


def _feature(value: Any) -> tf.train.Feature:
    if isinstance(value, str):
        texts = tf.train.BytesList(value=[value.encode("utf-8")])
        return tf.train.Feature(bytes_list=texts)
    numbers = np.ravel(value).tolist()
    if np.issubdtype(np.asarray(value).dtype, np.floating):
        return tf.train.Feature(float_list=tf.train.FloatList(value=numbers))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=numbers))
