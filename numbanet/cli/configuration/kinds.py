"""Whether a value out of a configuration fits a type annotation, and how to say that in words.

The annotations are those of the constructors that get the values: what a layer or an optimizer takes is written down
once, where it is defined.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Union

NOTHING = type(None)
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def parameters(function: Callable[..., Any], leave_out: Sequence[str] = ()) -> dict[str, Any]:
    """Parameter -> annotation, of a class or a function, also behind `functools.partial`."""
    if isinstance(function, functools.partial):
        return parameters(function.func, leave_out)
    if inspect.isclass(function) and function.__init__ is object.__init__:
        return {}
    actual = function.__init__ if inspect.isclass(function) else function
    hints = typing.get_type_hints(actual)
    names = [name for name in inspect.signature(function).parameters if name not in leave_out]
    return {name: hints.get(name, Any) for name in names}


def defaults(function: Callable[..., Any], leave_out: Sequence[str] = ()) -> dict[str, Any]:
    """Parameter -> default, of those that have one; `functools.partial` may have set others."""
    found = inspect.signature(function).parameters.items()
    return {name: p.default for name, p in found if p.default is not p.empty and name not in leave_out}


def several(function: Callable[..., Any]) -> str | None:
    """The name of the parameter that takes any number of arguments, if there is one."""
    kinds = {name: parameter.kind for name, parameter in inspect.signature(function).parameters.items()}
    return next((name for name, kind in kinds.items() if kind is inspect.Parameter.VAR_POSITIONAL), None)


def required(function: Callable[..., Any]) -> list[str]:
    """The parameters that have no default."""
    found = inspect.signature(function).parameters.values()
    return [p.name for p in found if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]


def fits(value: Any, kind: Any) -> bool:
    """Whether what TOML says can be passed where `kind` is expected. A table may stand for any object."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(fits(value, choice) for choice in arguments)
    if origin is Literal:
        return value in arguments
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is int:
        return isinstance(value, int)
    if kind is float:
        return isinstance(value, (int, float))
    if kind is str:
        return isinstance(value, str)
    if kind in (tuple, list) or origin in (tuple, list, Sequence):
        return isinstance(value, list) and _items_fit(value, origin, arguments)
    if kind is Mapping or origin in (Mapping, dict):
        return isinstance(value, Mapping)
    return isinstance(value, Mapping) and kind is not NOTHING


def _items_fit(values: list[Any], origin: Any, arguments: tuple[Any, ...]) -> bool:
    if origin is tuple and Ellipsis not in arguments:
        return len(values) == len(arguments) and all(map(fits, values, arguments))
    return all(fits(value, arguments[0]) for value in values) if arguments else True


def in_words(kind: Any) -> str:
    """ "a number or a list of whole numbers"."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        known = dict.fromkeys(in_words(choice) for choice in arguments if choice is not NOTHING)
        return " or ".join(known)
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if kind in WORDS:
        return WORDS[kind]
    if origin is tuple and Ellipsis not in arguments:
        return f"a list of {len(arguments)}"
    if kind in (tuple, list) or origin in (tuple, list, Sequence):
        return "a list" if not arguments else f"a list of {_plural(in_words(arguments[0]))}"
    return "a table"


def _plural(words: str) -> str:
    return words if words == WORDS[bool] else words.removeprefix("a ").replace(" or a ", "s or ") + "s"
