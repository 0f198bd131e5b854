"""Tokens/s of generating one after the other, against PyTorch, in turn, in one process.

    python benchmarks/generation.py --threads 2

Batch 1, float32: a token of 256 into an embedding of 64, one recurrent layer, a dense layer back to 256 logits; the
state goes from step to step. No sampling: only the forward pass of a step.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

TOKENS, WIDTH = 256, 64
CELLS = ("LSTM", "GRU", "SimpleRNN")

Call = Callable[[], object]


def numbanet_step(cell: str, units: int) -> Call:
    """One step of a stateful model."""
    import numpy as np

    import numbanet as nn

    layer = getattr(nn, cell)(units, stateful=True)
    model = nn.Sequential(nn.Embedding(TOKENS, WIDTH), layer, nn.Dense(TOKENS), input_shape=(1,))
    token = np.array([[7]])
    return lambda: model.forward(token)


def torch_step(cell: str, units: int) -> Call:
    """The same in PyTorch: eval mode, no gradients."""
    import torch
    from torch import nn

    embedding, dense = nn.Embedding(TOKENS, WIDTH), nn.Linear(units, TOKENS)
    recurrent = getattr(nn, cell.removeprefix("Simple"))(WIDTH, units, batch_first=True).eval()
    token, state = torch.tensor([[7]]), None

    def step() -> object:
        nonlocal state
        with torch.inference_mode():
            output, state = recurrent(embedding(token), state)
            return dense(output[:, -1])

    return step


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
    print(f"\n| one step, {options.threads} thread(s) | numbanet tokens/s | PyTorch tokens/s | over PyTorch |")
    print("|---|---:|---:|---:|")
    for units in map(int, options.units.split(",")):
        for cell in CELLS:
            calls = {"numbanet": numbanet_step(cell, units), "PyTorch": torch_step(cell, units)}
            results = take_turns(calls, options.rounds, seconds=0.2)
            speed = " | ".join(f"{1 / results[name].median:,.0f}" for name in calls)
            print(f"| {cell} {units} | {speed} | {ratio(results['PyTorch'], results['numbanet']):.2f} |", flush=True)


if __name__ == "__main__":
    main()
