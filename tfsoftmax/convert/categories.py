"""OneHotEncoder: weights of categories, with those it drops, joins or does not know."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tfsoftmax.convert.uses import Category, Number, Use, Uses
from tfsoftmax.convert.walk import Walk


def one_hot(step: Any, uses: Uses, walk: Walk) -> Uses:
    """What becomes of the columns that a OneHotEncoder encodes."""
    W = walk.weights(uses)
    if step.handle_unknown == "error":
        walk.notes.append(
            f"{walk.where} refuses categories that it does not know; the converted model takes "
            "them as none of those it knows, as handle_unknown='ignore' does"
        )
    inputs: Uses = []
    first = 0
    for column in range(len(step.categories_)):
        places, of_unknown, n_outputs = _places(step, column)
        rows = np.vstack([W[first : first + n_outputs], np.zeros((1, W.shape[1]))])
        first += n_outputs
        inputs.append([_use(step.categories_[column], rows[places], rows[of_unknown], walk)])
    if first != len(W):
        walk.refuse(f"it has {first:,} outputs, and the step after it takes {len(W):,}")
    return inputs


def _places(step: Any, column: int) -> tuple[np.ndarray, int, int]:
    """The output of each category of a column and of unknown ones, -1 for none; how many outputs.

    Outputs are the frequent categories in their order, then one for all infrequent ones.
    """
    categories = step.categories_[column]
    rare = np.zeros(len(categories), bool)
    if step.min_frequency is not None or step.max_categories is not None:
        for one in () if (found := step.infrequent_categories_[column]) is None else found:
            rare |= pd.isna(categories) if pd.isna(one) else categories == one
    places = np.where(rare, np.sum(~rare), np.cumsum(~rare) - 1)
    n_outputs = int(np.sum(~rare) + rare.any())
    dropped = None if step.drop_idx_ is None else step.drop_idx_[column]
    of_unknown = -1
    if rare.any() and step.handle_unknown in ("infrequent_if_exist", "warn"):
        of_unknown = n_outputs - 1
    if dropped is not None:
        gone = places[dropped]
        of_unknown = -1 if of_unknown == gone else of_unknown - (of_unknown > gone)
        places = np.where(places == gone, -1, places - (places > gone))
        n_outputs -= 1
    return places, of_unknown, n_outputs


def _use(categories: np.ndarray, rows: np.ndarray, unknown: np.ndarray, walk: Walk) -> Use:
    """What becomes of a column of these categories, texts, numbers, or yes and no."""
    absent = pd.isna(categories)
    if absent.sum() > 1:
        walk.refuse(
            "it tells None from NaN in a column, and a table in a file has only one kind of "
            "missing cell: replace None by NaN in the data, and fit again"
        )
    known = categories[~absent].tolist()
    missing = rows[absent][0] if absent.any() else None
    if known and all(isinstance(category, bool) for category in known):
        found = dict(zip(known, rows[~absent], strict=True))
        no, yes = found.get(False, unknown), found.get(True, unknown)
        if missing is not None:
            walk.refuse(
                "a column of True, False and missing cells: make texts of it, and fit again"
            )
        walk.constant += no
        return Number(yes - no)
    if not (_all(str, known) or _all((int, float), known)):
        walk.refuse(
            f"a column has categories of several types, such as {known[:2]}; make them all texts, "
            "and fit again"
        )
    return Category(dict(zip(known, rows[~absent], strict=True)), unknown, missing)


def _all(kind: Any, categories: list[Any]) -> bool:
    return all(isinstance(one, kind) and not isinstance(one, bool) for one in categories)
