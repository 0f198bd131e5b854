"""Optimizers: which kernel updates the parameters, with which numbers.

An optimizer object is a configuration and never changes. `start` binds it to a model's arena and gives an
`Updater`, which holds the moments and the count of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from numbanet import schedules
from numbanet.arena import Arena
from numbanet.backend import Array, Backend
from numbanet.configurable import Configurable, check_number, check_whole, choose
from numbanet.errors import ModelError
from numbanet.schedules import Constant, Schedule

NORM_CHUNK = 4096  # elements for each partial sum of the gradient's norm, as `clip_scale` wants it


@dataclass(repr=False, eq=False)
class Optimizer(Configurable):
    """What all optimizers take. `lr`: the learning rate, times the `schedule`'s factor at each step.

    `accumulate`: a step is made after so many batches, by the mean of their gradients; see `Updater`.

    In this order: `clip_norm` scales the whole gradient down to that norm; `clip_value` bounds each element;
    `l1` and `l2` add l1 * sign(w) + l2 * w; `weight_decay` shrinks w by lr * weight_decay, apart from the
    gradient. The last three apply to weights, not to biases.
    """

    moments: ClassVar[tuple[str, ...]] = ()

    lr: float = 1e-3
    _: KW_ONLY
    schedule: Schedule | str | Mapping[str, Any] | None = None
    l1: float = 0.0
    l2: float = 0.0
    weight_decay: float = 0.0
    clip_norm: float | None = None
    clip_value: float | None = None
    accumulate: int = 1

    def __post_init__(self) -> None:
        """Check the numbers."""
        name = type(self).__name__
        self.accumulate = check_whole(name, "accumulate", self.accumulate, 1)
        if self.schedule is not None:
            self.schedule = schedules.get(self.schedule)
        for field in ("lr", "l1", "l2", "weight_decay"):
            check_number(name, field, getattr(self, field), 0.0)
        for field in ("clip_norm", "clip_value"):
            if getattr(self, field) is not None:
                check_number(name, field, getattr(self, field), 0.0, open_ends=True)

    def start(
        self, arena: Arena, backend: Backend, steps: int | None = None, epoch_steps: int | None = None
    ) -> Updater:
        """Bind to an arena, for a run of `steps` batches, `epoch_steps` an epoch; all moments zero."""
        return Updater(self, arena, backend, steps, epoch_steps)

    def bind(self, kernels: Any, u: Updater) -> Callable[[], None]:
        """The kernel with all its arguments."""
        raise NotImplementedError


class Updater:
    """An optimizer at work on one arena: a call makes one step. Arrays are the device's, flat.

    `before` and `after` are called at each step, between gradients and update and after that. `rate_factor` multiplies
    the learning rate beside the schedule's factor: for what depends on how training goes.

    With `accumulate` above 1, a call takes in a batch's gradient, and every so many calls, or `flush`, make a step by
    their mean m, weighted as the losses are: m += w / (sum of w) * (g - m). That is the gradient of all these batches
    as one, but for rounding; the same for any number of threads.
    """

    def __init__(
        self, optimizer: Optimizer, arena: Arena, backend: Backend, steps: int | None, epoch_steps: int | None = None
    ) -> None:
        self.optimizer = optimizer
        self.values, self.gradients = arena.values, arena.gradients
        self.moments: dict[str, Array] = {
            name: backend.zeros(arena.values.shape, arena.values.dtype) for name in optimizer.moments
        }
        self.absent = backend.zeros((0,), arena.values.dtype)
        self.rate = backend.zeros((1,), np.float64)
        self.scale = backend.zeros((1,), np.float64)
        self.step = backend.zeros((1,), np.int64)
        self.rate[0], self.scale[0] = float(optimizer.lr), 1.0
        self.count = 0
        self.before: list[Callable[[], None]] = []
        self.after: list[Callable[[], None]] = []
        self._backend = backend
        self._pending, self._weight = 0, 0.0
        if optimizer.accumulate > 1:
            self._mean = backend.zeros(arena.values.shape, arena.values.dtype)
            self._average = backend.kernels.average
            steps, epoch_steps = _updates(optimizer.accumulate, steps, epoch_steps)
        self._lr = float(optimizer.lr)
        self._rate_factor = 1.0
        schedule = optimizer.schedule
        changes = isinstance(schedule, Schedule) and not (isinstance(schedule, Constant) and not schedule.warmup)
        self._factor = schedule.plan(steps, epoch_steps) if changes else None  # type: ignore[union-attr]
        self._clip: Callable[[], None] | None = None
        if optimizer.clip_norm is not None:
            partials = backend.zeros((-(-arena.values.size // NORM_CHUNK),), np.float64)
            self._clip = partial(
                backend.kernels.clip_scale, self.scale, partials, self.gradients, float(optimizer.clip_norm)
            )
        # The arguments with which every optimizer's kernel ends.
        self.regularization = (
            float(optimizer.clip_value or 0.0),
            float(optimizer.l1),
            float(optimizer.l2),
            float(optimizer.weight_decay),
            arena.decay_end,
        )
        self._apply = optimizer.bind(backend.kernels, self)

    @property
    def accumulates(self) -> bool:
        """Whether a step takes several batches."""
        return self.optimizer.accumulate > 1

    def __call__(self, weight: float = 1.0) -> None:
        """Update the parameters by their gradients; or take in the gradient of a batch of this weight."""
        if self.accumulates:
            self._weight += weight
            self._average(self._mean, self.gradients, weight / self._weight if self._weight else 0.0)
            self._pending += 1
            if self._pending == self.optimizer.accumulate:
                self.flush()
            return
        self._update()

    def flush(self) -> None:
        """Make a step with the batches taken in so far; nothing where there are none."""
        if self._pending:
            self._average(self.gradients, self._mean, 1.0)
            self._pending, self._weight = 0, 0.0
            self._update()
            self.gradients[:] = 0  # an embedding clears the rows of its last batch alone

    def _update(self) -> None:
        for act in self.before:
            act()
        if self._factor is not None:
            self.rate[0] = self._lr * self._rate_factor * self._factor(self.count)
        self.count += 1
        self.step[0] = self.count
        if self._clip is not None:
            self._clip()
        self._apply()
        for act in self.after:
            act()

    @property
    def rate_factor(self) -> float:
        """What the learning rate is multiplied with, beside the schedule's factor; 1 at first."""
        return self._rate_factor

    @rate_factor.setter
    def rate_factor(self, factor: float) -> None:
        self._rate_factor = factor
        self.rate[0] = self.next_rate

    @property
    def next_rate(self) -> float:
        """The learning rate of the next step."""
        scheduled = 1.0 if self._factor is None else self._factor(self.count)
        return self._lr * self._rate_factor * scheduled

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Copies of the moments, and the number of steps made (int64 [1]); of what is accumulated, where that is."""
        to_numpy = self._backend.to_numpy
        state = {name: np.array(to_numpy(array)) for name, array in self.moments.items()}
        if self.accumulates:
            state["accumulated"] = np.array(to_numpy(self._mean))
            state["pending"] = np.array([self._pending, self._weight], np.float64)
        return {"step": np.array([self.count], np.int64), **state}

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a `state_dict` of an optimizer of the same kind on the same architecture."""
        expected = {"step": (1,), **{name: array.shape for name, array in self.moments.items()}}
        if self.accumulates:
            expected |= {"accumulated": self._mean.shape, "pending": (2,)}
        found = {name: np.shape(array) for name, array in state.items()}
        if found != expected:
            raise ModelError(f"{type(self.optimizer).__name__}: expected the state {expected}, got {found}.")
        self.count = int(state["step"][0])
        for name, array in self.moments.items():
            self._backend.copy(array, np.asarray(state[name]))
        if self.accumulates:
            self._backend.copy(self._mean, np.asarray(state["accumulated"]))
            self._pending, self._weight = int(state["pending"][0]), float(state["pending"][1])


