"""All parameters of a model in one flat buffer, all gradients in another, with shaped views into both.

    values     | 1_dense.weight ...0 | 2_dense.weight ...0 | 1_dense.bias ...0 | 2_dense.bias ...0 |
                                                           ^ decay_end
One optimizer step, one gradient norm or one copy is then one call over one array. Each tensor starts at a
multiple of 16 elements (a vector, a cache line); the padding between them is zero and stays zero, since its
gradient is zero. Tensors with weight decay come first, so that decay is a bound instead of a mask. Allocated
once; never resized. Flattening parameters after the fact, as torch7 did, leaves stale views behind.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from numbanet.backend import Array, Backend
from numbanet.initializers import Initializer, generator

ALIGNMENT = 16  # elements


@dataclass(frozen=True)
class ParameterSpec:
    """One tensor that a layer asks for. `decay`: whether weight decay applies (weights yes, biases no)."""

    name: str
    shape: tuple[int, ...]
    initializer: Initializer
    decay: bool = True


@dataclass(frozen=True)
class Slot:
    """Where a tensor lies: `values[offset : offset + size]`."""

    offset: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Elements, without the padding."""
        return math.prod(self.shape)


class Arena:
    """Tensors by name over one flat buffer `values`, and one of `gradients` where they are wanted.

    Attributes: `values` and `gradients` [size]; `views` and `gradient_views`, name -> array; `slots`, name ->
    `Slot`, in order of offset; `decay_end`: weight decay applies to `values[:decay_end]`.
    """

    def __init__(
        self,
        specs: Iterable[ParameterSpec],
        backend: Backend,
        dtype: str,
        seed: int,
        *,
        gradients: bool = True,
    ) -> None:
        ordered = sorted(specs, key=lambda spec: not spec.decay)  # stable: otherwise in the layers' order
        self.slots: dict[str, Slot] = {}
        self.decay_end = offset = 0
        for spec in ordered:
            self.slots[spec.name] = Slot(offset, spec.shape)
            offset += -(-math.prod(spec.shape) // ALIGNMENT) * ALIGNMENT
            if spec.decay:
                self.decay_end = offset
        self.values = backend.zeros((offset,), dtype)
        self.gradients = backend.zeros((offset if gradients else 0,), dtype)
        self.views = self._views(self.values)
        self.gradient_views = self._views(self.gradients) if gradients else {}
        for spec in ordered:
            backend.copy(self.views[spec.name], spec.initializer(generator(seed, spec.name), spec.shape))

    @property
    def parameters(self) -> int:
        """Elements of all tensors, without the padding."""
        return sum(slot.size for slot in self.slots.values())

    def _views(self, flat: Array) -> dict[str, Any]:
        return {
            name: flat[slot.offset : slot.offset + slot.size].reshape(slot.shape) for name, slot in self.slots.items()
        }
