"""Every runtime that can run an artefact, where it is installed."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfsoftmax.data.images import as_rgb
from tfsoftmax.export.formats import FORMATS
from tfsoftmax.export.load import SAVED_MODEL, load_predictor
from tfsoftmax.export.onnx.cells import takes_cells
from tfsoftmax.export.predictor import answer_in_blocks
from tfsoftmax.export.tflite.predictor import TFLitePredictor
from tfsoftmax.export.tolerances import ROUNDED, Demand
from tfsoftmax.spec import Spec
from tfsoftmax.system.startup import silence_native_log

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# From raw examples, [n, *example_shape] or sparse, to probabilities [n, n_classes].
Answer = Callable[[Any], np.ndarray]


class Runtime(NamedTuple):
    """Something that runs artefacts.

    Attributes:
      name: as its makers write it.
      package: to import; what is not there is not run.
      install: the command that brings it.
      load: from the artefact's path, a folder for the SavedModel, to what answers.
      saved_model: whether it runs the SavedModel; `Format.runs_in` says which other files.
      batches: whether it takes more than one row at once.
      demand: what is asked of it, where it is not what is asked of the artefact.
      only_numbers: whether it runs only what takes all features of a row, as numbers.
    """

    name: str
    package: str
    install: str
    load: Callable[[Path, Spec], Answer]
    saved_model: bool = False
    batches: bool = True
    demand: Demand | None = None
    only_numbers: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        """The artefacts it runs; the SavedModel is ``saved_model.pb``."""
        files = [form.file for form in FORMATS.values() if self.package in form.runs_in]
        return (SAVED_MODEL, *files) if self.saved_model else tuple(files)

    def runs(self, file: str, spec: Spec) -> bool:
        """Whether it runs an artefact of a model of this spec."""
        of_cells = spec.encoding is not None and file == SAVED_MODEL
        of_cells |= takes_cells(spec) and file == FORMATS["onnx"].file
        return file in self.files and not (self.only_numbers and (spec.sparse or of_cells))

    @property
    def installed(self) -> bool:
        """Whether its package can be found."""
        return find_spec(self.package) is not None


def _own(path: Path, spec: Spec) -> Answer:
    return load_predictor(path).raw_probabilities


def _openvino(settings: dict[str, str], path: Path, spec: Spec) -> Answer:
    import openvino

    core = openvino.Core()
    model = core.read_model(path)
    outputs = [output for output in model.outputs if "probabilities" in output.get_names()]
    # Of a SavedModel several outputs; the float one with a column a class is meant.
    wanted = (outputs or [o for o in model.outputs if o.partial_shape.rank == 2])[0]
    parameters = model.get_parameters()
    compiled = core.compile_model(openvino.Model([wanted], parameters), "CPU", settings)
    if path.suffix != ".tflite":
        return lambda examples: compiled([examples])[0]
    return _of_tflite(path, lambda rows: compiled([rows])[0])


def _micro(path: Path, spec: Spec) -> Answer:
    from tflite_micro import runtime

    with silence_native_log():
        interpreter = runtime.Interpreter.from_bytes(path.read_bytes())
    # Outputs have no names here; the one with a column a class is meant.
    wanted = next(n for n in count() if len(interpreter.get_output_details(n)["shape"]) == 2)

    def answer(rows: np.ndarray) -> np.ndarray:
        interpreter.set_input(rows, 0)
        interpreter.invoke()
        return interpreter.get_output(wanted)

    return _of_tflite(path, answer, batch=1)


def _of_tflite(path: Path, run: Answer, batch: int | None = None) -> Answer:
    """What a TFLite file answers in a runtime that knows its tensors alone.

    Args:
      path: the file.
      run: from the file's input to its output.
      batch: how many rows the runtime takes where the file says nothing.
    """
    file = TFLitePredictor(path)

    def answer(rows: np.ndarray) -> np.ndarray:
        return file.real(run(file.taken(rows)))

    return lambda examples: answer_in_blocks(answer, examples, file.batch or batch, len(examples))


def _mediapipe(path: Path, spec: Spec) -> Answer:
    import mediapipe
    from mediapipe.tasks import python as tasks
    from mediapipe.tasks.python import vision

    options = vision.ImageClassifierOptions(
        base_options=tasks.BaseOptions(model_asset_buffer=path.read_bytes())
    )

    def answer(examples: np.ndarray) -> np.ndarray:
        pictures = as_rgb(examples, spec)
        probabilities = np.zeros((len(pictures), spec.n_classes), np.float32)
        with silence_native_log():
            made = vision.ImageClassifier.create_from_options(options)
        with made as classifier:
            for row, picture in enumerate(np.ascontiguousarray(pictures)):
                image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture)
                found = classifier.classify(image).classifications[0].categories
                for category in found:
                    # By label, so that a wrong or missing labels file shows.
                    index = spec.class_names.index(category.category_name)
                    probabilities[row, index] = category.score
        return probabilities

    return answer


RUNTIMES = (
    Runtime("TensorFlow", "tensorflow", "pip install tensorflow", _own, saved_model=True),
    Runtime("LiteRT", "ai_edge_litert", "pip install ai-edge-litert", _own),
    Runtime("ONNX Runtime", "onnxruntime", "pip install 'tfsoftmax[onnx]'", _own),
    # As people run it: on processors that have bfloat16 it rounds to that.
    Runtime(
        "OpenVINO",
        "openvino",
        "pip install openvino",
        partial(_openvino, {}),
        saved_model=True,
        demand=ROUNDED,
        only_numbers=True,
    ),
    Runtime(
        "OpenVINO f32",
        "openvino",
        "pip install openvino",
        partial(_openvino, {"INFERENCE_PRECISION_HINT": "f32"}),
        saved_model=True,
        only_numbers=True,
    ),
    # It has no kernel to turn bytes into numbers (float32, MediaPipe), for half precision, for
    # numbers times int8 weights (dynamic), or for ONE_HOT (trainable).
    Runtime("TFLite Micro", "tflite_micro", "pip install tflite-micro", _micro, batches=False),
    Runtime("MediaPipe", "mediapipe", "pip install mediapipe", _mediapipe, batches=False),
)


def latency(answer: Answer, examples: np.ndarray | csr_array) -> float:
    """Median seconds of a call on these examples, of calls for at least a twentieth second."""
    answer(examples)
    taken: list[float] = []
    while sum(taken) < 0.05 or len(taken) < 5:
        started = time.perf_counter()
        answer(examples)
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))
