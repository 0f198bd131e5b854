"""Configurations as TOML: written for programs to read again, and for people to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomli_w

from numbanet.cli.configuration.sections import NAME, SECTIONS


def to_toml(values: Mapping[str, Mapping[str, Any]]) -> str:
    """All sections, without empty ones and without what is None: TOML has no word for nothing."""
    return tomli_w.dumps({section: _plain(table) for section, table in values.items() if _plain(table)})


def with_origins(values: Mapping[str, Mapping[str, Any]], origins: Mapping[str, str]) -> str:
    """The same, with a comment on each line that says where its value comes from."""
    lines: list[str] = []
    for section, table in values.items():
        plain = _plain(table)
        if not plain:
            continue
        lines += ["", f"[{section}]"] if lines else [f"[{section}]"]
        for key, value in sorted(plain.items(), key=lambda item: _is_tables(item[1])):
            origin = origins.get(f"{section}.{key}", "default")
            if _is_tables(value):
                lines += [f"# {key}: {origin}", *tomli_w.dumps({section: {key: value}}).rstrip().split("\n")]
            else:
                lines.append(f"{_line(key, value)}  # {origin}")
    return "\n".join(lines) + "\n"


def starter(values: Mapping[str, Mapping[str, Any]]) -> str:
    """A file to begin with: the settings that have a value; as comments, with examples or defaults, those that may."""
    lines = [
        "# A configuration for numbanet: numbanet train --config THIS-FILE",
        "# What is left out is decided by the model. Flags and --set section.key=value count more than this file.",
    ]
    for name, section in SECTIONS.items():
        table = _plain(values.get(name, {}))
        lines += ["", f"# {section.meaning}", f"[{name}]"]
        for key, setting in section.keys.items():
            if not _is_tables(setting.example):
                text = _line(key, table.get(key, setting.example))
                lines.append(f"{'' if key in table else '# '}{text}  # {setting.meaning}")
        for key, default in section.defaults(table.get(NAME)).items():
            if key in table:
                lines.append(_line(key, table[key]))
            elif default is not None:
                lines.append(f"# {_line(key, _plain(default))}")
    lines += ["", *LAYERS_EXAMPLE.strip("\n").split("\n")]
    return "\n".join(lines) + "\n"


def _line(key: str, value: Any) -> str:
    """One setting on one line; tomli-w would give a list several."""
    if not isinstance(value, list):
        return tomli_w.dumps({key: value}).rstrip("\n")
    items = (_line(key, item).partition(" = ")[2] for item in value)
    return f"{tomli_w.dumps({key: 0}).partition(' = ')[0]} = [{', '.join(items)}]"


def _is_tables(value: Any) -> bool:
    """Whether a value is a list of tables, which TOML wants behind all others; None stands for that of the layers."""
    return value is None or (isinstance(value, list) and any(isinstance(item, dict) for item in value))


LAYERS_EXAMPLE = """
# In place of model.name, a network layer by layer (all layers: the README):
# [[model.layers]]
# type = "Conv2D"
# filters = 32
# kernel = 3
# activation = "relu"
#
# [[model.layers]]
# type = "Flatten"
#
# [[model.layers]]
# type = "Dense"
# units = 10
"""


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
