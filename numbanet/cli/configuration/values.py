"""A configuration: values by section and key, each with where it comes from."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from numbanet.cli.configuration.kinds import fits, in_words
from numbanet.cli.configuration.sections import NAME, SECTIONS
from numbanet.errors import ConfigError, unknown_name

Values = dict[str, dict[str, Any]]


class Configuration:
    """What was set, and nothing else; `values` by section and key. What is set later counts more.

    In a section that chooses something by `name`, another name begins the section anew: the arguments of one optimizer
    mean nothing to the next.
    """

    def __init__(self) -> None:
        self.values: Values = {}
        self.origins: dict[str, str] = {}

    def get(self, section: str, key: str) -> Any:
        """A value; None where it was not set."""
        return self.values.get(section, {}).get(key)

    def section(self, section: str) -> dict[str, Any]:
        """What was set in a section."""
        return dict(self.values.get(section, {}))

    def where(self, section: str, key: str = NAME) -> str:
        """Where a value comes from, for the beginning of an error: "my.toml: optimizer.lr"."""
        origin = self.origins.get(f"{section}.{key}")
        return f"{origin}: {section}.{key}" if origin else f"{section}.{key}"

    def add_file(self, path: str) -> None:
        """Take in a TOML file. Raises `ConfigError`."""
        file = Path(path).expanduser()
        try:
            content = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror or error}.") from error
        except (ValueError, RecursionError) as error:  # also bytes that are no UTF-8
            raise ConfigError(f"{path}: not a TOML file: {error}.") from error
        self.add(content, path)

    def add_assignment(self, text: str) -> None:
        """Take in `section.key=value`; the value as in TOML, or else a text. Raises `ConfigError`."""
        place, equals, value = text.partition("=")
        section, dot, path = place.strip().partition(".")
        if not equals or not dot or not path:
            raise ConfigError(f"--set {text}: expected section.key=value, as in optimizer.lr=0.01.")
        try:
            parsed = tomllib.loads(f"value = {value}")["value"]
        except (ValueError, RecursionError):
            parsed = value.strip()
        key, *inner = path.split(".")
        content = self._within(section, key, inner, parsed, f"--set {text}") if inner else parsed
        self.add({section: {key: content}}, f"--set {text}")

    def add(self, content: Mapping[str, Any], origin: str) -> None:
        """Take in values from `origin`, once all of them are known and of the right type. Raises `ConfigError`."""
        for section, table in content.items():
            if section not in SECTIONS:
                raise ConfigError(f"{origin}: unknown section [{section}].{_advice(section)}")
            if not isinstance(table, Mapping):
                raise ConfigError(f"{origin}: {section}: expected a table, [{section}], found {table!r}.")
            for key, value in table.items():
                self._check(section, key, value, origin)
            if NAME in table and "layers" in table:
                raise ConfigError(f"{origin}: [{section}] has a name and layers: leave out one of them.")
        for section, table in content.items():
            own = self.values.setdefault(section, {})
            if NAME in table and SECTIONS[section].choices is not None and table[NAME] != own.get(NAME):
                own.clear()
            if "layers" in table:
                own.pop(NAME, None)
            for key, value in table.items():
                own[key] = deepcopy(value)
                self.origins[f"{section}.{key}"] = origin
            self._check_arguments(section)

    def _check(self, section: str, key: str, value: Any, origin: str) -> None:
        known = SECTIONS[section].known(None)
        if key not in known:
            names = ", ".join(sorted(known))
            raise ConfigError(f"{origin}: [{section}] has no key {key!r}.{_advice(key, section)} Known here: {names}.")
        if not fits(value, known[key]):
            raise ConfigError(f"{origin}: {section}.{key}: expected {in_words(known[key])}, found {value!r}.")
        setting = SECTIONS[section].keys.get(key)
        if setting is not None and setting.least is not None and value < setting.least:
            raise ConfigError(
                f"{origin}: {section}.{key}: expected a whole number from {setting.least} on, found {value}."
            )
        choices = SECTIONS[section].choices
        if key == NAME and choices is not None and value not in choices:
            raise ConfigError(f"{origin}: {section}.{key}: {unknown_name(section, value, choices)}")

    def _check_arguments(self, section: str) -> None:
        """Where it is known what a section makes: whether that takes these arguments."""
        own = self.values[section]
        name = own.get(NAME)
        if SECTIONS[section].choices is None or name is None:
            return
        check_arguments(self, section, name, own)

    def _within(self, section: str, key: str, path: Sequence[str], value: Any, origin: str) -> Any:
        """The value of a key after `value` has been put somewhere inside it: model.layers.0.filters."""
        whole = deepcopy(self.get(section, key))
        here = whole
        for number, step in enumerate(path):
            last = number == len(path) - 1
            place: Any = int(step) if isinstance(here, list) and step.isdecimal() else step
            inside = isinstance(here, list) and isinstance(place, int) and place < len(here)
            if not inside and not (isinstance(here, dict) and (last or place in here)):
                before = ".".join([section, key, *path[:number]])
                raise ConfigError(f"{origin}: there is no {step!r} in {before}.")
            if last:
                here[place] = value
            else:
                here = here[place]
        return whole


def check_arguments(configuration: Configuration, section: str, name: str, keys: Mapping[str, Any]) -> None:
    """Raise `ConfigError` unless all keys are arguments of what is called `name`, and of their types."""
    known = SECTIONS[section].known(name)
    for key in keys:
        if key not in known:
            raise ConfigError(
                f"{configuration.where(section, key)}: {name} has no {key!r}. It has: "
                f"{', '.join(sorted(set(known) - {NAME})) or 'no arguments'}."
            )
        if not fits(keys[key], known[key]):
            raise ConfigError(
                f"{configuration.where(section, key)}: expected {in_words(known[key])}, found {keys[key]!r}."
            )


def _advice(name: str, section: str = "") -> str:
    """The nearest valid name and its place: in this section, else another's key of this name, else what is alike."""
    keys = {f"{other}.{key}": key for other, found in SECTIONS.items() for key in found.known(None) if key != NAME}
    here = difflib.get_close_matches(name.lower(), list(SECTIONS[section].known(None))) if section else []
    same = [place for place, key in keys.items() if key == name.lower()]
    sections = difflib.get_close_matches(name.lower(), list(SECTIONS)) if not section else []
    near = difflib.get_close_matches(name.lower(), list(keys.values()))
    elsewhere = [place for place, key in keys.items() if near and key == near[0]]
    if same and not (here and here[0] == name.lower()):
        return f" Did you mean {same[0]}?"
    if here:
        return f" Did you mean {section}.{here[0]}?"
    if sections:
        return f" Did you mean [{sections[0]}]?"
    if elsewhere:
        return f" Did you mean {elsewhere[0]}?"
    return "" if section else f" Known: {', '.join(SECTIONS)}."
