"""Every form a model is written in beside the SavedModel: a row of `FORMATS` each.

A row says all there is to know of one: how the command asks for it, its file and its options,
what it needs, how it is made, loaded again and judged, and what runs it. The command's options,
`export_model`, its proof, `verify`, the card and ``tfsoftmax.json`` go by the rows. What is slow
to import is imported by the functions that a row names, when they are called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tfsoftmax.choices import did_you_mean
from tfsoftmax.errors import UsageError
from tfsoftmax.export.tolerances import EXACT, HALF, INTEGER, Demand
from tfsoftmax.messages import setting

if TYPE_CHECKING:
    from tfsoftmax.data.features import FeaturesLike
    from tfsoftmax.export.exported_model import ExportedModel
    from tfsoftmax.export.predictor import Predictor
    from tfsoftmax.spec import Spec

DEFAULT = ("float32",)


class Ingredients(NamedTuple):
    """What an artefact is made from.

    Attributes:
      exported: the model.
      name: of the model.
      calibration: raw training rows, for the integer formats.
      options: the formats' options that are not left open, by name.
    """

    exported: ExportedModel
    name: str
    calibration: FeaturesLike | None = None
    options: Mapping[str, int] = {}


@dataclass(frozen=True)
class FormatOption:
    """A whole number that formats take, as a keyword of `export_model` and a command's option.

    Attributes:
      name: in Python and in ``tfsoftmax.json``.
      least, most: what it may be.
      help: for the command.
      note: what the card says of it.
    """

    name: str
    least: int
    most: int
    help: str
    note: Callable[[int], str]

    def check(self, value: Any) -> int:
        """The number.

        Raises:
          UsageError: if it is not a whole number in that range.
        """
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not (whole and self.least <= value <= self.most):
            raise UsageError(
                setting(self.name)
                + f" must be a whole number from {self.least} to {self.most}, not "
                f"{value!r}"
            )
        return int(value)


@dataclass(frozen=True)
class Format:
    """A form that a model is written in.

    Attributes:
      name: in Python and in the command.
      file: what it is called in a version's folder; its ending says how it is loaded.
      about: what it is for.
      make: the content of the file.
      load: what answers from the file again.
      oldest_runtime: from the file's content, the oldest runtime that runs it.
      listed: whether it is one of the names in the command's list of TFLite files; if not, the
        command has an option of its name.
      demand: how closely it must answer as the model does.
      packages: needed to make and to prove it; an extra of its name installs them.
      only_images: whether only models of images have it.
      takes_sparse: whether models of sparse rows have it.
      options: it takes.
      runs_in: packages of the runtimes that run it.
    """

    name: str
    file: str
    about: str
    make: Callable[[Ingredients], bytes]
    load: Callable[[Path], Predictor]
    oldest_runtime: Callable[[bytes], str]
    listed: bool = False
    demand: Demand = EXACT
    packages: tuple[str, ...] = ()
    only_images: bool = False
    takes_sparse: bool = False
    options: tuple[FormatOption, ...] = ()
    runs_in: tuple[str, ...] = ()

    def check(self, spec: Spec | None) -> None:
        """Finds out whether it can be made here, and of a model of this spec.

        Raises:
          UsageError: if it lacks its package, or does not suit the model.
        """
        for package in self.packages:
            if find_spec(package) is None:
                raise UsageError(
                    f"{self.name} needs the package {package}: pip install 'tfsoftmax[{self.name}]'"
                )
        if spec and spec.sparse and not self.takes_sparse:
            others = [form.name for form in FORMATS.values() if form.takes_sparse]
            raise UsageError(
                f"{self.name} is for models that take all features of a row, and this one takes "
                f"the entries of sparse rows of {spec.n_features:,} features; choose "
                f"{' or '.join(others)}"
            )
        if spec and self.only_images and not spec.is_image:
            shape = "x".join(map(str, spec.example_shape))
            raise UsageError(
                f"{self.name} is for models of images, and these examples are {shape} {spec.dtype}"
            )


def _make_tflite(name: str, ingredients: Ingredients) -> bytes:
    from tfsoftmax.export.tflite import files

    return files.make(name, ingredients)


def _make_mediapipe(ingredients: Ingredients) -> bytes:
    from tfsoftmax.export.tflite import files

    return files.make_for_mediapipe(ingredients)


def _make_trainable(ingredients: Ingredients) -> bytes:
    from tfsoftmax.export.tflite import files

    return files.make_trainable(ingredients)


def _load_tflite(path: Path) -> Predictor:
    from tfsoftmax.export.tflite.predictor import TFLitePredictor

    return TFLitePredictor(path)


def _oldest_tflite(content: bytes) -> str:
    from tfsoftmax.export.tflite.version import oldest_runtime

    return f"TFLite {oldest_runtime(content)}"


def _make_onnx(ingredients: Ingredients) -> bytes:
    from tfsoftmax.export.onnx.convert import convert

    return convert(ingredients.exported.model, ingredients.name)


def _load_onnx(path: Path) -> Predictor:
    from tfsoftmax.export.onnx.predictor import OnnxPredictor

    return OnnxPredictor(path)


def _oldest_onnx(content: bytes) -> str:
    from tfsoftmax.export.onnx.convert import NEEDS

    return NEEDS


_BATCH = FormatOption(
    "tflite_batch",
    least=1,
    # A device has no use for more rows at a time.
    most=4096,
    help="Rows that the TFLite files take at a time, no more and no fewer: 1 for browsers "
    "(LiteRT.js). Without it, any number.",
    note=lambda batch: (
        f"TFLite files take {batch:,} row{'s' * (batch > 1)} at a time, no more and no fewer."
    ),
)
_LITERT = "ai_edge_litert"
_OPENVINO = "openvino"
_MICRO = "tflite_micro"

_TFLITE = partial(
    Format,
    load=_load_tflite,
    oldest_runtime=_oldest_tflite,
    listed=True,
    options=(_BATCH,),
    runs_in=(_LITERT, _OPENVINO),
)

_ROWS = (
    _TFLITE(
        "float32",
        "model.tflite",
        "float32 weights and answers; takes raw examples",
        partial(_make_tflite, "float32"),
        takes_sparse=True,
    ),
    _TFLITE(
        "float16",
        "model-float16.tflite",
        "float16 weights, half the size; probabilities within 1e-3",
        partial(_make_tflite, "float16"),
        demand=HALF,
    ),
    _TFLITE(
        "dynamic",
        "model-dynamic.tflite",
        "int8 weights, a quarter of the size; the same inputs and outputs",
        partial(_make_tflite, "dynamic"),
        demand=INTEGER,
    ),
    _TFLITE(
        "int8",
        "model-int8.tflite",
        "integers only, for microcontrollers and accelerators",
        partial(_make_tflite, "int8"),
        demand=INTEGER,
        runs_in=(_LITERT, _OPENVINO, _MICRO),
    ),
    _TFLITE(
        "uint8",
        "model-uint8.tflite",
        "integers only; takes raw pixels as they are",
        partial(_make_tflite, "uint8"),
        demand=INTEGER,
        runs_in=(_LITERT, _OPENVINO, _MICRO),
    ),
    _TFLITE(
        "micro",
        "model-micro.tflite",
        "float32 inputs, for TFLite Micro, which cannot turn bytes into numbers",
        partial(_make_tflite, "micro"),
        runs_in=(_LITERT, _OPENVINO, _MICRO),
    ),
    _TFLITE(
        "mediapipe",
        "model-mediapipe.tflite",
        "for MediaPipe Tasks' ImageClassifier: one RGB picture in, labels and metadata attached",
        _make_mediapipe,
        listed=False,
        only_images=True,
        runs_in=(_LITERT, _OPENVINO, "mediapipe"),
    ),
    _TFLITE(
        "trainable",
        "model-trainable.tflite",
        "can be trained on the device: signatures infer, train (its learning_rate a list of one), "
        "get_weights, set_weights",
        _make_trainable,
        listed=False,
        # Not OpenVINO: it has no type for variables.
        runs_in=(_LITERT,),
    ),
    Format(
        "onnx",
        "model.onnx",
        "for ONNX Runtime and other ONNX runtimes (pip install 'tfsoftmax[onnx]')",
        _make_onnx,
        _load_onnx,
        _oldest_onnx,
        packages=("onnx", "onnxruntime"),
        takes_sparse=True,
        runs_in=("onnxruntime", _OPENVINO),
    ),
)
FORMATS = {row.name: row for row in _ROWS}


def find_formats(names: Sequence[str]) -> list[Format]:
    """The formats of these names, each once.

    Raises:
      UsageError: if there is none of a name.
    """
    unknown = [name for name in names if name not in FORMATS]
    if unknown:
        raise UsageError(f"format must be one of {', '.join(FORMATS)}, not {unknown[0]!r}")
    return [FORMATS[name] for name in dict.fromkeys(names)]


def check_formats(names: Sequence[str], spec: Spec | None = None) -> None:
    """Finds out before training what would fail once all is trained.

    Args:
      names: as `export_model` takes them.
      spec: of the model; None leaves out what depends on it.

    Raises:
      UsageError: if a format is unknown, lacks its package, or does not suit the model.

    >>> from tfsoftmax import Spec
    >>> check_formats(["mediapipe"], Spec((4,), "float32", ("no", "yes")))
    Traceback (most recent call last):
    ...
    tfsoftmax.errors.UsageError: mediapipe is for models of images, and these examples are ...
    """
    for each in find_formats(names):
        each.check(spec)


def format_options() -> dict[str, FormatOption]:
    """The options of all formats, by name."""
    return {option.name: option for row in FORMATS.values() for option in row.options}


def check_options(given: Mapping[str, Any]) -> dict[str, int]:
    """The options that are not left open, that is None, checked.

    Raises:
      UsageError: if no format has an option of a name, or it is out of range.
    """
    known = format_options()
    for name in given:
        if name not in known:
            raise UsageError(
                f"export_model has no {name!r}; {did_you_mean(name, known)}formats have "
                f"{', '.join(known)}"
            )
    return {name: known[name].check(value) for name, value in given.items() if value is not None}


def format_of(path: Path) -> Format:
    """The format that loads a file, by its ending; the default's where that says nothing."""
    by_ending = (row for row in FORMATS.values() if Path(row.file).suffix == path.suffix)
    return next(by_ending, FORMATS[DEFAULT[0]])
