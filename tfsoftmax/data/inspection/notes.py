"""What somebody who is about to train on a source should correct, a sentence each."""

from __future__ import annotations

from collections import Counter

from tfsoftmax.data.inspection.described import USABLE, Column
from tfsoftmax.data.tables.columns import listed
from tfsoftmax.data.tables.kinds_of_columns import Draft
from tfsoftmax.data.tables.telltales import TELLS_CLASS
from tfsoftmax.messages import setting

# A class with less than this part of the mean number of rows is noted as rare.
_RARE = 0.1
# Number of conflicts that notes show.
_MOST_CONFLICTS = 5
_FLOAT32_SPACING = 2.0**-23


def notes_on(
    columns: list[Column],
    classes: Counter[str],
    rows: int,
    pixels: bool,
    draft: Draft | None = None,
    drops: bool = True,
) -> list[str]:
    """The notes on a source.

    Args:
      columns: that it has.
      classes: how many rows each has.
      rows: number of rows.
      pixels: whether its columns are pixels.
      draft: what the columns of a table are, if they are not all numbers.
      drops: whether columns of such a source can be left out by name.
    """
    notes: list[str] = []

    def note(found: list[str], text: str) -> None:
        if found:
            shown = ", ".join(found[:5]) + (f" and {len(found) - 5:,} more" if found[5:] else "")
            notes.append(text + f": {shown}")

    def droppable(found: list[Column], text: str) -> None:
        """Names all of them where there is an option to paste."""
        if not drops:
            note([column.name for column in found], text)
        elif found:
            notes.append(f"{text}: " + setting("drop", [column.name for column in found]))

    roles = {role: [c for c in columns if c.role == role] for role in ("index", "name")}
    note([repr(c.name) for c in roles["index"]], "only numbers the rows, so training leaves it out")
    note(
        [repr(c.name) for c in roles["name"]],
        "texts that differ in every row, so training leaves them out",
    )
    droppable(
        [c for c in columns if c.role == "identifier"],
        "whole numbers that differ in every row, so they may only name it",
    )
    for column in [c for c in columns if c.conflict][:_MOST_CONFLICTS]:
        assert column.conflict
        notes.append("cannot be read as it is: " + column.conflict)
    numbers = [c for c in columns if c.kind in (None, *USABLE, "buckets")]
    texts = [c for c in numbers if c.texts and not c.role and not c.conflict]
    mostly = {c.name for c in texts if c.texts > (rows - c.missing) / 2}
    if said := [c.name for c in texts if c.name in mostly and c.said]:
        categories = setting("column", [f"{name}=category" for name in said])
        notes.append("text that is said to be numbers; say instead: " + categories)
    found = [c for c in texts if c.name in mostly and not c.said]
    droppable(found, "text, to be turned into numbers or left out")
    few = [f"{c.name} ({c.texts:,}; {c.first_text})" for c in texts if c.name not in mostly]
    skip = setting("bad_rows", "skip")
    note(few, "values that are not numbers, to be corrected or left out (" + skip + ")")
    empty = [c for c in numbers if c.type == "number" and c.mean is None and not c.texts]
    empty = [c for c in empty if not c.conflict]
    if draft:
        note([repr(c.name) for c in empty], "without any value, so training leaves them out")
    else:
        droppable(empty, "without any value")
    strange = [c for c in numbers if c.type not in (*USABLE, "text") and not c.role]
    droppable(strange, "of a type that is not a number")
    missing = [c for c in numbers if c.missing and not c.role and c.kind != "buckets"]
    missing = [c for c in missing if not (draft and c in empty)]
    advice = setting("missing", "indicator" if draft else "mean")
    what = "missing numbers, taken for their mean (" if draft else "missing values ("
    note([f"{c.name} ({c.missing:,})" for c in missing], what + advice + ")")
    note(
        [f"{c.name} ({c.infinite:,})" for c in columns if c.infinite],
        "infinite values, to be corrected",
    )
    if not pixels:
        droppable([c for c in columns if c.constant], "constant, so they say nothing")
        same = [
            c for c in columns if c.same_as and not c.constant and (c.texts or c.low is not None)
        ]
        droppable(same, f"the same in every row as {listed([str(c.same_as) for c in same])}")
        blurred = [c.name for c in columns if _is_blurred(c)]
        note(blurred, "vary by less than float32 can tell apart; subtract their mean")
    droppable([c for c in columns if c.tells_class], TELLS_CLASS)
    if classes:
        share = rows / len(classes)
        note([f"{n} ({c:,})" for n, c in classes.items() if c < 2], "classes of one row only")
        rare = [f"{n} ({c:,})" for n, c in classes.items() if 2 <= c < _RARE * share]
        note(rare, "rare classes (" + setting("class_weight", "balanced") + ")")
        if len(classes) == 1:
            notes.append("all rows are of one class")
    many = [c.name for c in columns if c.kind == "hashed" and not c.said]
    if many:
        notes.append(
            "categories of so many values that they are hashed: "
            + setting("column", [f"{name}=hashed" for name in many])
        )
    return [*notes, *(draft.hints if draft else ())]


def _is_blurred(column: Column) -> bool:
    if column.constant or column.deviation is None or column.mean is None:
        return False
    return column.deviation < 16 * _FLOAT32_SPACING * abs(column.mean)
