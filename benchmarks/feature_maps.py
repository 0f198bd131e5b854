"""Pooling and group normalization against PyTorch, forward and backward.

    python benchmarks/feature_maps.py --threads 2

PyTorch is given its own default layout, NCHW; the last column says how it does in channels_last, which is ours.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any, NamedTuple

Calls = tuple[Callable[[], object], Callable[[], object]]  # forward, backward


class Pool(NamedTuple):
    """Feature maps (n, size, size, channels) and the windows over them."""

    kind: str
    n: int
    size: int
    channels: int
    kernel: int
    stride: int
    padding: int = 0


class Groups(NamedTuple):
    """Feature maps and the groups of their channels."""

    n: int
    size: int
    channels: int
    groups: int


POOLS = {
    "max 2 x 2, cnn": Pool("max", 128, 24, 64, 2, 2),
    "max 2 x 2, lenet": Pool("max", 128, 28, 6, 2, 2),
    "max 3 x 3, stride 2": Pool("max", 32, 28, 64, 3, 2, 1),
    "max 3 x 3, stride 2, 16 maps": Pool("max", 128, 28, 16, 3, 2, 1),
    "max 3 x 3, stride 1": Pool("max", 32, 28, 64, 3, 1, 1),
    "mean 2 x 2": Pool("avg", 128, 24, 64, 2, 2),
    "mean 3 x 3, stride 2": Pool("avg", 32, 28, 64, 3, 2, 1),
}
NORMS = {
    "group norm, 16 maps, 4 groups": Groups(128, 28, 16, 4),
    "group norm, 32 maps, 8 groups": Groups(128, 14, 32, 8),
    "group norm, 64 maps, 8 groups": Groups(128, 7, 64, 8),
    "group norm, 256 maps, 32 groups": Groups(16, 14, 256, 32),
    "group norm, 64 maps, 1 group": Groups(32, 28, 64, 1),
}


def our_pool(shape: Pool) -> Calls:
    """The two kernels on random arrays."""
    import numpy as np

    from numbanet.kernels import cpu
    from numbanet.kernels.geometry import pair, slide

    window, (out, _) = slide(
        pair(shape.size), pair(shape.kernel), pair(shape.stride), padding=(shape.padding,) * 4
    )  # fmt: skip
    rng = np.random.default_rng(0)
    x = rng.standard_normal((shape.n, shape.size, shape.size, shape.channels), np.float32)
    dy = rng.standard_normal((shape.n, out, out, shape.channels), np.float32)
    y, dx = np.empty_like(dy), np.empty_like(x)
    if shape.kind == "max":
        return lambda: cpu.max_pool2d_forward(y, x, window), lambda: cpu.max_pool2d_backward(dx, dy, x, window)
    return lambda: cpu.avg_pool2d_forward(y, x, window, True), lambda: cpu.avg_pool2d_backward(dx, dy, window, True)


def their_pool(shape: Pool, memory_format: Any) -> Calls:
    """The operations behind PyTorch's layers."""
    import torch

    x = torch.randn(shape.n, shape.channels, shape.size, shape.size).contiguous(memory_format=memory_format)
    kernel, stride, padding = [shape.kernel] * 2, [shape.stride] * 2, [shape.padding] * 2
    if shape.kind == "max":
        of_max, operations = (kernel, stride, padding, [1, 1], False), torch.ops.aten
        y, places = operations.max_pool2d_with_indices(x, *of_max)
        dy = torch.randn_like(y)
        return (
            lambda: operations.max_pool2d_with_indices(x, *of_max),
            lambda: operations.max_pool2d_with_indices_backward(dy, x, *of_max, places),
        )
    of_mean = (kernel, stride, padding, False, True, None)
    dy = torch.randn_like(torch.ops.aten.avg_pool2d(x, *of_mean))
    return (
        lambda: torch.ops.aten.avg_pool2d(x, *of_mean),
        lambda: torch.ops.aten.avg_pool2d_backward(dy, x, *of_mean),
    )


def our_norm(shape: Groups) -> Calls:
    """The two kernels on random arrays."""
    import numpy as np

    from numbanet.kernels import cpu
    from numbanet.kernels.geometry import group_norm_scratch

    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((shape.n, shape.size**2, shape.channels), np.float32) for _ in range(2))
    y, dx, scratch = np.empty_like(x), np.empty_like(x), np.empty(group_norm_scratch(shape.channels), np.float32)
    gamma, beta, dgamma, dbeta = np.ones((4, shape.channels), np.float32)
    mean, inverse = np.empty((2, shape.n, shape.groups), np.float32)
    return (
        lambda: cpu.group_norm_forward(y, mean, inverse, x, gamma, beta, 1e-5, scratch),
        lambda: cpu.group_norm_backward(dx, dgamma, dbeta, dy, x, mean, inverse, gamma, scratch),
    )


def their_norm(shape: Groups, memory_format: Any) -> Calls:
    """The operations behind PyTorch's layer."""
    import torch

    n, channels, pixels = shape.n, shape.channels, shape.size**2
    x, dy = (torch.randn(n, channels, shape.size, shape.size).contiguous(memory_format=memory_format) for _ in "xy")
    gamma, beta, operations = torch.ones(channels), torch.zeros(channels), torch.ops.aten
    sizes = (n, channels, pixels, shape.groups)
    _, mean, inverse = operations.native_group_norm(x, gamma, beta, *sizes, 1e-5)
    return (
        lambda: operations.native_group_norm(x, gamma, beta, *sizes, 1e-5),
        lambda: operations.native_group_norm_backward(dy, x, mean, inverse, gamma, *sizes, [True] * 3),
    )


def main() -> None:
    """Print one table row for each shape and pass."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help="only the rows whose name has this in it")
    options = parser.parse_args()
    os.environ |= {name: str(options.threads) for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")}

    import torch
    from timing import describe_machine, keep_freed_memory, ratio, take_turns

    torch.set_num_threads(options.threads)
    keep_freed_memory()
    print(describe_machine())
    print(f"\n| {options.threads} thread(s) | pass | numbanet us | PyTorch us | over PyTorch | over channels_last |")
    print("|---|---|---:|---:|---:|---:|")
    rows = [(name, shape, our_pool, their_pool) for name, shape in POOLS.items()]
    rows += [(name, shape, our_norm, their_norm) for name, shape in NORMS.items()]
    for name, shape, ours, theirs in rows:
        if options.only not in name:
            continue
        with torch.no_grad():
            contenders = {
                "numbanet": ours(shape),
                "PyTorch": theirs(shape, torch.contiguous_format),
                "channels_last": theirs(shape, torch.channels_last),
            }
            for index, which in enumerate(("forward", "backward")):
                calls = {contender: passes[index] for contender, passes in contenders.items()}
                results = take_turns(calls, options.rounds, seconds=0.02, warm=0.005)
                us, peer = results["numbanet"], results["PyTorch"]
                print(
                    f"| {name} | {which} | {1e6 * us.median:.0f} | {1e6 * peer.median:.0f} "
                    f"| {ratio(peer, us):.2f} | {ratio(results['channels_last'], us):.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
