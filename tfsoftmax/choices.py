"""Options: what each is and may be, declared once as fields of a frozen dataclass.

From the declarations come the checks of what Python is given, the documentation of the
class, a command's options with their help, and the table in docs/training.md.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from functools import lru_cache, wraps
from inspect import signature
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import (
    Any,
    Literal,
    ParamSpec,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from tfsoftmax.errors import UsageError
from tfsoftmax.messages import setting

# What a missing value is taken for; "indicator" is the mean, and a feature that says so.
Fill = Literal["mean", "median", "most_frequent", "indicator"]

Written = Literal["bytes", "character", "commas"]

FLOAT32_MAX = 3.4e38
_LINE = 96  # characters
_OPTIONS = "{options}"  # in a docstring
_Choices = TypeVar("_Choices", bound="Choices")
_P = ParamSpec("_P")
_R = TypeVar("_R")
_WORDS = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple[str, ...]: "a list of names",
    tuple[int, int]: "two whole numbers",
}


@dataclass(frozen=True)
class Option:
    """An option as it is declared; `option` makes one.

    Attributes:
      default: what it is where nothing is said.
      help: what it does, a sentence or two; a `Message` if it names other options.
      least, above, most, below: bounds of its numbers: at least, above, at most, below.
      usual: the default in words, where its value does not say what happens.
      flag: whether the command has it; if not, it is for Python alone.
      always: whether a recorded command says it even where it is the default.
      swept: whether `tune` can try several values of it.
      written: how a command writes it where its type does not say: ``"bytes"``, as in 500MB,
        ``"character"``, as in tab, or ``"commas"``, texts that have none.
      metavar: what a command's help calls a text.
      name: the field's.
      kinds: the types that it may be of.
    """

    default: Any
    help: str
    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    usual: str | None = None
    flag: bool = True
    always: bool = False
    swept: bool = False
    written: Written | None = None
    metavar: str | None = None
    name: str = ""
    kinds: tuple[Any, ...] = ()

    @property
    def bounds(self) -> str:
        """What numbers it takes, in words; empty if any."""
        bounds = {
            "at least": self.least,
            "above": self.above,
            "at most": self.most,
            "below": self.below,
        }
        given = [f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None]
        return " and ".join(given)

    def check(self, value: Any) -> None:
        """Makes sure that a number, or each number of a tuple, is within the bounds.

        Raises:
          UsageError: naming the option, its bounds and the number.
        """
        if not self.bounds:
            return
        for number in value if isinstance(value, tuple) else (value,):
            if not isinstance(number, int | float) or isinstance(number, bool):
                continue
            within = (
                (self.least is None or number >= self.least)
                and (self.above is None or number > self.above)
                and (self.most is None or number <= self.most)
                and (self.below is None or number < self.below)
            )
            if not within:
                raise UsageError(setting(self.name) + f" must be {self.bounds}, not {value!r}")
            if float in self.kinds and not abs(number) < FLOAT32_MAX:
                raise UsageError(
                    setting(self.name) + f" must be below {FLOAT32_MAX:.2g}, not {value!r}"
                )


def option(default: Any, help: str, **more: Any) -> Any:
    """Declares a field of `Choices`: its default, its help, and what else `Option` says of it.

    >>> @dataclass(frozen=True)
    ... class Trip(Choices):
    ...     days: int = option(7, "How long.", least=1)
    >>> Trip().but(days=0)
    Traceback (most recent call last):
    ...
    tfsoftmax.errors.UsageError: days must be at least 1, not 0
    """
    return field(default=default, metadata={"option": Option(default, help, **more)})


class Choices:
    """Base of frozen dataclasses whose fields are declared with `option`.

    Values are checked when one is made. A line ``{options}`` in the docstring of a class becomes
    a line for each of its own options.
    """

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if cls.__doc__ and _OPTIONS in cls.__doc__:
            own = [each for each in cls.__dict__.items() if isinstance(each[1], Field)]
            lines = "\n".join(_document(name, each) for name, each in own)
            cls.__doc__ = cls.__doc__.replace(_OPTIONS, lines.lstrip())

    def __new__(cls, *args: Any, **given: Any) -> Any:
        """Makes sure of the names before the dataclass takes the values."""
        _check_names(cls, given)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        check_types(self)
        for each in options_of(type(self)).values():
            each.check(getattr(self, each.name))

    def but(self: _Choices, **changes: Any) -> _Choices:
        """The same with some choices changed.

        Raises:
          UsageError: if there is no field of a name; it suggests the nearest.

        >>> from tfsoftmax import Recipe
        >>> Recipe().but(epoch=50)
        Traceback (most recent call last):
        ...
        tfsoftmax.errors.UsageError: Recipe has no 'epoch'; did you mean 'epochs'? ...
        """
        _check_names(type(self), changes)
        made: Any = self
        return cast(_Choices, replace(made, **changes))


def _check_names(kind: Any, given: Iterable[str]) -> None:
    known = options_of(kind)
    for name in given:
        if name not in known:
            raise UsageError(
                f"{kind.__name__} has no {name!r}; {did_you_mean(name, known)}it has "
                f"{', '.join(known)}"
            )


def with_choices(**kinds: type[Choices]) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Answers a wrong keyword of a function by the nearest one that it, or its choices, have.

    Args:
      kinds: for arguments that are choices, their classes.

    >>> @with_choices(recipe=__import__("tfsoftmax").Recipe)
    ... def train(rows, recipe=None, verbose=False): ...
    >>> train([], epoch=3)
    Traceback (most recent call last):
    ...
    tfsoftmax.errors.UsageError: train has no 'epoch'; did you mean recipe=Recipe(epochs=...)? ...
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        own = {name: f"{name}=..." for name in signature(function).parameters}

        @wraps(function)
        def checked(*args: _P.args, **given: _P.kwargs) -> _R:
            for name in given:
                if name not in own:
                    raise _unknown_argument(function.__name__, name, own, kinds)
            return function(*args, **given)

        return checked

    return decorate


def _unknown_argument(
    function: str, name: str, own: Mapping[str, str], kinds: Mapping[str, type[Choices]]
) -> UsageError:
    known = dict(own)
    for argument, kind in kinds.items():
        for field_name in options_of(kind):
            known.setdefault(field_name, f"{argument}={kind.__name__}({field_name}=...)")
    near = nearest(name, known)
    hint = f"did you mean {known[near]}? " if near else ""
    return UsageError(f"{function} has no {name!r}; {hint}it has {', '.join(own)}")


def options_of(kind: Any) -> Mapping[str, Option]:
    """The options of a class by their names, in order.

    >>> from tfsoftmax import Recipe
    >>> options_of(Recipe)["momentum"].bounds
    'at least 0 and below 1'
    """
    return _read_declarations(kind)


@lru_cache
def _read_declarations(kind: Any) -> Mapping[str, Option]:
    hints = get_type_hints(kind)
    found = {}
    for each in fields(kind):
        hint = hints[each.name]
        kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        declared = each.metadata.get("option") or Option(each.default, "")
        found[each.name] = replace(declared, name=each.name, kinds=kinds)
    return found


def _document(name: str, declared: Field[Any]) -> str:
    """What a docstring says of an option."""
    about: Option = declared.metadata["option"]
    default = about.usual or (
        f'"{about.default}"' if isinstance(about.default, str) else about.default
    )
    said = [about.help, about.bounds and f"{about.bounds.capitalize()}.", f"Default: {default!s}."]
    text = f"{name}: {' '.join(each for each in said if each)}"
    return textwrap.fill(text, _LINE, initial_indent=" " * 6, subsequent_indent=" " * 8)


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
    for name, declared in options_of(type(choices)).items():
        value = getattr(choices, name)
        taken = [found for one in declared.kinds if (found := _convert(value, one))]
        if not taken:
            raise UsageError(setting(name) + f" must be {types_in_words(declared)}, not {value!r}")
        if taken[0][0] is not value:
            object.__setattr__(choices, name, taken[0][0])


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """A question for a message, with a space after it; empty if no name is near.

    >>> did_you_mean("petal_lenght", ["petal_length", "petal_width"])
    "did you mean 'petal_length'? "
    """
    near = nearest(name, known)
    return "" if near is None else f"did you mean {near!r}? "


def nearest(name: object, known: Iterable[object]) -> str | None:
    """The known name that is most like another, if one is.

    >>> nearest("epoch", ["epochs", "seed"]), nearest("AGE", ["name", "Age"])
    ('epochs', 'Age')
    """
    from difflib import get_close_matches

    typed, names = str(name), list(map(str, known))
    same = [one for one in names if one.casefold() == typed.casefold()]
    near = same or get_close_matches(typed, names, 1)
    near = near or [one for one in names if one.startswith(typed)]
    return near[0] if near else None


def _convert(value: Any, kind: Any) -> tuple[Any] | None:
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
        return _convert_tuple(value, get_args(kind))
    if origin is not None and isinstance(value, origin):
        return (value,)
    return None


def _convert_tuple(value: Any, kinds: tuple[Any, ...]) -> tuple[Any] | None:
    if kinds[-1] is Ellipsis:
        value = (value,) if isinstance(value, kinds[0]) else value
    value = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(value, list | tuple):
        return None
    wanted = (kinds[0],) * len(value) if kinds[-1] is Ellipsis else kinds
    parts = [_convert(part, kind) for part, kind in zip(value, wanted, strict=False)]
    if len(parts) != len(wanted) or len(value) != len(wanted):
        return None
    found = tuple(part[0] for part in parts if part is not None)
    if len(found) < len(value):
        return None
    return (value if value == found else found,)


def types_in_words(declared: Option) -> str:
    """What an option may be, by its types.

    >>> from tfsoftmax import Recipe
    >>> types_in_words(options_of(Recipe)["learning_rate"])
    "a number or 'auto'"
    """
    return " or ".join(_type_in_words(one) for one in declared.kinds if one is not NoneType)


def _type_in_words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        known = get_args(kind)
        words = [word if word.isidentifier() else repr(word) for word in known]
        return f"one of {', '.join(words)}" if len(known) > 1 else repr(known[0])
    return _WORDS.get(kind, "a dictionary of numbers by name")
