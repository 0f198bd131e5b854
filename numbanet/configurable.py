"""What layers, losses, optimizers, schedules and initializers share: the constructor is the configuration.

    >>> Dense(128, activation="relu")                  # repr echoes what differs from the defaults
    Dense(128, activation='relu')
    >>> Dense(128, activation="relu").config()["units"]
    128

Each constructor argument is kept in an attribute of the same name (`*arguments` as a sequence); nothing else
need be written to show an object, to save it in a model file, or to make it again.
"""

from __future__ import annotations

import inspect
import numbers
import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from numbanet.errors import ModelError, unknown_name

T = TypeVar("T", bound="Configurable")


class Configurable:
    """An object that its constructor arguments describe completely."""

    def config(self) -> dict[str, Any]:
        """The constructor arguments by name, made of what JSON can hold."""
        return {name: _plain(getattr(self, name)) for name in _arguments(type(self))}

    def __repr__(self) -> str:
        """The call that makes this object, without the arguments left at their defaults."""
        parts: list[str] = []
        for name, parameter in _arguments(type(self)).items():
            value = getattr(self, name)
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                parts.extend(map(repr, value))
            elif parameter.default is inspect.Parameter.empty:
                parts.append(repr(value))
            elif type(value) is not type(parameter.default) or value != parameter.default:
                parts.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(parts)})"


def _arguments(kind: Any) -> dict[str, inspect.Parameter]:
    """The constructor's arguments; none where the class has no constructor of its own."""
    if kind.__init__ is object.__init__:
        return {}
    return dict(list(inspect.signature(kind.__init__).parameters.items())[1:])


def _plain(value: Any) -> Any:
    if isinstance(value, Configurable):
        return {"type": type(value).__name__, **value.config()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, numbers.Real) and not isinstance(value, (bool, int, float)):  # NumPy's
        return int(value) if isinstance(value, numbers.Integral) else float(value)
    return value


def from_config(kind: str, classes: Mapping[str, type[T]], description: Any) -> T:
    """The object that `{"type": name, **config}` describes. Raises `ModelError` for what fits no class."""
    if not isinstance(description, Mapping) or not isinstance(description.get("type"), str):
        raise ModelError(f"expected the description of a {kind} with its type, found {description!r}.")
    arguments = {name: value for name, value in description.items() if name != "type"}
    name = description["type"]
    if name not in classes:
        raise ModelError(unknown_name(f"{kind} type", name, classes))
    several = [a for a, p in _arguments(classes[name]).items() if p.kind is inspect.Parameter.VAR_POSITIONAL]
    named = {argument: value for argument, value in arguments.items() if argument not in several}
    try:
        return classes[name](*(value for argument in several for value in arguments.get(argument, ())), **named)
    except TypeError as error:
        raise ModelError(f"{kind} {name}: its arguments {arguments} do not fit: {error}.") from error


def choose(kind: str, base: type[T], known: Mapping[str, Callable[..., T]], choice: T | str, **options: Any) -> T:
    """`choice` itself where it is a `base` already, else a new object of that name, made with `options`."""
    if isinstance(choice, base):
        return choice
    if not isinstance(choice, str):
        raise ModelError(
            f"{kind}: expected a name or an object such as {base.__name__}, found {choice!r}. "
            f"Names: {', '.join(known)}."
        )
    if choice not in known:
        raise ModelError(unknown_name(kind, choice, known))
    try:
        return known[choice](**options)
    except TypeError as error:
        raise ModelError(f"{kind} {choice}: {error}.") from error


def check_number(
    owner: str, name: str, value: Any, low: float, high: float = float("inf"), *, open_ends: bool = False
) -> None:
    """Raise `ModelError` unless `value` is a finite number in [low, high], or in (low, high)."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    inside = number and (low < value < high if open_ends else low <= value <= high and value != float("inf"))
    if not inside:
        if high == float("inf"):
            wanted = f"a number above {low:g}" if open_ends else f"a number from {low:g} on"
        else:
            wanted = f"a number {'between' if open_ends else 'from'} {low:g} and {high:g}"
            wanted = wanted if open_ends else wanted.replace(" and ", " to ")
        raise ModelError(f"{owner}: {name}: expected {wanted}, found {value!r}.")


def check_whole(owner: str, name: str, value: Any, low: int) -> int:
    """`value` as an int; `ModelError` unless it is a whole number from `low` on."""
    try:
        number = operator.index(value)
    except TypeError:
        number = low - 1
    if isinstance(value, bool) or number < low:
        raise ModelError(f"{owner}: {name}: expected a whole number from {low} on, found {value!r}.")
    return number
