"""Text from a model that predicts what comes next: one token in, one token out, as long as somebody wants more.

    generator = Generator(model)
    for token in generator.tokens(prompt, length=100, temperature=0.8, seed=0): ...

A language model is trained on windows of many steps. To generate, a twin of it with the same weights takes one step
at a time and keeps what it knows of the steps before, so that a token costs the same however long the text is. Which
layers remember, and what, they know themselves: the twin is the model's own layers with `stateful=True`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbanet.configurable import check_number, check_whole, from_config
from numbanet.errors import ModelError
from numbanet.layers import LAYERS, Layer
from numbanet.layers.chain import walk
from numbanet.model import Sequential

BLOCK = 256  # tokens for which random numbers are drawn at once
SAMPLE = 0x7E47  # tells these random numbers from others with the same seed


class Generator:
    """A model, ready to generate. Its weights are copied: training the model on changes nothing here.

    Raises `ModelError` for a model that does not predict one token for each it is fed, or looks ahead.
    """

    def __init__(self, model: Sequential) -> None:
        self._twin = stepwise(model)
        self._x = self._twin.backend.zeros((1, 1), np.int64)
        self.symbols = self._twin.output_shape[-1]

    def feed(self, token: int) -> NDArray[Any]:
        """The logits [symbols] of what follows this token and those before it; the next call overwrites them."""
        self._x[0, 0] = token
        logits: NDArray[Any] = self._twin.backend.to_numpy(self._twin.run_forward(self._x, False)).reshape(-1)
        return logits

    def tokens(
        self,
        prompt: Sequence[int] | NDArray[np.int64],
        length: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int = 0,
    ) -> Iterator[int]:
        """`length` tokens, one after another, that continue `prompt`, of at least one token.

        `temperature` divides the logits: below 1 the likely becomes likelier, and 0 is always the likeliest. `top_k`:
        only among the k likeliest (Fan et al., arXiv 1805.04833). The same arguments give the same tokens. Raises
        `ModelError`.
        """
        check_number("generate", "temperature", temperature, 0.0)
        length = check_whole("generate", "length", length, 0)
        kept = self.symbols if top_k is None else min(check_whole("generate", "top_k", top_k, 1), self.symbols)
        prompt = [check_whole("generate", "prompt", token, 0) for token in prompt]
        if not prompt or max(prompt) >= self.symbols:
            raise ModelError(f"generate: prompt: expected one token or more below {self.symbols}, found {prompt}.")
        return self._run(prompt, length, temperature, kept, seed)

    def _run(self, prompt: list[int], length: int, temperature: float, kept: int, seed: int) -> Iterator[int]:
        self._twin.bind(1)
        self._twin.reset_states()
        for token in prompt[:-1]:
            self.feed(token)
        token = prompt[-1]
        if temperature == 0 or kept == 1:
            for _ in range(length):
                token = int(self.feed(token).argmax())
                yield token
            return
        # The largest of logits plus Gumbel noise is a sample of their softmax: no exponentials, no sum.
        random, scale = np.random.default_rng([SAMPLE, seed]), 1.0 / temperature
        for made in range(length):
            if made % BLOCK == 0:
                noise = random.gumbel(size=(BLOCK, kept))
            logits = self.feed(token)
            if kept < self.symbols:
                among = logits.argpartition(-kept)[-kept:]
                token = int(among[(logits[among] * scale + noise[made % BLOCK]).argmax()])
            else:
                token = int((logits * scale + noise[made % BLOCK]).argmax())
            yield token


def stepwise(model: Sequential) -> Sequential:
    """A twin of `model`, with its weights, for one step of one sequence at a time; `reset_states` forgets them."""
    if len(model.input_shape) != 1 or len(model.output_shape) != 2 or model.output_shape[0] != model.input_shape[0]:
        raise ModelError(
            "generate: expected a model of text, from tokens (t,) to logits (t, symbols), got one from "
            f"{model.input_shape} to {model.output_shape}. `numbanet train text` makes one."
        )
    layers = list(walk(model.layers))
    if not any(hasattr(layer, "stateful") for layer in layers):
        raise ModelError("generate: expected a layer that remembers, such as LSTM, got none.")
    ahead = [layer.name for layer in layers if getattr(layer, "reverse", False)]
    if ahead:
        raise ModelError(f"generate: expected a model that reads forward alone, got {ahead[0]}, which reads backward.")
    twin = Sequential(
        *(from_config("layer", LAYERS, _remembering(_description(layer))) for layer in model.layers),
        input_shape=(1,),
        seed=model.seed,
        device=model.backend,
        dtype=model.dtype,
    )
    for target, source in ((twin.arena, model.arena), (twin.state_arena, model.state_arena)):
        twin.backend.copy(target.values, model.backend.to_numpy(source.values))
    twin.bind(1)
    return twin


def _description(layer: Layer) -> dict[str, Any]:
    return {"type": type(layer).__name__, **layer.config()}


def _remembering(description: Any) -> Any:
    """A layer's description with `stateful=True` wherever it has the option, in layers inside it, too."""
    if isinstance(description, Mapping):
        return {name: True if name == "stateful" else _remembering(value) for name, value in description.items()}
    return [_remembering(item) for item in description] if isinstance(description, (list, tuple)) else description
