"""What is known of a model that was converted from another library's, and what its card says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tfsoftmax.training.record import parameters_sha256

if TYPE_CHECKING:
    from tfsoftmax.model import SoftmaxRegression

# Its name in ``tfsoftmax.json``.
CONVERTED = "converted"


@dataclass(frozen=True)
class ConversionRecord:
    """What a model was converted from; in the model as ``model.record``.

    Attributes:
      library: for instance ``"scikit-learn"``.
      version: of the library, in the process that converted the model.
      original: the classes that it was made of.
      notes: sentences on where the model answers otherwise than the original.
      compared_rows: how many rows both were asked on; None if they were not compared.
      max_difference: the largest difference of a probability on these rows.
      parameters_sha256: the checksum of W and b.

    >>> ConversionRecord("keras", "3.12.0", "Sequential(Dense)").to_json()[CONVERTED]["original"]
    'Sequential(Dense)'
    """

    library: str
    version: str
    original: str
    notes: tuple[str, ...] = ()
    compared_rows: int | None = None
    max_difference: float | None = None
    parameters_sha256: str | None = None

    def is_of(self, model: SoftmaxRegression) -> bool:
        """Whether the model has the W and b that it had when it was converted."""
        return self.parameters_sha256 == parameters_sha256(model)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary, for ``tfsoftmax.json``."""
        return {CONVERTED: {**asdict(self), "notes": list(self.notes)}}

    @classmethod
    def from_json(cls, description: Mapping[str, Any]) -> ConversionRecord | None:
        """What ``tfsoftmax.json`` says of the conversion; None if there was none.

        Raises:
          LookupError, TypeError, ValueError: if it is no record of a conversion.
        """
        if CONVERTED not in description:
            return None
        found = dict(description[CONVERTED])
        return cls(**{**found, "notes": tuple(map(str, found["notes"]))})


def how_converted(record: ConversionRecord) -> list[str]:
    """Lines of Markdown for the card."""
    compared = "They were not compared with each other on any rows."
    if record.compared_rows:
        compared = (
            f"On {record.compared_rows:,} rows each probability was within "
            f"{record.max_difference:.1e} of the original's."
        )
    notes = [f"* {note[:1].upper()}{note[1:]}." for note in record.notes]
    differs = ["", "Where it answers otherwise:", "", *notes] if notes else []
    return [
        f"It was converted from a fitted model of {record.library} {record.version}:",
        f"`{record.original}`.",
        compared,
        "On which rows that was trained, and how it does on others, is not known here;",
        "`tfsoftmax evaluate` measures it on rows with labels.",
        *differs,
        "",
    ]
