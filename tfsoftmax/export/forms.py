"""The forms in which a served model takes its rows: as tensors, and as ``tf.Example``s."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from keyword import iskeyword
from typing import Any

import numpy as np
import tensorflow as tf

from tfsoftmax.columns.column import Encoding, Input
from tfsoftmax.columns.encode import Encoder
from tfsoftmax.columns.entries import Entries
from tfsoftmax.export.tensors import DENSE, IDS, PADDING, VALUES
from tfsoftmax.spec import Spec

Tensors = dict[str, tf.Tensor]

_ARGUMENT = re.compile(r"(?!self\Z)[A-Za-z][A-Za-z0-9_]*")


class Form(ABC):
    """A form of rows: a new one has `specs`, `rows` and `parsed`."""

    @property
    @abstractmethod
    def specs(self) -> dict[str, tf.TensorSpec]:
        """Shape and type of each input, by the names that clients use.

        The name of a `TensorSpec` is that of the argument in Python.
        """

    @abstractmethod
    def rows(self, tensors: Tensors) -> tf.Tensor | Entries:
        """The inputs as the rows that a model takes."""

    @abstractmethod
    def parsed(self, serialized: tf.Tensor) -> Tensors:
        """The inputs from serialized ``tf.Example``s ``[n]``, a feature an input."""


class DenseForm(Form):
    """All features of each row: ``inputs [n, *example_shape]``, in the dataset's own dtype."""

    def __init__(self, spec: Spec):
        self.spec = spec

    @property
    def specs(self) -> dict[str, tf.TensorSpec]:
        """As for `Form`."""
        shape = [None, *self.spec.example_shape]
        return {DENSE: tf.TensorSpec(shape, self.spec.dtype, name=DENSE)}

    def rows(self, tensors: Tensors) -> tf.Tensor:
        """As for `Form`."""
        return tf.reshape(tensors[DENSE], [-1, self.spec.n_features])

    def parsed(self, serialized: tf.Tensor) -> Tensors:
        """As for `Form`."""
        kind = tf.float32 if np.issubdtype(np.dtype(self.spec.dtype), np.floating) else tf.int64
        feature = tf.io.FixedLenFeature([self.spec.n_features], kind)
        rows = tf.io.parse_example(serialized, {DENSE: feature})[DENSE]
        return {DENSE: tf.cast(rows, self.spec.dtype)}


class SparseForm(Form):
    """The entries of each row: ``ids [n, k]`` int32 and ``values [n, k]`` float32.

    k is any number, and rows of fewer entries are filled up with ids of -1.
    """

    @property
    def specs(self) -> dict[str, tf.TensorSpec]:
        """As for `Form`."""
        return {
            IDS: tf.TensorSpec([None, None], tf.int32, name=IDS),
            VALUES: tf.TensorSpec([None, None], tf.float32, name=VALUES),
        }

    def rows(self, tensors: Tensors) -> Entries:
        """As for `Form`."""
        ids, values = tensors[IDS], tensors[VALUES]
        places = tf.where(ids > PADDING)
        return Entries(
            places[:, 0],
            tf.cast(tf.gather_nd(ids, places), tf.int64),
            tf.gather_nd(values, places),
            tf.shape(ids, tf.int64)[0],
        )

    def parsed(self, serialized: tf.Tensor) -> Tensors:
        """As for `Form`."""
        features = {IDS: tf.io.RaggedFeature(tf.int64), VALUES: tf.io.RaggedFeature(tf.float32)}
        found = tf.io.parse_example(serialized, features)
        ids = found[IDS].to_tensor(tf.constant(PADDING, tf.int64))
        return {IDS: tf.cast(ids, tf.int32), VALUES: found[VALUES].to_tensor()}


class CellsForm(Form):
    """The cells of a table's rows: a tensor ``[n]`` for each column that the encoding reads.

    Attributes:
      encoder: has the vocabularies, and so must be an attribute of what is saved.
    """

    def __init__(self, encoding: Encoding):
        self.encoding, self.encoder = encoding, Encoder(encoding)

    @property
    def specs(self) -> dict[str, tf.TensorSpec]:
        """As for `Form`."""
        arguments = argument_names(self.encoding.inputs)
        return {
            each.name: tf.TensorSpec([None], each.dtype, name=arguments[each.name])
            for each in self.encoding.inputs
        }

    def rows(self, tensors: Tensors) -> tf.Tensor | Entries:
        """As for `Form`."""
        entries = self.encoder(tensors)
        return entries if self.encoding.sparse else entries.dense(self.encoding.n_features)

    def parsed(self, serialized: tf.Tensor) -> Tensors:
        """As for `Form`; a feature that is not there is missing."""
        features = {each.name: _cell_feature(each) for each in self.encoding.inputs}
        return tf.io.parse_example(serialized, features)


def _cell_feature(given: Input) -> tf.io.FixedLenFeature:
    default: Any = {"string": "", "float32": np.nan}.get(given.dtype)
    return tf.io.FixedLenFeature([], given.dtype, default)


def argument_names(inputs: Sequence[Input]) -> dict[str, str]:
    """The argument that stands for each column in the function of a signature.

    It is the column's name, if that can name an argument in Python and in TensorFlow, whose
    functions call themselves ``self``.

    >>> columns = (Input("sex", "string"), Input("a/b", "string"), Input("class", "string"))
    >>> argument_names(columns)
    {'sex': 'sex', 'a/b': 'column_1', 'class': 'column_2'}
    """
    names = [each.name for each in inputs]
    usable = {name for name in names if _ARGUMENT.fullmatch(name) and not iskeyword(name)}
    found = {}
    for index, name in enumerate(names):
        other = f"column_{index}"
        while other in usable:
            other += "_"
        found[name] = name if name in usable else other
    return found


def form_of(spec: Spec) -> Form:
    """The form of rows of features, as training has them."""
    return SparseForm() if spec.sparse else DenseForm(spec)
