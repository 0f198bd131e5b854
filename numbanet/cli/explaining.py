"""What `numbanet predict --explain` does: for each prediction a picture of what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from numbanet import plots
from numbanet.cli.art import is_image, to_unit
from numbanet.cli.features import first_features, saliency
from numbanet.cli.picture_files import picture_file
from numbanet.errors import PlotError
from numbanet.model import Sequential


def explanation_files(
    path: str, model: Sequential, tags: Sequence[str], out: str | None, overwrite: bool
) -> list[Path]:
    """A file for each picture. Raises `PlotError` where one cannot be drawn or written."""
    if not is_image(model.input_shape):
        raise PlotError(f"{path}: --explain draws images, and its inputs have the shape {model.input_shape}.")
    if out is not None and len(tags) > 1:
        raise PlotError(f"--out {out}: one file for {len(tags)} pictures. Leave it out: each then gets its own name.")
    files = [picture_file(path, f"explain-{tag}", out, overwrite) for tag in tags]
    for file in files:
        if files.count(file) > 1:
            raise PlotError(f"{file}: two of the pictures would have this name. Explain them one by one, with --out.")
    return files


def explained(
    model: Sequential,
    x: NDArray[Any],
    names: Sequence[str],
    probabilities: NDArray[Any],
    label: int | None,
    title: str,
    note: str,
) -> bytes:
    """One prediction as a PNG file: image, probabilities, first layer's output, what speaks for and against."""
    what = plots.Explained(
        image=to_unit(x),
        names=names,
        probabilities=probabilities,
        label=label,
        saliency=saliency(model, x, int(probabilities.argmax())),
        features=first_features(model, x),
    )
    return plots.to_png(plots.explanation(what, title, note))
