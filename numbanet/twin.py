"""A copy of a model with its weights: in another precision, or with layers after its own."""

from __future__ import annotations

from numbanet.configurable import from_config
from numbanet.layers import LAYERS, Layer
from numbanet.model import Sequential


def twin(model: Sequential, *more: Layer, dtype: str | None = None) -> Sequential:
    """A new model of the same layers, and `more` after them, with the same numbers in them.

    Layers belong to one model: those of the twin are made anew from the configuration of the first. Raises
    `ModelError` where `more` do not fit.
    """
    layers = [from_config("layer", LAYERS, {"type": type(layer).__name__, **layer.config()}) for layer in model.layers]
    copy = Sequential(
        *layers,
        *more,
        input_shape=model.input_shape,
        seed=model.seed,
        device=model.backend,
        dtype=dtype or model.dtype,
    )
    for targets, sources in ((copy.parameters(), model.parameters()), (copy.state(), model.state())):
        for name, array in sources.items():
            model.backend.copy(targets[name], model.backend.to_numpy(array))
    model.backend.copy(copy.step, model.backend.to_numpy(model.step))
    copy.loss, copy.meta = model.loss, dict(model.meta)
    return copy
