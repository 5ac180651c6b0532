"""Whether the files of a version belong together: as written, and of the same classes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tfsoftmax.errors import TfsoftmaxError, UsageError
from tfsoftmax.export import manifest, metadata
from tfsoftmax.export.formats import FORMATS, Format
from tfsoftmax.export.saved_model import SavedModelPredictor
from tfsoftmax.spec import Spec

Names = tuple[str, ...]


def problems(predictor: SavedModelPredictor) -> dict[str, str]:
    """For each file of a version that does not belong to it, what is wrong.

    Args:
      predictor: the version's SavedModel, loaded.
    """
    folder, expected = predictor.path, predictor.spec.class_names
    found = manifest.problems(folder)
    for file, read in _readers(predictor).items():
        if file in found:
            continue
        try:
            names = read()
        except UsageError:
            continue  # Its runtime is not installed, which is said elsewhere.
        except (TfsoftmaxError, OSError, ValueError) as error:
            found[file] = str(error).removeprefix(f"{folder / file}: ")
            continue
        if names is not None and names != expected:
            found[file] = _difference(names, expected)
    return found


def _readers(predictor: SavedModelPredictor) -> dict[str, Callable[[], Names | None]]:
    """What reads the class names, for each file that holds them."""
    folder = predictor.path
    readers: dict[str, Callable[[], Names | None]] = {"saved_model.pb": predictor.labels}
    text = Path("assets", metadata.LABELS_NAME)
    if (folder / text).is_file():
        readers[text.as_posix()] = lambda: _of_text(folder / text, predictor.spec)
    for form in FORMATS.values():
        if (folder / form.file).is_file():
            readers[form.file] = partial(_of_artefact, form, folder)
    return readers


def _of_artefact(form: Format, folder: Path) -> Names:
    return form.load(folder / form.file).spec.class_names


def _of_text(path: Path, spec: Spec) -> Names:
    text = path.read_bytes().decode("utf-8")
    # A name may have lines of its own.
    same = text == metadata.labels_text(spec)
    return spec.class_names if same else tuple(text.split("\n")[:-1])


def _difference(names: Names, expected: Names) -> str:
    if len(names) != len(expected):
        return f"has {len(names)} class names, {metadata.FILE_NAME} {len(expected)}"
    pairs = zip(names, expected, strict=True)
    index = next(number for number, (one, other) in enumerate(pairs) if one != other)
    return f"calls class {index} {names[index]!r}, {metadata.FILE_NAME} {expected[index]!r}"
