"""Convolution of sequences: to the kernels, that of images one pixel high."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numbanet.configurable import check_whole
from numbanet.errors import ModelError, unknown_name
from numbanet.initializers import Shape
from numbanet.kernels.geometry import PADDINGS, Pair, extent, pair
from numbanet.layers.conv import Convolution, Sliding, check_channels, check_groups
from numbanet.layers.weighted import InitializerChoice
from numbanet.layers.windows import Padding, check_sequence

PADDINGS_1D = (*PADDINGS, "causal")


class Conv1D(Convolution):
    """A convolution over time: `filters` sequences, each a weighted sum of `kernel` steps of the input.

        x [n, time, features] -> y [n, out_time, filters]
        weight (kernel, features / groups, filters), bias (filters,)

    `padding`, with zeros: "valid" (none), "same" (time / stride outputs, rounded up), "causal" (all before the start:
    no output sees a step later than its own), a number of steps for both ends, or (before, after). The other
    arguments are those of `Conv2D`.
    """

    def __init__(
        self,
        filters: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        padding: Padding = "valid",
        dilation: int = 1,
        groups: int = 1,
        activation: str | None = "linear",
        bias: bool = True,
        weight_initializer: InitializerChoice | None = None,
        bias_initializer: InitializerChoice = "zeros",
    ) -> None:
        self.filters = check_whole("Conv1D", "filters", filters, 1)
        self.kernel = check_whole("Conv1D", "kernel", kernel, 1)
        self.stride = check_whole("Conv1D", "stride", stride, 1)
        self.padding = _check_ends(padding)
        self.dilation = check_whole("Conv1D", "dilation", dilation, 1)
        self.groups = check_groups("Conv1D", groups, self.filters)
        self.configure(activation, bias, weight_initializer, bias_initializer)

    @property
    def keeps_mask(self) -> bool:
        """Where there are as many steps after it as before: they are then of the same places."""
        return self.out_shape[0] == self.in_shape[0] and self.stride == 1

    def build(self, in_shape: Shape) -> Shape:
        """(time, features) -> (out_time, filters)."""
        time, features = check_sequence(self, in_shape)
        check_channels(self, features, self.groups)
        shortest = extent(self.kernel, self.dilation) - sum(self._ends())
        if self.padding != "same" and time < shortest:
            advice = "Use a smaller kernel or dilation, or more padding."
            raise self.error(f"sequences of at least {shortest} steps", f"{time}", advice)
        return self.convolve((1, time, features), self.filters, self.groups)

    def sliding(self) -> Sliding:
        """Along the width of an image one pixel high."""
        padding = "same" if self.padding == "same" else (0, 0, *self._ends())
        return (1, self.kernel), (1, self.stride), (1, self.dilation), padding

    def _ends(self) -> Pair:
        """The padding (before, after), apart from "same", for which it depends on the input."""
        if self.padding == "causal":
            return extent(self.kernel, self.dilation) - 1, 0
        return (0, 0) if isinstance(self.padding, str) else pair(self.padding)


def _check_ends(value: Any) -> str | int | Pair:
    """`value` as "valid", "same", "causal", steps for both ends or (before, after); else `ModelError`."""
    if isinstance(value, str):
        if value not in PADDINGS_1D:
            raise ModelError(f"Conv1D: {unknown_name('padding', value, PADDINGS_1D)} Or a number of steps.")
        return value
    if not isinstance(value, Sequence):
        return check_whole("Conv1D", "padding", value, 0)
    if len(value) != 2:
        raise ModelError(f"Conv1D: padding: expected a name, one number of steps or (before, after), found {value!r}.")
    before, after = (check_whole("Conv1D", "padding", n, 0) for n in value)
    return before, after
