"""Layers inside layers that hold layers, in every way that their shapes allow."""

from __future__ import annotations

from collections.abc import Callable

from numbanet.layers import Dense, Layer, Parallel, Residual
from numbanet.layers.chain import Chain

Make = Callable[[], list[Layer]]


def nestings(make: Make, in_shape: tuple[int, ...]) -> dict[str, Make]:
    """By a name, functions that make a model of the layers that `make` makes, for inputs of `in_shape`.

    Two of the same always fit together: most put the layers beside another set of them.
    """
    chain = Chain(make(), "nestings")
    out_shape = chain.place("", in_shape)
    inside: dict[str, Make] = {
        "with a shortcut like the body": lambda: [Residual(*make(), shortcut=make(), activation="tanh")],
        "side by side": lambda: [Parallel(make(), make())],
        "added": lambda: [Parallel(make(), make(), make(), merge="add")],
        "two deep": lambda: [Residual(Parallel(make(), [Residual(*make(), shortcut=make())]), shortcut=[Parallel(make(), make())])],
    }  # fmt: skip
    if chain.tokens is not None:
        return inside  # nothing can be done with x itself
    if out_shape == in_shape:
        inside["with the identity"] = lambda: [Residual(*make(), activation="tanh")]
        inside["with the identity and no activation"] = lambda: [Residual(*make()), Residual(*make())]
    if out_shape[:-1] == in_shape[:-1]:
        inside["beside the identity"] = lambda: [Parallel([], make())]
    if len(out_shape) == 1:
        inside["with a projection"] = lambda: [Residual(*make(), shortcut="projection", activation="sigmoid"), Dense(2)]
    return inside
