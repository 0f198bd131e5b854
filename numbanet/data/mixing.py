"""Training on mixtures of two examples, with as much of both labels: a network that is less sure, and errs less.

    model.fit(data, mix=Mix(mixup=0.2))      # also "mixup=0.2", or "mixup=0.2,cutmix=1"

What a model is tested on stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numbanet.configurable import Configurable, check_number
from numbanet.errors import ModelError, unknown_name
from numbanet.kernels.mixing import beta_quantiles


@dataclass(frozen=True, repr=False)
class Mix(Configurable):
    """Which mixtures; each is drawn anew for each pair of examples and each step.

    - `mixup`: both examples are blended, s x + (1 - s) x', with s from Beta(mixup, mixup): 0.2 is a good beginning
      (Zhang et al., arXiv 1710.09412);
    - `cutmix`: a rectangle of one image is put into the other, of the share 1 - s of its area, with s from
      Beta(cutmix, cutmix): 1 is the usual (Yun et al., arXiv 1905.04899). For images.

    With both, each pair gets one or the other. 0 is none. The targets are mixed in the same shares: labels become
    probabilities. Pairs are example i and example n - 1 - i of a shuffled batch of n; what they get depends on the
    model's seed, the number of the step and i, and on nothing else. Raises `ModelError`.
    """

    mixup: float = 0.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("mixup", "cutmix"):
            value = getattr(self, name)
            check_number("Mix", name, value, 0.0, 1000.0)
            if 0 < value < 0.01:
                raise ModelError(f"Mix: {name}: expected 0 for none, or a number from 0.01 on, found {value!r}.")

    def __bool__(self) -> bool:
        """Whether anything is mixed at all."""
        return self.mixup > 0 or self.cutmix > 0

    def __str__(self) -> str:
        """As `get` reads it: "mixup=0.2,cutmix=1", or "none"."""
        return ",".join(f"{name}={value:g}" for name, value in self.config().items() if value) or "none"

    def tables(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The quantiles of both shares' distributions, as the kernel takes them."""
        return beta_quantiles(self.mixup), beta_quantiles(self.cutmix)

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise `ModelError` unless examples of this shape can be mixed so."""
        if self.cutmix and len(shape) not in (2, 3):
            raise ModelError(
                f"cutmix: expected images, (height, width) or (height, width, channels), found examples of shape "
                f"{shape}. Use mixup, which blends whatever is made of numbers."
            )

    def shape(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """The shape of an example as (height, width, channels); whatever is no image is one row of pixels."""
        if len(shape) in (2, 3):
            return shape[0], shape[1], shape[2] if len(shape) == 3 else 1
        return 1, int(np.prod(shape)), 1


def get(choice: Mix | str | None) -> Mix:
    """From a text such as "mixup=0.2,cutmix=1"; None and "none" for none; a `Mix` is passed through."""
    if isinstance(choice, Mix):
        return choice
    if choice is None or choice == "none":
        return Mix()
    if not isinstance(choice, str):
        raise ModelError(f"mix: expected a Mix, or a text such as 'mixup=0.2,cutmix=1', found {choice!r}.")
    options: dict[str, float] = {}
    for part in choice.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in ("mixup", "cutmix"):
            raise ModelError(unknown_name("mixture", name, ("mixup", "cutmix", "none")))
        try:
            options[name] = float(value)
        except ValueError:
            raise ModelError(f"mixture {name}: expected a number, as in {name}=0.2, found {value!r}.") from None
    return Mix(**options)
