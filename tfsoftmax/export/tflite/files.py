"""TFLite files as they are written: a converted model, with what goes along attached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfsoftmax.export.tflite import attached, convert, metadata, trainable

if TYPE_CHECKING:
    from tfsoftmax.export.formats import Ingredients


def make(name: str, ingredients: Ingredients) -> bytes:
    """A file that takes examples as the model does, of the format of this name."""
    spec, batch = ingredients.exported.model.spec, ingredients.options.get("tflite_batch")
    content = convert.convert(ingredients.exported, name, ingredients.calibration, batch)
    described = metadata.attach(content, spec, ingredients.name, spec.example_shape)
    return attached.append(described, spec, ingredients.name, batch)


def make_for_mediapipe(ingredients: Ingredients) -> bytes:
    """A file that takes one picture, as MediaPipe Tasks hand it over."""
    spec = ingredients.exported.model.spec
    content = convert.convert_for_mediapipe(ingredients.exported)
    picture = (*spec.example_shape[:2], 3)
    described = metadata.attach(content, spec, ingredients.name, picture)
    return attached.append(described, spec, ingredients.name)


def make_trainable(ingredients: Ingredients) -> bytes:
    """A file that goes on learning where it runs."""
    model, batch = ingredients.exported.model, ingredients.options.get("tflite_batch")
    content = trainable.convert(model, batch)
    return attached.append(content, model.spec, ingredients.name, batch)
