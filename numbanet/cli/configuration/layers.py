"""From the tables of a configuration to layers.

    [[model.layers]]
    type = "Residual"
    activation = "relu"
      [[model.layers.layers]]
      type = "Conv2D"
      filters = 16
      padding = "same"

A list of layers within another list, such as a branch of `Parallel`, is a list, or a table with nothing but `layers`.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping
from typing import Any

from numbanet.cli.configuration.kinds import fits, in_words, parameters, required, several
from numbanet.errors import ConfigError, ModelError, unknown_name
from numbanet.layers import LAYERS, Layer

TYPE, INSIDE = "type", "layers"


def make_layers(tables: list[Any], where: str) -> list[Layer]:
    """The layers that the tables describe; `where` is said in errors. Raises `ConfigError`."""
    if not tables:
        raise ConfigError(f"{where}: expected at least one layer, found none.")
    return [_make_layer(table, f"{where}[{index}]") for index, table in enumerate(tables)]


def _make_layer(table: Any, where: str) -> Layer:
    if not isinstance(table, Mapping) or not isinstance(table.get(TYPE), str):
        raise ConfigError(f'{where}: expected a table with the layer\'s type, as in type = "Dense", found {table!r}.')
    name = table[TYPE]
    if name not in LAYERS:
        raise ConfigError(f"{where}: {unknown_name('layer', name, LAYERS)}")
    kind = LAYERS[name]
    where, kinds, many = f"{where} ({name})", parameters(kind), several(kind)
    given = {argument: value for argument, value in table.items() if argument != TYPE}
    arguments: dict[str, Any] = {}
    for argument, value in given.items():
        if argument not in kinds:
            raise ConfigError(f"{where}: {unknown_name('argument', argument, kinds)}")
        if _takes_layers(kinds[argument]):
            arguments[argument] = _inside(value, f"{where}.{argument}")
        elif fits(value, kinds[argument]):
            arguments[argument] = value
        else:
            raise ConfigError(f"{where}.{argument}: expected {in_words(kinds[argument])}, found {value!r}.")
    missing = [argument for argument in required(kind) if argument not in given]
    if missing:
        raise ConfigError(f"{where}: expected {' and '.join(missing)}, found {', '.join(given) or 'nothing'}.")
    positional = arguments.pop(many, []) if many else []
    if not isinstance(positional, list):
        raise ConfigError(f"{where}.{many}: expected a list of layers, found {given[str(many)]!r}.")
    try:
        return kind(*positional, **arguments)
    except (ModelError, TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"{where}: {error}") from error


def _takes_layers(kind: Any) -> bool:
    """Whether an annotation is of a layer, or of several."""
    if inspect.isclass(kind) and not typing.get_args(kind):
        return issubclass(kind, Layer)
    return any(map(_takes_layers, typing.get_args(kind)))


def _inside(value: Any, where: str) -> Any:
    """A layer, a list of what this function returns, or a text such as "projection"."""
    if isinstance(value, list):
        return [_inside(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, Mapping) and value.keys() == {INSIDE}:
        return _inside(value[INSIDE], f"{where}.{INSIDE}")
    return value if isinstance(value, str) else _make_layer(value, where)
