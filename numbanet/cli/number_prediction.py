"""What `numbanet predict` does where a model predicts numbers: a line for each example."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from rich.console import Console
from rich.text import Text

from numbanet.cli.compiling import compilation_shown
from numbanet.model import Sequential

if TYPE_CHECKING:
    from numbanet.cli.prediction import Example


def predict_numbers(console: Console, path: str, model: Sequential, examples: Sequence[Example], as_json: bool) -> None:
    """Predict the examples, all at once, and show each one's numbers, beside the true ones where these are known."""
    with compilation_shown(console):
        outputs = model.predict(np.stack([example.x for example in examples]))
    results: list[dict[str, Any]] = []
    for example, values in zip(examples, outputs.reshape(len(examples), -1), strict=True):
        result: dict[str, Any] = {"input": example.source, "values": [float(value) for value in values]}
        line = Text.assemble((example.source, "bold"), ": ", (_words(values), "bold green"))
        if example.label is not None:
            result["label"] = [float(value) for value in example.label]
            line.append(f", it is {_words(example.label)}")
        if example.remark:
            result["remark"] = example.remark
        results.append(result)
        if not as_json:
            console.print(line)
    if as_json:
        click.echo(json.dumps({"model": path, "predictions": results}))


def _words(values: Any) -> str:
    return ", ".join(f"{value:.6g}" for value in values)