def _updates(accumulate: int, batches: int | None, epoch_batches: int | None) -> tuple[int | None, int | None]:
    """The steps of a run and of an epoch, from their batches; the last step of an epoch may have fewer of these."""
    if batches is None or epoch_batches is None:
        return (None if batches is None else -(-batches // accumulate)), None
    an_epoch = -(-epoch_batches // accumulate)
    return max(1, batches // epoch_batches * an_epoch), an_epoch


@dataclass(repr=False, eq=False)
class SGD(Optimizer):
    """w -= lr * g; with `momentum`, lr * velocity; with `nesterov` looking ahead (Sutskever et al. 2013)."""

    lr: float = 0.1
    _: KW_ONLY
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        check_number("SGD", "momentum", self.momentum, 0.0, 1.0)
        if self.nesterov and not self.momentum:
            raise ModelError("SGD: nesterov needs a momentum, such as momentum=0.9.")
        self.moments = ("velocity",) if self.momentum else ()  # type: ignore[misc]

    def bind(self, kernels: Any, u: Updater) -> Callable[[], None]:
        """`sgd` or `momentum`."""
        if not self.momentum:
            return partial(kernels.sgd, u.values, u.gradients, u.rate, u.scale, *u.regularization)
        numbers = (float(self.momentum), bool(self.nesterov))
        velocity = u.moments["velocity"]
        return partial(kernels.momentum, u.values, u.gradients, velocity, u.rate, u.scale, *numbers, *u.regularization)


@dataclass(repr=False, eq=False)
class RMSprop(Optimizer):
    """w -= lr * g / (sqrt(mean of g^2) + epsilon) (Tieleman and Hinton 2012), in PyTorch's form."""

    lr: float = 1e-3
    _: KW_ONLY
    rho: float = 0.99
    epsilon: float = 1e-8
    momentum: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        check_number("RMSprop", "rho", self.rho, 0.0, 1.0)
        check_number("RMSprop", "epsilon", self.epsilon, 0.0)
        check_number("RMSprop", "momentum", self.momentum, 0.0, 1.0)
        self.moments = ("square", "velocity") if self.momentum else ("square",)  # type: ignore[misc]

    def bind(self, kernels: Any, u: Updater) -> Callable[[], None]:
        """`rmsprop`."""
        arrays = (u.values, u.gradients, u.moments["square"], u.moments.get("velocity", u.absent))
        numbers = (float(self.rho), float(self.epsilon), float(self.momentum))
        return partial(kernels.rmsprop, *arrays, u.rate, u.scale, *numbers, *u.regularization)


@dataclass(repr=False, eq=False)
class Adam(Optimizer):
    """Adam (Kingma and Ba, arXiv 1412.6980)."""

    moments: ClassVar[tuple[str, ...]] = ("m", "v")

    lr: float = 1e-3
    _: KW_ONLY
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        for field in ("beta1", "beta2"):
            check_number(type(self).__name__, field, getattr(self, field), 0.0, 1.0)
            if getattr(self, field) == 1:
                raise ModelError(f"{type(self).__name__}: {field}: expected a number below 1, found 1.")
        check_number(type(self).__name__, "epsilon", self.epsilon, 0.0)

    def bind(self, kernels: Any, u: Updater) -> Callable[[], None]:
        """`adam`."""
        arrays = (u.values, u.gradients, u.moments["m"], u.moments["v"], u.rate, u.scale, u.step)
        numbers = (float(self.beta1), float(self.beta2), float(self.epsilon))
        return partial(kernels.adam, *arrays, *numbers, *u.regularization)


@dataclass(repr=False, eq=False)
class AdamW(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter, arXiv 1711.05101)."""

    _: KW_ONLY
    weight_decay: float = 0.01


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": SGD,
    "momentum": partial(SGD, lr=0.02, momentum=0.9),
    "nesterov": partial(SGD, lr=0.02, momentum=0.9, nesterov=True),
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}


def get(choice: Optimizer | str, **options: Any) -> Optimizer:
    """An optimizer by name, made with `options` such as `lr`; an optimizer itself is passed through."""
    return choose("optimizer", Optimizer, OPTIMIZERS, choice, **options)
