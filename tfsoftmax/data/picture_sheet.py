"""A sheet of pictures, some of each class: whether they are what one thinks they are."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.images import as_rgb
from tfsoftmax.errors import UsageError

_A_CLASS, _MOST_CLASSES = 12, 40
_SIDE, _GAP, _LETTER = 48, 4, 7


def picture_sheet(dataset: Dataset, seed: int = 0) -> bytes:
    """A PNG file with a row of training pictures for each class, drawn at random.

    Args:
      dataset: of images.
      seed: of the draw.

    Raises:
      UsageError: if its examples are no images.

    >>> import tfsoftmax
    >>> picture_sheet(tfsoftmax.load_dataset("digits"))[1:4]
    b'PNG'
    """
    spec = dataset.spec
    if not spec.is_image:
        raise UsageError(
            f"{dataset.name}: its examples are no images, so there is no picture sheet"
        )
    generator = np.random.default_rng(seed)
    names = spec.class_names[:_MOST_CLASSES]
    margin = _GAP + _LETTER * max(len(name) for name in names)
    size = (margin + _A_CLASS * (_SIDE + _GAP), len(names) * (_SIDE + _GAP) + _GAP)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for place, name in enumerate(names):
        top = _GAP + place * (_SIDE + _GAP)
        draw.text((_GAP, top + _SIDE / 2 - _LETTER), name, fill="black")
        rows = np.flatnonzero(dataset.train.labels == place)
        chosen = np.sort(generator.permutation(rows)[:_A_CLASS])
        if not len(chosen):
            continue
        pictures = as_rgb(dataset.train.features[chosen].reshape(-1, *spec.example_shape), spec)
        for column, picture in enumerate(pictures):
            scaled = Image.fromarray(picture).resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
            sheet.paste(scaled, (margin + column * (_SIDE + _GAP), top))
    stream = io.BytesIO()
    sheet.save(stream, "PNG")
    return stream.getvalue()
