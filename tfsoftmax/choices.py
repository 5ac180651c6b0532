"""Choices that people make: each of the type that is meant, by a name that there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from functools import lru_cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from tfsoftmax.errors import UsageError

# What a missing value is taken for; "indicator" is the mean, and a feature that says so.
Fill = Literal["mean", "median", "most_frequent", "indicator"]

_Choices = TypeVar("_Choices")
_WORDS = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple[str, ...]: "a list of names",
    tuple[int, int]: "two whole numbers",
}


def check_types(choices: Any) -> None:
    """Makes sure that each field of a frozen dataclass is of the type it is declared with.

    What has one meaning only is made that type: NumPy's numbers become Python's, lists
    become tuples, and one name becomes a tuple of it.

    Args:
      choices: a dataclass; its fields are set where they have to become another type.

    Raises:
      UsageError: naming the field, what it may be and what was given.

    >>> from tfsoftmax.data.options import SourceOptions
    >>> SourceOptions(drop="id").drop
    ('id',)
    """
    kind: Any = type(choices)
    for name, kinds in _declared(kind).items():
        value = getattr(choices, name)
        taken = [found for one in kinds if (found := _taken(value, one))]
        if not taken:
            expected = " or ".join(_described(one) for one in kinds if one is not NoneType)
            raise UsageError(f"{name} must be {expected}, not {value!r}")
        if taken[0][0] is not value:
            object.__setattr__(choices, name, taken[0][0])


def changed(choices: _Choices, changes: Mapping[str, Any]) -> _Choices:
    """A dataclass with some fields changed; those given as None stay as they are.

    Raises:
      UsageError: if there is no field of a name; it suggests the nearest.

    >>> from tfsoftmax.training.recipe import Recipe
    >>> changed(Recipe(), {"epoch": 50})
    Traceback (most recent call last):
    ...
    tfsoftmax.errors.UsageError: Recipe has no 'epoch'; did you mean 'epochs'? ...
    """
    kind: Any = type(choices)
    known = _declared(kind)
    for name in changes:
        if name not in known:
            raise UsageError(
                f"{kind.__name__} has no {name!r}; {did_you_mean(name, known)}it has "
                f"{', '.join(known)}"
            )
    made = {name: value for name, value in changes.items() if value is not None}
    return replace(choices, **made)  # type: ignore[type-var]


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """A question for a message, with a space after it; empty if no name is near.

    >>> did_you_mean("petal_lenght", ["petal_length", "petal_width"])
    "did you mean 'petal_length'? "
    """
    from difflib import get_close_matches

    typed, names = str(name), list(map(str, known))
    near = get_close_matches(typed, names, 1) or [one for one in names if one.startswith(typed)]
    return f"did you mean {near[0]!r}? " if near else ""


@lru_cache
def _declared(kind: type) -> dict[str, tuple[Any, ...]]:
    """The types that each field may be of."""
    hints = get_type_hints(kind)
    declared = {field.name: hints[field.name] for field in fields(kind)}
    return {
        name: get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        for name, hint in declared.items()
    }


def _taken(value: Any, kind: Any) -> tuple[Any] | None:
    """The value as one of this type, or None if it is none."""
    if kind is float and isinstance(value, Real) and not isinstance(value, bool):
        return (value if isinstance(value, int) else float(value),)
    if kind is int and isinstance(value, Integral) and not isinstance(value, bool):
        return (int(value),)
    if kind in (bool, str, NoneType):
        return (value,) if isinstance(value, kind) else None
    origin = get_origin(kind)
    if origin is Literal:
        return (value,) if isinstance(value, str) and value in get_args(kind) else None
    if origin is tuple:
        return _taken_tuple(value, get_args(kind))
    if origin is not None and isinstance(value, origin):
        return (value,)
    return None


def _taken_tuple(value: Any, kinds: tuple[Any, ...]) -> tuple[Any] | None:
    if kinds[-1] is Ellipsis:
        value = (value,) if isinstance(value, kinds[0]) else value
    value = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(value, list | tuple):
        return None
    wanted = (kinds[0],) * len(value) if kinds[-1] is Ellipsis else kinds
    parts = [_taken(part, kind) for part, kind in zip(value, wanted, strict=False)]
    if len(parts) != len(wanted) or len(value) != len(wanted):
        return None
    found = tuple(part[0] for part in parts if part is not None)
    if len(found) < len(value):
        return None
    return (value if value == found else found,)


def _described(kind: Any) -> str:
    if get_origin(kind) is Literal:
        known = get_args(kind)
        return f"one of {', '.join(known)}" if len(known) > 1 else repr(known[0])
    return _WORDS.get(kind, "a dictionary of numbers by name")
