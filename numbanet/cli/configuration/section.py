"""What a section of a configuration consists of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numbanet.cli.configuration.kinds import defaults, parameters

NAME = "name"


@dataclass(frozen=True)
class Key:
    """One setting: the type of its value, what it means, an example (the default, where there is one), and from which
    number on it may be.
    """

    kind: Any
    meaning: str
    example: Any
    least: int | None = None


@dataclass(frozen=True)
class Section:
    """Fixed `keys`, and a registry of `choices` where there is one; `leave_out`: arguments that are set elsewhere."""

    meaning: str
    keys: Mapping[str, Key]
    choices: Mapping[str, Callable[..., Any]] | None = None
    leave_out: tuple[str, ...] = ()

    def options(self, name: str | None) -> dict[str, Any]:
        """Argument -> type of what is called so; of all choices together for None."""
        if self.choices is None:
            return {}
        kinds: dict[str, Any] = {}
        for function in [self.choices[name]] if name is not None else self.choices.values():
            for key, kind in parameters(function, self.leave_out).items():
                kinds[key] = kinds.get(key, kind) | kind
        return kinds

    def defaults(self, name: str | None) -> dict[str, Any]:
        """Argument -> default of the choice called so."""
        return {} if self.choices is None or name is None else defaults(self.choices[name], self.leave_out)

    def known(self, name: str | None) -> dict[str, Any]:
        """Key -> type, of all that may stand in the section."""
        return {**{key: setting.kind for key, setting in self.keys.items()}, **self.options(name)}
