"""Every runtime that can run an artefact, where it is installed."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfsoftmax.data.images import as_rgb
from tfsoftmax.export import SAVED_MODEL, load_predictor, onnx, tflite, trainable
from tfsoftmax.export.tflite import Quantization
from tfsoftmax.spec import Spec
from tfsoftmax.startup import honour_log_level

# From raw examples [n, *example_shape] to probabilities [n, n_classes].
Answer = Callable[[np.ndarray], np.ndarray]

_FLOAT_FILES = (tflite.file_name("float32"), tflite.file_name("float16"))
_TFLITE_FILES = (
    *(tflite.file_name(kind) for kind in tflite.KINDS),
    tflite.MEDIAPIPE_FILE,
    trainable.FILE_NAME,
)


class Runtime(NamedTuple):
    """Something that runs artefacts.

    Attributes:
      name: as its makers write it.
      package: to import; what is not there is not run.
      install: the command that brings it.
      files: the artefacts it can run, ``saved_model.pb`` for the SavedModel.
      load: from the artefact's path, a folder for the SavedModel, to what answers.
      most_rows: how many it is asked at most, where it takes them one by one and slowly.
      batches: whether it takes more than one row at once.
    """

    name: str
    package: str
    install: str
    files: tuple[str, ...]
    load: Callable[[Path, Spec], Answer]
    most_rows: int = 2**62
    batches: bool = True

    @property
    def installed(self) -> bool:
        """Whether its package can be found."""
        return find_spec(self.package) is not None


def _own(path: Path, spec: Spec) -> Answer:
    return load_predictor(path).probabilities


def _openvino(path: Path, spec: Spec) -> Answer:
    import openvino

    core = openvino.Core()
    model = core.read_model(path)
    outputs = [output for output in model.outputs if "probabilities" in output.get_names()]
    # Of a SavedModel several outputs; the float one with a column a class is meant.
    wanted = (outputs or [o for o in model.outputs if o.partial_shape.rank == 2])[0]
    # It would round to bfloat16 on processors that have it.
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    parameters = model.get_parameters()
    compiled = core.compile_model(openvino.Model([wanted], parameters), "CPU", exact)
    return lambda examples: compiled([examples])[0]


def _micro(path: Path, spec: Spec) -> Answer:
    from tflite_micro import runtime

    with honour_log_level():
        interpreter = runtime.Interpreter.from_bytes(path.read_bytes())
    inputs, outputs = (
        _micro_quantization(details)
        for details in (interpreter.get_input_details(0), interpreter.get_output_details(0))
    )

    def answer(examples: np.ndarray) -> np.ndarray:
        rows = []
        for example in inputs.taken(examples, spec):
            interpreter.set_input(example[None], 0)
            interpreter.invoke()
            rows.append(outputs.real(interpreter.get_output(0))[0])
        return np.array(rows)

    return answer


def _micro_quantization(details: dict[str, Any]) -> Quantization:
    parameters = details["quantization_parameters"]
    scales, zeros = parameters["scales"], parameters["zero_points"]
    scale, zero = (float(scales[0]), int(zeros[0])) if len(scales) else (0.0, 0)
    return Quantization(details["dtype"], scale, zero)


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
        with honour_log_level():
            made = vision.ImageClassifier.create_from_options(options)
        with made as classifier:
            for row, picture in enumerate(np.ascontiguousarray(pictures)):
                image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=picture)
                found = classifier.classify(image).classifications[0].categories
                for category in found:
                    # By label, so that a wrong or missing labels file shows.
                    place = spec.class_names.index(category.category_name)
                    probabilities[row, place] = category.score
        return probabilities

    return answer


RUNTIMES = (
    Runtime("TensorFlow", "tensorflow", "pip install tensorflow", (SAVED_MODEL,), _own),
    Runtime("LiteRT", "ai_edge_litert", "pip install ai-edge-litert", _TFLITE_FILES, _own),
    Runtime(
        "ONNX Runtime",
        "onnxruntime",
        "pip install 'tfsoftmax[onnx]'",
        (onnx.FILE_NAME,),
        _own,
    ),
    Runtime(
        "OpenVINO",
        "openvino",
        "pip install openvino",
        (SAVED_MODEL, *_FLOAT_FILES, onnx.FILE_NAME),
        _openvino,
    ),
    Runtime(
        "TFLite Micro",
        "tflite_micro",
        "pip install tflite-micro",
        (tflite.file_name("micro"), tflite.file_name("int8")),
        _micro,
        most_rows=2000,
        batches=False,
    ),
    Runtime(
        "MediaPipe",
        "mediapipe",
        "pip install mediapipe",
        (tflite.MEDIAPIPE_FILE,),
        _mediapipe,
        most_rows=500,
        batches=False,
    ),
)


def latency(answer: Answer, examples: np.ndarray) -> float:
    """Median seconds of a call on these examples, of calls for at least a twentieth second."""
    answer(examples)
    taken: list[float] = []
    while sum(taken) < 0.05 or len(taken) < 5:
        started = time.perf_counter()
        answer(examples)
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))
