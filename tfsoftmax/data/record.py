"""``DataRecord``: what the record of a model says of the data it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from tfsoftmax.data.dataset import Dataset
from tfsoftmax.data.duplicates import shared_rows
from tfsoftmax.data.notes import NO_NOTES, Notes
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.spec import Spec


@dataclass(frozen=True)
class DataRecord:
    """Data as a model's record describes it, without the rows.

    Attributes:
      name: what the user calls it.
      train_samples, test_samples: rows, before any were held out for validation.
      sha256: the dataset's checksum.
      options: how the source was read.
      notes: what was found while it was read.
      shared_samples: test rows with the features of a training row; None where nobody counted.
      first_shared: the number of the first of them in the test split.
      spec: of the examples as they were read; None in records of the first versions.

    >>> import tfsoftmax
    >>> DataRecord.of(tfsoftmax.load_dataset("digits")).train_samples
    1437
    """

    name: str
    train_samples: int
    test_samples: int
    sha256: str
    options: SourceOptions = field(default_factory=SourceOptions)
    notes: Notes = NO_NOTES
    shared_samples: int | None = None
    first_shared: int | None = None
    spec: Spec | None = None

    @classmethod
    def of(cls, dataset: Dataset) -> DataRecord:
        """Describes a dataset, or the one its rows were selected from (`Dataset.origin`).

        The first call for a dataset reads its rows twice.
        """
        if dataset.origin:
            return dataset.origin
        if not dataset._record:
            object.__setattr__(dataset, "_record", cls._describe(dataset))
        return cast(DataRecord, dataset._record)

    @classmethod
    def _describe(cls, dataset: Dataset) -> DataRecord:
        shared, notes = shared_rows(dataset), dataset.notes
        options = dataset.options or SourceOptions()
        if notes.first_index is not None:
            options = options.but(first_index=notes.first_index)
        return cls(
            name=dataset.name,
            train_samples=len(dataset.train),
            test_samples=len(dataset.test),
            sha256=dataset.sha256(),
            options=options.but(marks=notes.marks or options.marks),
            notes=notes,
            shared_samples=shared.rows,
            first_shared=shared.first,
            spec=dataset.spec,
        )

    @property
    def encoded(self) -> bool:
        """Whether features are encoded columns, which can be alike although the cells are not."""
        return self.spec is not None and self.spec.encoding is not None

    @property
    def shared_are(self) -> str:
        """What the test rows are that `shared_samples` counts."""
        return "are encoded like a training row" if self.encoded else "are training rows, too"

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of it, but for `first_shared`."""
        return {
            "name": self.name,
            "options": self.options.to_json(),
            "train_samples": self.train_samples,
            "test_samples": self.test_samples,
            "shared_samples": self.shared_samples,
            "sha256": self.sha256,
            "reading": self.notes.to_json(),
            "spec": self.spec.to_json() if self.spec else None,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> DataRecord:
        """The record that `to_json` of this version, or of an older one, described.

        Raises:
          LookupError, TypeError, ValueError, AttributeError, UsageError: if it is anything else.
        """
        spec = fields.get("spec")
        return cls(
            name=str(fields["name"]),
            train_samples=int(fields["train_samples"]),
            test_samples=int(fields["test_samples"]),
            sha256=str(fields["sha256"]),
            options=SourceOptions.from_json(fields.get("options") or {}),
            notes=Notes.from_json(fields.get("reading") or {}),
            shared_samples=fields.get("shared_samples"),
            spec=Spec.from_json(spec) if spec else None,
        )
