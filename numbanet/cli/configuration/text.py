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
        if not _plain(table):
            continue
        lines += ["", f"[{section}]"] if lines else [f"[{section}]"]
        for key, value in _plain(table).items():
            if isinstance(value, list) and any(isinstance(item, dict) for item in value):
                lines += ["", *tomli_w.dumps({section: {key: value}}).rstrip().split("\n")]
                continue
            *head, last = tomli_w.dumps({key: value}).rstrip("\n").split("\n")
            origin = origins.get(f"{section}.{key}", "default")
            lines += [*head, f"{last}  # {origin}"]
    return "\n".join(lines) + "\n"


def starter(values: Mapping[str, Mapping[str, Any]]) -> str:
    """A file to begin with: each setting that has a value, and those that may be set as comments."""
    lines = [
        "# A configuration for numbanet: numbanet train --config THIS-FILE",
        "# What is left out is decided by the model. Flags and --set section.key=value count more than this file.",
    ]
    for name, section in SECTIONS.items():
        table = _plain(values.get(name, {}))
        lines += ["", f"# {section.meaning}", f"[{name}]"]
        for key in dict.fromkeys([*section.keys, *section.options(table.get(NAME))]):
            setting = section.keys.get(key)
            meaning = f"  # {setting.meaning}" if setting else ""
            if key in table:
                lines.append(tomli_w.dumps({key: table[key]}).rstrip("\n") + meaning)
            elif setting and key != "layers":
                lines.append(f"# {key} ={meaning.replace('  #', '', 1)}")
    lines += ["", *LAYERS_EXAMPLE.strip("\n").split("\n")]
    return "\n".join(lines) + "\n"


LAYERS_EXAMPLE = """
# In place of model.name, a network layer by layer (all layers and their arguments: the README):
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
