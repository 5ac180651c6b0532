"""A picture sheet: some training pictures of each class, to see whether labels are right."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.images import as_rgb
from tfsoftmax.errors import UsageError

_PICTURES_PER_CLASS = 12
_MOST_CLASSES = 40
_SIDE = 48  # pixels
_GAP = 4  # pixels
_LETTER_WIDTH = 7  # pixels


def picture_sheet(dataset: Dataset, seed: int = 0) -> bytes:
    """Makes a PNG file with a row of random training pictures for each class.

    Args:
      dataset: of images.
      seed: of the random choice of pictures.

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
    margin = _GAP + _LETTER_WIDTH * max(len(name) for name in names)
    size = (margin + _PICTURES_PER_CLASS * (_SIDE + _GAP), len(names) * (_SIDE + _GAP) + _GAP)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for label, name in enumerate(names):
        top = _GAP + label * (_SIDE + _GAP)
        draw.text((_GAP, top + _SIDE / 2 - _LETTER_WIDTH), name, fill="black")
        rows = np.flatnonzero(dataset.train.labels == label)
        chosen = np.sort(generator.permutation(rows)[:_PICTURES_PER_CLASS])
        if not len(chosen):
            continue
        pictures = as_rgb(dataset.train.features[chosen].reshape(-1, *spec.example_shape), spec)
        for column, picture in enumerate(pictures):
            scaled = Image.fromarray(picture).resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
            sheet.paste(scaled, (margin + column * (_SIDE + _GAP), top))
    stream = io.BytesIO()
    sheet.save(stream, "PNG")
    return stream.getvalue()
