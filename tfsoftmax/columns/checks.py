"""Checks of what describes an encoding, which may come from a damaged file."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from tfsoftmax.columns.date_formats import offset_of, parts_of

if TYPE_CHECKING:
    from tfsoftmax.columns.column import Column, Encoding, Terms

# The types of the cells that each kind of column is made from.
_DTYPES = {
    "number": ("float32",),
    "boolean": ("float32", "string"),
    "category": ("string", "int64"),
    "hashed": ("string", "int64"),
    "date": ("string",),
    "text": ("string",),
    "terms": ("string",),
    "cross": ("float32", "string", "int64"),
    "buckets": ("float32",),
}
# The fields that a kind needs; it has no others but these and those that may be missing.
_NEEDS = {
    "category": ("vocabulary",),
    "hashed": ("size",),
    "text": ("size",),
    "terms": ("vocabulary", "terms"),
    "cross": ("size",),
    "buckets": ("boundaries",),
}
_MAY_HAVE = {"date": ("time_zone", "date_format"), "category": ("vocabulary",)}
_BLANKS = " \t\n\v\f\r"
# Indices of features are int32.
_MOST_FEATURES = 2**31 - 1


def check_column(column: Column) -> None:
    """Checks that a column has what its kind needs.

    Raises:
      ValueError: naming the column, and what is wrong with it.
    """
    try:
        _check_fields(column)
        if column.kind == "date":
            offset_of(column.time_zone)
            if column.date_format is not None:
                parts_of(column.date_format)
    except ValueError as error:
        raise ValueError(f"column {column.name!r}: {error}") from error


def check_encoding(encoding: Encoding) -> None:
    """Checks that the columns of an encoding are made from inputs that it has.

    Raises:
      ValueError: naming the column, and what is wrong with it.
    """
    dtypes = {each.name: each.dtype for each in encoding.inputs}
    if len(dtypes) < len(encoding.inputs) or not encoding.columns:
        raise ValueError("an encoding needs inputs of different names, and columns")
    booleans = {column.inputs[0] for column in encoding.columns if column.kind == "boolean"}
    for column in encoding.columns:
        for name in column.inputs:
            dtype = dtypes.get(name)
            if dtype not in _DTYPES[column.kind]:
                raise ValueError(
                    f"column {column.name!r}: a {column.kind} column cannot be made from "
                    + (f"{name!r}, whose type is {dtype}" if dtype else f"{name!r}: no such input")
                )
            if column.kind == "cross" and dtype == "float32" and name not in booleans:
                raise ValueError(
                    f"column {column.name!r}: the numbers of {name!r} cannot be crossed, as they "
                    "are no categories; take them as categories, or ranges of them"
                )
    if encoding.n_features > _MOST_FEATURES:
        raise ValueError(f"{encoding.n_features:,} features; at most {_MOST_FEATURES:,} can be")


def _check_fields(column: Column) -> None:
    if column.kind not in _DTYPES:
        raise ValueError(f"no kind of this version: {column.kind!r}")
    for field in ("inputs", "vocabulary", "boundaries"):
        if not isinstance(getattr(column, field), tuple):
            raise ValueError(f"{field} is no list: {getattr(column, field)!r}")
    if not all(isinstance(name, str) for name in (column.name, *column.inputs)):
        raise ValueError(f"its name or its inputs are no texts: {column.inputs}")
    needed = _NEEDS.get(column.kind, ())
    allowed = {*needed, *_MAY_HAVE.get(column.kind, ())}
    usual: dict[str, Any] = {"vocabulary": (), "size": 0, "boundaries": ()}
    usual |= {"time_zone": None, "date_format": None, "terms": None}
    for field, nothing in usual.items():
        given = getattr(column, field)
        if given != nothing and field not in allowed:
            raise ValueError(f"a {column.kind} column has no {field}")
        if given == nothing and field in needed and field != "vocabulary":
            raise ValueError(f"a {column.kind} column needs {field}")
    n_inputs = len(set(column.inputs))
    if n_inputs < len(column.inputs) or (n_inputs > 1) != (column.kind == "cross"):
        raise ValueError(f"a {column.kind} column cannot be made from {column.inputs}")
    if not isinstance(column.size, int) or column.size < 0:
        raise ValueError(f"the number of buckets is {column.size!r}")
    _check_vocabulary(column.vocabulary)
    _check_boundaries(column.boundaries)
    if column.terms is not None:
        _check_terms(column.terms, len(column.vocabulary))


def _check_vocabulary(vocabulary: Collection[str]) -> None:
    if len(set(vocabulary)) < len(vocabulary):
        raise ValueError("a category is there twice")
    for category in vocabulary:
        if not isinstance(category, str) or not category or category != category.strip(_BLANKS):
            raise ValueError(f"{category!r} is no category: it is empty or has blanks around it")


def _check_terms(terms: Terms, n_terms: int) -> None:
    least, most = terms.lengths
    if not 1 <= least <= most or terms.shortest_word < 1:
        raise ValueError(f"terms of {least} to {most} words of {terms.shortest_word} characters")
    if len(terms.weights) not in (0, n_terms) or not all(map(math.isfinite, terms.weights)):
        raise ValueError(f"{len(terms.weights):,} weights of {n_terms:,} terms")
    if terms.norm not in (None, "l1", "l2") or not n_terms:
        raise ValueError(f"no norm, or no terms: {terms.norm!r}, {n_terms:,}")


def _check_boundaries(boundaries: Collection[float]) -> None:
    numbers = [float(number) for number in boundaries]
    if not all(map(math.isfinite, numbers)) or numbers != sorted(set(numbers)):
        raise ValueError(f"the boundaries {boundaries} are not ascending numbers")
