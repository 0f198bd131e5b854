"""Schedules made of halves of a cosine."""

from __future__ import annotations

import math
from dataclasses import dataclass

from numbanet.configurable import check_number
from numbanet.schedules.base import Factor, Length, Run, Schedule, WholeRun


def _glide(start: float, end: float, done: float) -> float:
    """From `start` to `end` along half a cosine, as `done` goes from 0 to 1."""
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * done))


@dataclass(repr=False, eq=False)
class Cosine(WholeRun):
    """Half a cosine from 1 down to `end`, after a warm-up (Loshchilov and Hutter, arXiv 1608.03983).

    Beyond the run's length the factor stays `end`.
    """

    warmup: Length = 0.05
    end: float = 0.0

    def __post_init__(self) -> None:
        """Check the arguments."""
        super().__post_init__()
        check_number("Cosine", "end", self.end, 0.0, 1.0)

    def curve(self, run: Run) -> Factor:
        """Down to `end`, and `end` from there on."""
        assert run.steps is not None
        end, length = self.end, run.steps
        return lambda step: _glide(1.0, end, min(step / length, 1.0))


@dataclass(repr=False, eq=False)
class CosineRestarts(Schedule):
    """Half a cosine from 1 to `end` over each `period`, then up again at once: SGDR (arXiv 1608.03983).

    Each period is `stretch` times as long as the one before.
    """

    period: Length = 0.25
    stretch: float = 1.0
    end: float = 0.0

    def __post_init__(self) -> None:
        """Check the arguments."""
        super().__post_init__()
        self.check_length("period", self.period)
        check_number("CosineRestarts", "stretch", self.stretch, 1.0)
        check_number("CosineRestarts", "end", self.end, 0.0, 1.0)

    def curve(self, run: Run) -> Factor:
        """Whatever the length of the run."""
        period, stretch, end = self.in_steps("period", self.period, run), self.stretch, self.end

        def factor(step: int) -> float:
            if stretch == 1:
                return _glide(1.0, end, step % period / period)
            # After k periods, period * (stretch^k - 1) / (stretch - 1) steps have gone by; a step that falls on that
            # number exactly must not be put into the period before it by rounding.
            passed = math.log(1.0 + step / period * (stretch - 1.0), stretch)
            whole = math.floor(passed + 1e-9)
            begun = period * (stretch**whole - 1.0) / (stretch - 1.0)
            return _glide(1.0, end, max(0.0, (step - begun) / (period * stretch**whole)))

        return factor


@dataclass(repr=False, eq=False)
class OneCycle(WholeRun):
    """Up from 1 / `divide` to 1 over the part `rise` of the run, then down to 1 / (`divide` * `divide_end`).

    Both ways are halves of a cosine. The learning rate is the highest; find it with `numbanet lr-find`. After Smith
    and Topin, arXiv 1708.07120, in PyTorch's form of two phases; the momentum stays as it is.
    """

    rise: float = 0.3
    divide: float = 25.0
    divide_end: float = 1e4

    def __post_init__(self) -> None:
        """Check the arguments."""
        super().__post_init__()
        check_number("OneCycle", "rise", self.rise, 0.0, 1.0, open_ends=True)
        check_number("OneCycle", "divide", self.divide, 1.0)
        check_number("OneCycle", "divide_end", self.divide_end, 1.0)

    def curve(self, run: Run) -> Factor:
        """Its last step has the lowest rate, which stays from there on."""
        assert run.steps is not None
        start, last = 1.0 / self.divide, run.steps - 1
        end, top = start / self.divide_end, self.rise * run.steps - 1.0

        def factor(step: int) -> float:
            if step < top:
                return _glide(start, 1.0, step / top)
            return _glide(1.0, end, min((step - max(top, 0.0)) / max(last - max(top, 0.0), 1e-9), 1.0))

        return factor
