"""What a ``tf.Example`` record holds: its label and its example.

A record has a feature for the label, ``label`` unless `SourceOptions.label_column` names
another, one int64 or one bytes (a text); and one for the example, ``features``, ``inputs``
or ``image`` unless `SourceOptions.features` names another: floats or int64s, as many in each
record, or bytes: an encoded PNG, JPEG or WebP picture, or raw uint8 values. Several names are
several features of one number each. A pair of names, ``ids:values``, are the ids and values of
sparse rows, as many as a record has.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tfsoftmax.choices import Fill
from tfsoftmax.data.images import read_image
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.data.readers.image_folder import check_side, head_of
from tfsoftmax.data.readers.sparse_records import find_pair
from tfsoftmax.data.source import Source
from tfsoftmax.data.tables.columns import named
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec

_FEATURES = ("features", "inputs", "image")
_PICTURE_STARTS = (b"\x89PNG", b"\xff\xd8", b"RIFF")


class Layout(NamedTuple):
    """The form of a record, found in the first one.

    Attributes:
      label: the feature with the label.
      of_label: ``"int64"`` or ``"bytes"``.
      features: the features with the example.
      kind: ``"float"``, ``"int64"``, ``"raw"``, ``"picture"`` or ``"sparse"``.
      shape: of an example; empty for sparse ones, whose features are counted as they are read.
    """

    label: str
    of_label: str
    features: tuple[str, ...]
    kind: str
    shape: tuple[int, ...]

    def spec(self, names: tuple[str, ...], missing: Fill | None = None) -> Spec:
        """What an example is."""
        if self.kind == "picture":
            return Spec(self.shape, "uint8", names, (0, 255))
        named = len(self.features) > 1 and self.kind != "sparse"
        feature_names = self.features if named else None
        dtype = "uint8" if self.kind == "raw" else "float32"
        return Spec(self.shape, dtype, names, None, feature_names, missing)


def parsed_record(record: bytes, where: str) -> dict[str, tuple[str, Any]]:
    """Parses a record into its features: kind and values of each.

    Args:
      record: a serialized ``tf.Example``.
      where: its name, for messages.

    Raises:
      DataError: if it is none.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        example = tf.train.Example.FromString(record)
    except DecodeError as error:
        raise DataError(f"{where}: not a tf.Example message") from error
    found = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        if kind:
            found[name] = kind.removesuffix("_list"), getattr(feature, kind).value
    return found


def layout_of(record: bytes, where: str, source: Source) -> Layout:
    """Finds out what a record holds.

    Args:
      record: a serialized ``tf.Example``.
      where: its name, for messages.
      source: its options may name the features.

    Raises:
      DataError: if it lacks a feature, or one is of a kind that cannot be used.
    """
    options = source.options
    found = parsed_record(record, where)
    label = options.label_column or "label"
    pair = find_pair(options.features, found, where, _FEATURES)
    names = pair or named(options.features or (), found)
    names = names or tuple(name for name in _FEATURES if name in found)[:1]
    wanted = [*(names or _FEATURES[:1]), label]
    missing = [name for name in wanted if name not in found]
    if missing:
        raise DataError(
            f"{where}: no feature {missing[0]!r}; there are "
            f"{', '.join(map(repr, sorted(found))) or 'none'}: name them with "
            + setting("features")
            + " and "
            + setting("label_column")
        )
    kinds = {found[name][0] for name in names}
    of_label = found[label][0]
    if pair:
        return Layout(label, of_label, pair, "sparse", ())
    if len(names) > 1:
        if "bytes" in kinds or any(len(found[name][1]) != 1 for name in names):
            raise DataError(f"{where}: several " + setting("features") + " must be one number each")
        kind = "int64" if kinds == {"int64"} else "float"
        return Layout(label, of_label, names, kind, (len(names),))
    kind, values = found[names[0]]
    if not len(values) or values[0] == b"":
        raise DataError(f"{where}: feature {names[0]!r} is empty")
    if kind != "bytes":
        return Layout(label, of_label, names, kind, (len(values),))
    if not values[0].startswith(_PICTURE_STARTS):
        return Layout(label, of_label, names, "raw", (len(values[0]),))
    shape = _picture_shape(values[0], f"{where}, feature {names[0]!r}", options)
    return Layout(label, of_label, names, "picture", shape)


def _picture_shape(content: bytes, where: str, options: SourceOptions) -> tuple[int, ...]:
    size, gray = head_of(where, content)
    size = options.image_size or size
    check_side(where, size)
    color = options.color or ("gray" if gray else "rgb")
    return (*size, 3) if color == "rgb" else tuple(size)


def label_of(found: dict[str, tuple[str, Any]], layout: Layout, here: str) -> Any:
    """The label of a record: a whole number, or bytes.

    Args:
      found: as `parsed_record` returns it, with the label.
      layout: that of the first record.
      here: the record's name, for messages.

    Raises:
      DataError: if it is missing, or not one such value.
    """
    kind, values = found[layout.label]
    if len(values) != 1 or kind == "float":
        raise DataError(f"{here}: expected one whole number or text as {layout.label!r}")
    if kind != layout.of_label:
        raise DataError(f"{here}: {layout.label!r} is {kind}, expected {layout.of_label}")
    if values[0] == b"":
        raise DataError(f"{here}: the label is missing; fill it in, or leave the record out")
    return values[0]


def example_of(
    found: dict[str, tuple[str, Any]],
    layout: Layout,
    spec: Spec,
    options: SourceOptions,
    here: str,
) -> np.ndarray:
    """The example of a record that is not sparse, ``[n_features]``.

    Args:
      found: as `parsed_record` returns it, with all features of the layout.
      layout: that of the first record.
      spec: of examples.
      options: how pictures are read.
      here: the record's name, for messages.

    Raises:
      DataError: if it is of another form than the first one.
    """
    kinds = {found[name][0] for name in layout.features}
    expected = "bytes" if layout.kind in ("raw", "picture") else layout.kind
    name = layout.features[0]
    if (kinds & {"bytes"}) != ({expected} & {"bytes"}):
        raise DataError(f"{here}: {name!r} is {kinds.pop()}, expected {expected}")
    values: Any = found[name][1]
    if len(layout.features) > 1 or expected == "bytes":
        for name in layout.features:
            if len(found[name][1]) != 1:
                raise DataError(f"{here}: {len(found[name][1])} values in {name!r}, expected one")
        values = [found[name][1][0] for name in layout.features]
    if layout.kind == "picture":
        _check_picture(values[0], spec, options, here)
        return read_image(here, spec, content=values[0]).reshape(-1)
    if layout.kind == "raw":
        values = np.frombuffer(values[0], np.uint8)
    if len(values) != spec.n_features:
        raise DataError(
            f"{here}: {len(values):,} values in {name!r}, expected {spec.n_features:,} as in "
            "record 1"
        )
    return np.asarray(values)


def _check_picture(content: bytes, spec: Spec, options: SourceOptions, here: str) -> None:
    """Checks that a later picture is not scaled, nor its color dropped, without being asked."""
    size, gray = head_of(here, content)
    first = spec.example_shape
    if not options.image_size and size != first[:2]:
        raise DataError(
            f"{here}: a picture of {size[0]}x{size[1]}, expected {first[0]}x{first[1]} as in "
            "record 1; have all scaled to one with " + setting("image_size", first[:2])
        )
    if not options.color and not gray and len(first) == 2:
        raise DataError(
            f"{here}: a picture in color, expected gray as in record 1; give " + setting("color")
        )
