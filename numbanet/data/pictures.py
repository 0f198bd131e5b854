"""Image files as arrays (Pillow, extra `images`): opened, made gray or colored, brought to a size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from numbanet.errors import DataError

if TYPE_CHECKING:
    from PIL import Image as PillowImage

GRAY_MODES = ("1", "L", "LA", "I", "I;16", "I;16B", "F")


def opened(path: Path, pixels: bool = True) -> PillowImage.Image:
    """The image in a file, upright as its camera meant it; without `pixels` only its size and mode are read.

    Raises `DataError` for what is no image, and where Pillow is missing.
    """
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError:
        raise DataError(
            f'{path}: reading an image file needs Pillow. Install the extra: pip install "numbanet[images]". '
            "An .npy array works without it."
        ) from None
    try:
        image = Image.open(path)
        if not pixels:
            return image
        image.load()
        return ImageOps.exif_transpose(image)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: expected an image or an .npy array; it cannot be read: {error}.") from error


def as_mode(image: PillowImage.Image, channels: int) -> PillowImage.Image:
    """Gray (1 channel) or colored (3); transparent pixels become white paper, 16 bits the upper 8."""
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, np.float64)
        scale = 1 / 257 if values.max(initial=0) > 255 else 1.0
        image = Image.fromarray(np.clip(values * scale, 0, 255).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image.convert("RGBA"))
    return image.convert("L" if channels == 1 else "RGB")


def fitted(image: PillowImage.Image, height: int, width: int, paper: int | None = None) -> NDArray[np.uint8]:
    """Resized without distortion: what is missing to these proportions is filled with `paper`, by default black."""
    from PIL import Image, ImageOps

    pad = ImageOps.pad(image, (width, height), method=Image.Resampling.LANCZOS, color=paper)
    return np.array(pad if image.size != (width, height) else image, dtype=np.uint8)
