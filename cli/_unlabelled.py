"""Reads the files of pictures and rows that a model is asked about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfsoftmax.data.names import Location
from tfsoftmax.data.options import SourceOptions, check_applicable
from tfsoftmax.errors import DataError

if TYPE_CHECKING:
    from tfsoftmax import Spec
    from tfsoftmax.data.features import FeaturesLike
    from tfsoftmax.data.unknown_categories import UnknownCategories


def locate_file(file: str) -> Location | DataError | None:
    """Finds the kind of a file of rows; None for a picture; returns the error of a bad file."""
    from tfsoftmax.data.readers.unlabelled import locate_rows

    try:
        return locate_rows(file)
    except DataError as error:
        return error


def check_files_options(said: dict[str, Any], sources: list[Location | DataError | None]) -> None:
    """Checks that every option applies to at least one file."""
    if any(isinstance(source, DataError) for source in sources):
        return  # The option may be meant for the file that is refused.
    tables = [source.kind for source in sources if isinstance(source, Location)]
    understood = {field for kind in tables for field in kind.options}
    what = " and ".join(sorted({kind.name for kind in tables})) or "pictures"
    check_applicable(SourceOptions(**said), understood, what)


def check_file(
    file: str,
    source: Location | DataError | None,
    spec: Spec | None,
    options: SourceOptions,
) -> Location | DataError | None:
    """Looks whether a file can be read for a model, without starting TensorFlow.

    Args:
      file: as it was typed.
      source: as `locate_file` found it.
      spec: of the model; None if that is not known yet.
      options: how to read rows.

    Returns:
      The source, or the error of a file that is not there or has other columns.
    """
    from tfsoftmax.data.images import read_image
    from tfsoftmax.data.readers.unlabelled import check_unlabelled

    if spec is None or isinstance(source, DataError):
        return source
    try:
        if source is not None:
            check_unlabelled(source, spec, options)
        elif not (spec.is_image and Path(file).is_file()):
            read_image(file, spec)  # it says what is wrong
    except DataError as error:
        return error
    return source


def read_examples(
    file: str,
    source: Location | DataError | None,
    spec: Spec,
    options: SourceOptions,
    invert: bool,
    unknown: UnknownCategories | None = None,
) -> Iterator[tuple[FeaturesLike, list[str], int]]:
    """Reads the examples in a file, a part at a time, with their names and the first row.

    Categories that the model does not know are counted in `unknown`.
    """
    from tfsoftmax.data.images import read_image
    from tfsoftmax.data.readers.unlabelled import read_unlabelled

    if isinstance(source, DataError):
        raise source
    if source is None:
        yield read_image(Path(file), spec, invert=invert)[None], [file], 0
        return
    row = 1
    for rows in read_unlabelled(source, spec, options, unknown):
        yield rows, [f"{file}:{row + index}" for index in range(len(rows))], row
        row += len(rows)
