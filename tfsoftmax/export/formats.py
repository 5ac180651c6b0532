"""What a format asks of a model and of the machine: known before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from tfsoftmax.errors import UsageError
from tfsoftmax.spec import Spec

# What none but these formats need, and none can be proven without.
_PACKAGES = {"onnx": ("onnx", "onnxruntime")}
_OF_IMAGES = ("mediapipe",)


def check_formats(formats: Sequence[str], spec: Spec | None = None) -> None:
    """Finds out before training what would fail once all is trained.

    Args:
      formats: as `export_model` takes them.
      spec: of the model; None leaves out what depends on it.

    Raises:
      UsageError: if a format lacks its package, or does not suit the model.

    >>> check_formats(["mediapipe"], Spec((4,), "float32", ("no", "yes")))
    Traceback (most recent call last):
    ...
    tfsoftmax.errors.UsageError: mediapipe is for models of images, and these examples are ...
    """
    for name in formats:
        for package in _PACKAGES.get(name, ()):
            if find_spec(package) is None:
                raise UsageError(
                    f"{name} needs the package {package}: pip install 'tfsoftmax[{name}]'"
                )
        if spec and name in _OF_IMAGES and not spec.is_image:
            shape = "x".join(map(str, spec.example_shape))
            raise UsageError(
                f"{name} is for models of images, and these examples are {shape} {spec.dtype}"
            )
