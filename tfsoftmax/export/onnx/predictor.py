"""ONNX files, loaded and run by ONNX Runtime."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.data.encoded import Cells
from tfsoftmax.errors import UsageError
from tfsoftmax.export import manifest, metadata
from tfsoftmax.export.onnx.cells import cells_of_features, takes_cells
from tfsoftmax.export.onnx.convert import DIGEST, NO_DIGEST, SPEC_KEY
from tfsoftmax.export.predictor import Predictor
from tfsoftmax.export.tensors import DENSE, IDS, VALUES, Tensors, tensors_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def _check_digest(content: bytes) -> None:
    """Makes sure that a file is as it was written.

    Its SHA-256, computed with zeros where the checksum itself stands, is in its metadata. Files
    of the first versions have none.

    Raises:
      ValueError: if it is another.
    """
    found = DIGEST.search(content)
    if found:
        zeros = content[: found.start(1)] + NO_DIGEST.encode() + content[found.end(1) :]
        if hashlib.sha256(zeros).hexdigest() != found[1].decode():
            raise ValueError("it is damaged or was changed: its checksum does not match")


class OnnxPredictor(Predictor):
    """An ``.onnx`` file, run by ONNX Runtime."""

    def __init__(self, path: Path):
        """Loads it.

        Raises:
          UsageError: if the package onnxruntime is missing.
          ModelError: if it is not an ONNX file, or does not answer as `convert`'s do.
        """
        runtime = import_onnxruntime()
        self.path = path
        manifest.check_file(path)
        try:
            content = path.read_bytes()
            _check_digest(content)
            options = runtime.SessionOptions()
            options.log_severity_level = 4
            self._session = runtime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
            properties = self._session.get_modelmeta().custom_metadata_map
            if SPEC_KEY not in properties:
                raise ValueError("no spec is attached to it")
            spec = metadata.spec_from_bytes(properties[SPEC_KEY].encode("utf-8"))
            given = {each.name: each for each in self._session.get_inputs()}
            wanted = {IDS, VALUES} if spec.sparse else {DENSE}
            if takes_cells(spec):
                wanted = {each.name for each in spec.encoding.inputs} if spec.encoding else set()
            if set(given) != wanted:
                raise ValueError(f"its inputs are {', '.join(given)}, not {', '.join(wanted)}")
            outputs = {output.name: output for output in self._session.get_outputs()}
            n_classes = outputs["probabilities"].shape[-1]
            # Only what takes all features says how many there are, and of which type.
            shape, kind = spec.example_shape, spec.dtype
            if wanted == {DENSE}:
                shape, kind = tuple(given[DENSE].shape[1:]), given[DENSE].type
        # Every error of ONNX Runtime is a class of its own, derived from nothing else.
        except Exception as error:
            raise self.unusable(error) from error
        kinds = {"float": "float32", "double": "float64"}
        kind = kind.removeprefix("tensor(").removesuffix(")")
        self.check_fit(spec, shape, kinds.get(kind, kind), n_classes)
        self.spec = spec

    def raw_probabilities(self, examples: np.ndarray | csr_array) -> np.ndarray:
        """Probability of each class, as `RowClassifier.raw_probabilities`."""
        tensors = tensors_of(self.spec, examples)
        if takes_cells(self.spec) and self.spec.encoding:
            tensors = cells_of_features(self.spec.encoding, tensors[DENSE])
        return self._run(tensors)

    def cell_answers(self) -> dict[str, Callable[[Cells], np.ndarray]]:
        """As for `Predictor`."""
        return {"inputs": self._run} if takes_cells(self.spec) else {}

    def _run(self, tensors: Tensors) -> np.ndarray:
        return self._session.run(["probabilities"], dict(tensors))[0]


def import_onnxruntime() -> Any:
    """The package, or a UsageError that says how to install it."""
    # It would make up a number for this machine, keep it, and report to its makers.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise UsageError(
            "running an .onnx file needs onnxruntime: pip install 'tfsoftmax[onnx]'"
        ) from error
    return onnxruntime
