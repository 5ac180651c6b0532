"""Makes click options from the options that a class of choices declares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import click
from click.shell_completion import CompletionItem

from tfsoftmax.choices import Choices, Option, options_of, types_in_words
from tfsoftmax.cli._flags import flag, render
from tfsoftmax.cli._types import ClassWeights, CountOr, Delimiter, ImageSize, NumberOrAuto, Size

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
_TYPES: dict[str, Callable[[], click.ParamType]] = {"bytes": Size, "character": Delimiter}


def make_option(
    declared: Option, named: Mapping[str, Choices], complete: Complete | None = None
) -> _Decorator:
    """Makes a command's option from a declared one; its value is None where it is not given.

    Args:
      declared: one of `options_of`.
      named: the choices whose defaults the help shows, by name; ``""`` names a single one.
      complete: completes its value in a shell.
    """
    name, text = _flag_of(declared), _help(declared, named)
    if bool in declared.kinds:
        value = not declared.default
        return click.option(
            name, declared.name, flag_value=value, type=bool, default=None, help=text
        )
    if tuple[str, ...] in declared.kinds:
        # A column's kind, or a range's boundaries, may have commas of their own.
        several = declared.written == "commas" or declared.metavar is None
        metavar = (declared.metavar or "NAME") + (",..." if several else "")
        split = _between_commas if declared.written == "commas" else tuple
        return click.option(
            name,
            multiple=True,
            metavar=metavar,
            callback=lambda context, parameter, texts: split(texts) or None,
            shell_complete=complete,
            help=text,
        )
    return click.option(name, type=_type(declared), metavar=declared.metavar, help=text)


def add_options(command: Callable[..., Any], options: Iterable[_Decorator]) -> Callable[..., Any]:
    """Adds options to a command, in this order."""
    for decorate in reversed(list(options)):
        command = decorate(command)
    return command


def flags_of(kind: type[Choices]) -> dict[str, Option]:
    """The options of a class that a command has."""
    return {name: declared for name, declared in options_of(kind).items() if declared.flag}


def pop_given(kind: type[Choices], options: dict[str, Any]) -> dict[str, Any]:
    """Takes out of a command's options those of a class that were given."""
    asked = {name: options.pop(name) for name in flags_of(kind) if name in options}
    return {name: value for name, value in asked.items() if value is not None}


def arguments_for(kind: type[Choices], choices: Mapping[str, Any]) -> list[str]:
    """The arguments that make these choices, in the order in which they are declared.

    >>> from tfsoftmax import Recipe
    >>> arguments_for(Recipe, {"nesterov": True, "momentum": 0.9})
    ['--momentum', '0.9', '--nesterov']
    """
    arguments: list[str] = []
    for name, declared in flags_of(kind).items():
        value = choices.get(name)
        if isinstance(value, bool):
            if value is not declared.default:
                arguments.append(flag(name) if value else "--no-" + flag(name)[2:])
        elif tuple[str, ...] in declared.kinds:
            arguments += [part for text in value or () for part in (flag(name), str(text))]
        elif value is not None:
            arguments += [flag(name), _spell(value)]
    return arguments


def options_table(kind: type[Choices], named: Mapping[str, Choices]) -> str:
    """The options of a class as a table in Markdown."""
    return table_of(options_of(kind), named)


def table_of(options: Mapping[str, Option], named: Mapping[str, Choices]) -> str:
    """Some options as a table in Markdown."""
    lines = ["| option | from Python | what it may be | default | what it does |", "|---" * 5 + "|"]
    for name, declared in options.items():
        may_be = ", ".join(each for each in (types_in_words(declared), declared.bounds) if each)
        option = f"`{_flag_of(declared)}`" if declared.flag else ""
        default = _default(declared, named)
        lines.append(f"| {option} | `{name}` | {may_be} | {default} | {render(declared.help)} |")
    return "\n".join(lines) + "\n"


def _flag_of(declared: Option) -> str:
    """The option's flag; if the option is on by default, the flag that turns it off."""
    on = bool in declared.kinds and declared.default
    return flag(f"no_{declared.name}" if on else declared.name)


def _spell(value: Any) -> str:
    """A value as it is typed in a command."""
    if isinstance(value, Mapping):
        return ",".join(f"{key}={weight}" for key, weight in value.items())
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _type(declared: Option) -> Any:
    kinds = [kind for kind in declared.kinds if kind is not NoneType]
    words = [kind for kind in kinds if get_origin(kind) is Literal]
    bounds: dict[str, Any] = {
        "min": declared.above if declared.least is None else declared.least,
        "max": declared.below if declared.most is None else declared.most,
        "min_open": declared.above is not None,
        "max_open": declared.below is not None,
    }
    if declared.written:
        return _TYPES[declared.written]()
    if words == kinds:
        return click.Choice([word for kind in kinds for word in get_args(kind)])
    if float in kinds:
        return NumberOrAuto(**bounds) if words else click.FloatRange(**bounds)
    if int in kinds:
        return CountOr(*get_args(words[0]), **bounds) if words else click.IntRange(**bounds)
    if tuple[int, int] in kinds:
        return ImageSize()
    return click.STRING if str in kinds else ClassWeights()


def _help(declared: Option, named: Mapping[str, Choices]) -> str:
    text, default = render(declared.help), _default(declared, named)
    return f"{text}  [default: {default}]" if default and bool not in declared.kinds else text


def _default(declared: Option, named: Mapping[str, Choices]) -> str:
    """The default that the help shows, for each of the named choices; empty if there is none."""
    found = {}
    for name, choices in named.items():
        value = getattr(choices, declared.name)
        if value == declared.default and declared.usual:
            found[name] = render(declared.usual)
        else:
            found[name] = f"{value:g}" if isinstance(value, float) else str(value)
    if len(set(found.values())) > 1:
        (_, usual), *others = found.items()
        return "; ".join([usual, *(f"{text} with recipe {name}" for name, text in others)])
    nothing = declared.default in (None, ()) and not declared.usual
    return "" if nothing else next(iter(found.values()))


def _between_commas(texts: Iterable[str]) -> tuple[str, ...]:
    parts = (part.strip() for text in texts for part in text.split(","))
    return tuple(part for part in parts if part)
