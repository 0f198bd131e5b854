"""Augmentation: training images distorted at random, each time they are seen, so that a network learns more
from the same examples.

    model.fit(data, augment=Augment(shift=2, rotate=10))      # also "shift=2,rotate=10", or "default"

The labels stay as they are, and so do the images that a model is tested on.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.configurable import Configurable, check_number, check_whole
from numbanet.errors import ModelError, unknown_name
from numbanet.inputs import BYTE_SCALE, as_inputs
from numbanet.kernels.distortion import Distortion


@dataclass(frozen=True, repr=False)
class Augment(Configurable):
    """Which distortions, and how strong they may be; each is drawn anew for each image and each step.

    - `shift`: pixels, up or down and left or right, whole ones, so that nothing is blurred;
    - `rotate`: degrees, either way;
    - `scale`: height and width change, each by itself, by up to this share: 0.1 is 90% to 110%;
    - `shear`: degrees by which upright lines lean, either way;
    - `elastic`: pixels by which a smooth random field moves each place, as a standard deviation (Simard et al.
      2003, doi 10.1109/ICDAR.2003.1227801);
    - `flip`: whether left and right change places in every other image. Not for digits or letters;
    - `cutout`: pixels along the side of a square set to zero, anywhere (DeVries and Taylor, arXiv 1708.04552).

    What comes from outside an image is zero. The distortions of an image depend on the model's seed, the number
    of the training step and the image's row in the data set, and on nothing else. Raises `ModelError`.
    """

    shift: int = 0
    rotate: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    elastic: float = 0.0
    flip: bool = False
    cutout: int = 0

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_whole("Augment", "shift", self.shift, 0)
        check_number("Augment", "rotate", self.rotate, 0.0, 180.0)
        check_number("Augment", "scale", self.scale, 0.0, 0.9)
        check_number("Augment", "shear", self.shear, 0.0, 80.0)
        check_number("Augment", "elastic", self.elastic, 0.0)
        if not isinstance(self.flip, bool):
            raise ModelError(f"Augment: flip: expected True or False, found {self.flip!r}.")
        check_whole("Augment", "cutout", self.cutout, 0)

    @property
    def distortion(self) -> Distortion:
        """The kernel's argument, always of the same types: it is compiled for these."""
        return Distortion(
            shift=int(self.shift),
            rotate=float(self.rotate),
            scale=float(self.scale),
            shear=float(self.shear),
            elastic=float(self.elastic),
            flip=self.flip,
            cutout=int(self.cutout),
        )

    def __bool__(self) -> bool:
        """Whether anything is distorted at all."""
        return any(self.distortion)

    def __str__(self) -> str:
        """As `parse` reads it: "shift=2,flip", or "none"."""
        chosen = {name: value for name, value in self.config().items() if value}
        return ",".join(name if name == "flip" else f"{name}={value:g}" for name, value in chosen.items()) or "none"

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise `ModelError` unless examples of this shape can be distorted so."""
        if len(shape) != 3:
            raise ModelError(
                f"augment: expected images, (height, width, channels), found examples of shape {shape}. Only images "
                "can be distorted: where they were flattened, hand in the images, and let Flatten() be the first layer."
            )
        most = min(shape[:2])
        for name in ("shift", "elastic", "cutout"):
            if getattr(self, name) >= most:
                raise ModelError(
                    f"augment: {name}: expected fewer than {most} pixels for images of {shape[0]} x {shape[1]}, "
                    f"found {getattr(self, name)}: nothing might be left of them."
                )

    def __call__(self, x: Any, rows: Any = None, *, seed: int = 0, step: int = 0) -> NDArray[Any]:
        """The images `rows` of x (all, by default) as a model of this seed is trained on them at a step, on the CPU.

        x uint8 (0..255 becomes 0..1) or float, [N, height, width, channels]; returns float32 [n, the same].
        """
        images = as_inputs(x, np.shape(x)[1:], "float32")
        shape = images.shape[1:]
        self.check(shape)
        chosen = np.arange(len(images)) if rows is None else np.array(rows, np.int64)
        result = np.empty((len(chosen), *shape), np.float32)
        scale = BYTE_SCALE if images.dtype == np.uint8 else 1.0
        kernels = import_module("numbanet.kernels.cpu.augment")  # late: it imports Numba
        kernels.augment(
            result.reshape(len(chosen), -1),
            images.reshape(len(images), -1),
            chosen,
            shape,
            scale,
            self.distortion,
            seed,
            np.array([step]),
        )
        return result


NAMED = {"none": Augment(), "default": Augment(shift=1, rotate=10, scale=0.1, shear=8, elastic=1)}
KINDS = tuple(Distortion._fields)


def get(choice: Augment | str | None) -> Augment:
    """From a name or a text such as "shift=2,rotate=10,flip"; None is "none"; an `Augment` is passed through."""
    if isinstance(choice, Augment):
        return choice
    if choice is None:
        return NAMED["none"]
    if not isinstance(choice, str):
        raise ModelError(
            f"augment: expected an Augment, or a text such as 'default' or 'shift=2,rotate=10', found {choice!r}."
        )
    return parse(choice)


def parse(text: str) -> Augment:
    """ "none", "default", or what to distort: "shift=2,rotate=10,flip"; what is not named is not distorted."""
    if text in NAMED:
        return NAMED[text]
    options: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name not in KINDS:
            raise ModelError(unknown_name("augmentation", name, (*NAMED, *KINDS)))
        if name in options:
            raise ModelError(f"augmentation {name}: expected once, found twice in {text!r}.")
        options[name] = True if name == "flip" and not equals else _number(name, value)
    return Augment(**options)


def _number(name: str, text: str) -> int | float:
    if name == "flip":
        raise ModelError(f"augmentation flip: expected no value, found {text!r}. Leave it out, or write flip.")
    try:
        value = float(text)
    except ValueError:
        example = 0.1 if name == "scale" else 2
        raise ModelError(f"augmentation {name}: expected a number, as in {name}={example}, found {text!r}.") from None
    return int(value) if value.is_integer() else value
