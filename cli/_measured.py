"""Loads an exported model with rows to measure it on, and asks it for them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from tfsoftmax.cli._models import describe, reading_options, recorded_data, recorded_of
from tfsoftmax.cli._sources import Data
from tfsoftmax.data.names import locate
from tfsoftmax.errors import DataError

if TYPE_CHECKING:
    from tfsoftmax import Dataset, Predictor, RowScores, Spec, Split

_log = logging.getLogger("tfsoftmax.cli")
_PARTS = {"test": ("test",), "train": ("train",), "all": ("train", "test")}


class Measured(NamedTuple):
    """A model and a dataset to measure it on.

    Attributes:
      predictor: the model.
      dataset: as the model takes it.
      options: with which it was read.
      recorded: what the model's record says of the data it was trained on; may be empty.
      is_training_data: whether it is the same data.
      converted: whether the model was not trained by this package, and so not on a part of this.
    """

    predictor: Predictor
    dataset: Dataset
    options: dict[str, Any]
    recorded: dict[str, Any]
    is_training_data: bool
    converted: bool

    @classmethod
    def load(cls, model: Path, dataset_name: str, data: Data) -> Measured:
        """Loads both; raises as `load_predictor` and `load_dataset` do."""
        from tfsoftmax import load_predictor

        spec = describe(model).spec or load_predictor(model).spec
        recorded = recorded_data(model)
        options = reading_options(spec, recorded)
        dataset = data.load(dataset_name, options, spec)
        predictor = load_predictor(model)
        from tfsoftmax.report.converted import CONVERTED  # with TensorFlow, now started silently

        # The content identifies the data, however its path is spelled.
        same = dataset.sha256() == recorded.get("sha256")
        return cls(predictor, dataset, options, recorded, same, CONVERTED in recorded_of(model))

    @property
    def usual_split(self) -> str:
        """Test rows, of the training data or of a source with its own; otherwise all rows."""
        has_test_rows = self.is_training_data or locate(self.dataset.name).kind.has_test_rows
        known = self.converted or self.recorded.get("sha256")
        return "test" if has_test_rows or not known else "all"

    def rows(self, split: str) -> list[Split]:
        """The parts of the dataset that a split stands for.

        Raises:
          DataError: if there are no such rows.
        """
        found = [getattr(self.dataset, part) for part in parts_of(split)]
        if not any(map(len, found)):
            raise DataError(f"{self.dataset.name}: has no {split}ing rows to measure on")
        return [part for part in found if len(part)]

    def score(self, split: str) -> RowScores:
        """Asks the model for the rows of a split."""
        return self.predictor.score(self.dataset, *self.rows(split))

    def trained_on(self, split: str, data: Data) -> int | None:
        """Counts the rows that the model was trained on, with a note if there are.

        Returns:
          None if these are the test rows of the training data, or that is no longer there.
        """
        if self.is_training_data and split == "test":
            return None
        rows = self.rows(split)
        same_split = self.is_training_data and "test_fraction" not in data.choices
        found = (
            len(self.dataset.train)
            if same_split
            else _count_training_rows(rows, self.predictor.spec, data, self.recorded)
        )
        if found:
            _log.warning(
                "Note: %s of these %s rows are encoded like a row the model was trained on, so its "
                "metrics may be too optimistic"
                if self.predictor.spec.encoding and not same_split
                else "Note: the model was trained on %s of these %s rows, so its metrics are too "
                "optimistic",
                f"{found:,}",
                f"{sum(map(len, rows)):,}",
            )
        return found


def parts_of(split: str) -> tuple[str, ...]:
    """The parts of a dataset, in the order in which they are measured."""
    return _PARTS[split]


def split_option(default: str) -> Callable[..., Any]:
    """Adds --split."""
    return click.option(
        "--split",
        type=click.Choice(list(_PARTS)),
        help=f"The rows to measure on.  [default: {default}]",
    )


def _count_training_rows(
    rows: list[Split], spec: Spec, data: Data, recorded: dict[str, Any]
) -> int | None:
    """Counts the rows the model was trained on; None if its training data is no longer there."""
    from tfsoftmax.data.duplicates import rows_among
    from tfsoftmax.errors import TfsoftmaxError

    if not isinstance(recorded.get("name"), str):
        return None
    as_recorded = replace(data, manual_dir=None, choices={})
    try:
        training_data = as_recorded.load(recorded["name"], reading_options(spec, recorded), spec)
    except TfsoftmaxError:
        return None
    if training_data.sha256() != recorded.get("sha256"):
        return None
    return sum(
        int(rows_among(split.features, training_data.train.features).sum()) for split in rows
    )
