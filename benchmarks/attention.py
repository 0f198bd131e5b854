"""Scaled dot-product attention against PyTorch's, forward and backward; and how its memory grows with the length.

    python benchmarks/attention.py --threads 2
    python benchmarks/attention.py --memory

Batch 8, 8 heads of 64, causal, read from a fused projection by both. PyTorch runs its own flash attention; its backward
pass is that of autograd with the graph kept. With --memory: what a pass in a process of its own adds to the peak of the
memory in use, beyond its inputs and outputs, for one example.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable

LENGTHS = (64, 256, 1024)
LONG = (512, 1024, 2048, 4096)
BATCH, HEADS, SIZE = 8, 8, 64


def numbanet_calls(batch: int, length: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """Forward and backward."""
    import numpy as np

    from numbanet.kernels import cpu
    from numbanet.kernels.heads import fused_heads

    heads, width = fused_heads(HEADS, HEADS, SIZE), HEADS * SIZE
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((batch, length, columns), np.float32) for columns in (3 * width, width))
    y, dx, lse = np.empty_like(dy), np.empty_like(x), np.empty((batch, HEADS, length), np.float32)
    how = (np.empty((0, 0), np.uint8), heads, True, 0, 0.0, 0, np.zeros(1, np.int64), 0)
    return (
        lambda: cpu.attention_forward(y, lse, x, x, *how),
        lambda: cpu.attention_backward(dx, dx, dy, y, lse, x, x, *how),
    )


def torch_calls(batch: int, length: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """The same: heads as views of one projection."""
    import torch

    x = torch.randn(batch, length, 3, HEADS, SIZE)
    q, k, v = (x[:, :, i].transpose(1, 2) for i in range(3))
    leaves = [part.detach().requires_grad_() for part in (q, k, v)]
    attend = torch.nn.functional.scaled_dot_product_attention
    y = attend(*leaves, is_causal=True)
    dy = torch.randn_like(y)

    def forward() -> object:
        with torch.no_grad():
            return attend(q, k, v, is_causal=True)

    return forward, lambda: torch.autograd.grad(y, leaves, dy, retain_graph=True)


def compare(rounds: int) -> None:
    """Print one table row for each length and pass."""
    from timing import describe_machine, ratio, take_turns

    print(describe_machine())
    print("\n| positions | pass | numbanet ms | PyTorch ms | over PyTorch |\n|---:|---|---:|---:|---:|")
    for length in LENGTHS:
        ours, theirs = numbanet_calls(BATCH, length), torch_calls(BATCH, length)
        for index, which in enumerate(("forward", "backward")):
            calls = {"numbanet": ours[index], "PyTorch": theirs[index]}
            results = take_turns(calls, rounds, seconds=0.1, warm=0.02)
            print(
                f"| {length} | {which} | {1e3 * results['numbanet'].median:.2f} "
                f"| {1e3 * results['PyTorch'].median:.2f} | {ratio(results['PyTorch'], results['numbanet']):.2f} |",
                flush=True,
            )


def peak() -> int:
    """The most memory that this process has had in use, in bytes."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure_memory(length: int) -> None:
    """Print what a forward and a backward pass add to the peak, in MB."""
    for call in numbanet_calls(1, 1):  # compiled, and its threads started
        call()
    calls = numbanet_calls(1, length)
    before = peak()
    for call in calls:
        call()
    print(f"{(peak() - before) / 1e6:.1f}")


def main() -> None:
    """Speed, or memory."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--memory", action="store_true", help="peak memory instead of speed")
    parser.add_argument("--length", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ |= {name: str(options.threads) for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")}
    if options.length:
        measure_memory(options.length)
    elif options.memory:
        print("| positions | MB added by both passes |\n|---:|---:|")
        for length in LONG:
            command = [sys.executable, __file__, "--threads", str(options.threads), "--length", str(length)]
            added = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
            print(f"| {length} | {added} |", flush=True)
    else:
        compare(options.rounds)


if __name__ == "__main__":
    main()
