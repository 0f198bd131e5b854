"""A recurrent layer in both directions."""

from __future__ import annotations

from numbanet.configurable import from_config
from numbanet.errors import ModelError, unknown_name
from numbanet.layers.base import Layer
from numbanet.layers.compose import Parallel, layer_from_file

MERGES = {"concat": "concat", "sum": "add", "mean": "mean"}  # and what `Parallel` calls them


class Bidirectional(Parallel):
    """`layer` from the first step to the last, and a second one like it from the last to the first.

        Bidirectional(LSTM(64, return_sequences=True))      # [n, time, features] -> [n, time, 128]

    The second is made by the configuration of the first, and has weights of its own. `merge`: "concat" puts the outputs
    side by side, "sum" and "mean" make one of the two; those of a step stand together, whichever way they were reached.
    Without `return_sequences` it is each direction's last state: of the second, the one after the first step.

    Schuster and Paliwal 1997, doi 10.1109/78.650093. Inside it, names are "1_bidirectional.forward.0_lstm" and
    "1_bidirectional.backward.0_lstm".
    """

    def __init__(self, layer: Layer, merge: str = "concat") -> None:
        from numbanet.layers import LAYERS  # which names this layer too

        if merge not in MERGES:
            raise ModelError(f"Bidirectional: {unknown_name('merge', str(merge), MERGES)}")
        layer = layer_from_file(layer)
        config = layer.config() if isinstance(layer, Layer) else {}
        if "reverse" not in config:
            raise ModelError(f"Bidirectional: expected a recurrent layer, such as LSTM(64), got {layer!r}.")
        if config.get("stateful"):
            raise ModelError(
                f"Bidirectional: expected a layer without a state that it keeps, got {layer!r}: the way back begins "
                "at a last step, and a stream has none. Leave out stateful, or Bidirectional."
            )
        back = {"type": type(layer).__name__, **config, "reverse": not config["reverse"]}
        self.layer = layer
        super().__init__(layer, from_config("layer", LAYERS, back), merge=MERGES[merge])
        self.merge = merge
        self._names = ["forward", "backward"]
