"""Tokens/s of generating one after the other, against PyTorch, in turn, in one process.

    python benchmarks/generation.py --threads 2

Batch 1, float32: a token of 256 into an embedding of 64, one recurrent layer, a dense layer back to 256 logits, of
which the likeliest is the next token; the state goes from step to step.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

TOKENS, WIDTH, LENGTH = 256, 64, 50
CELLS = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "rnn"}

Call = Callable[[], object]


def numbanet_text(cell: str, units: int) -> Call:
    """LENGTH tokens from what `numbanet generate` uses."""
    from numbanet.generation import Generator
    from numbanet.zoo.language import language_model

    generator = Generator(language_model(TOKENS, 16, cell=CELLS[cell], hidden=units, embedding=WIDTH))
    return lambda: list(generator.tokens([7], LENGTH, temperature=0.0))


def torch_text(cell: str, units: int) -> Call:
    """The same in PyTorch: eval mode, no gradients."""
    import torch
    from torch import nn

    embedding, dense = nn.Embedding(TOKENS, WIDTH), nn.Linear(units, TOKENS)
    recurrent = getattr(nn, cell.removeprefix("Simple"))(WIDTH, units, batch_first=True).eval()

    @torch.inference_mode()
    def text() -> list[int]:
        token, state, tokens = torch.tensor([[7]]), None, []
        for _ in range(LENGTH):
            output, state = recurrent(embedding(token), state)
            token = dense(output[:, -1]).argmax(1, keepdim=True)
            tokens.append(int(token))
        return tokens

    return text


def main() -> None:
    """Print one table row for each cell and size."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--units", default="512,128")
    options = parser.parse_args()
    os.environ |= {name: str(options.threads) for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")}

    from timing import describe_machine, ratio, take_turns

    print(describe_machine())
    print(f"\n| {options.threads} thread(s) | numbanet tokens/s | PyTorch tokens/s | over PyTorch |")
    print("|---|---:|---:|---:|")
    for units in map(int, options.units.split(",")):
        for cell in CELLS:
            calls = {"numbanet": numbanet_text(cell, units), "PyTorch": torch_text(cell, units)}
            results = take_turns(calls, options.rounds, seconds=0.2)
            speed = " | ".join(f"{LENGTH / results[name].median:,.0f}" for name in calls)
            print(f"| {cell} {units} | {speed} | {ratio(results['PyTorch'], results['numbanet']):.2f} |", flush=True)


if __name__ == "__main__":
    main()
