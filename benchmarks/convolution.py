"""Convolutions against PyTorch: forward, input gradient and weight gradient, for a dozen shapes of layers.

    python benchmarks/convolution.py --threads 2

PyTorch is given its own default layout, NCHW; the last columns say how it does in channels_last, which is ours.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import NamedTuple


class Shape(NamedTuple):
    """A batch of images and the convolution over them; padding on all four sides."""

    n: int
    size: int
    channels: int
    filters: int
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1


SHAPES = {
    "cnn, first": Shape(128, 28, 1, 32, 3),
    "cnn, second": Shape(128, 26, 32, 64, 3),
    "lenet, first": Shape(128, 28, 1, 6, 5, padding=2),
    "lenet, second": Shape(128, 14, 6, 16, 5),
    "resnet, 16 maps": Shape(128, 28, 16, 16, 3, padding=1),
    "resnet, strided": Shape(128, 28, 16, 32, 3, 2, 1),
    "resnet, 32 maps": Shape(128, 14, 32, 32, 3, padding=1),
    "resnet, 64 maps": Shape(128, 7, 64, 64, 3, padding=1),
    "colour, first": Shape(32, 32, 3, 64, 3, padding=1),
    "colour, 7 x 7 strided": Shape(8, 64, 3, 32, 7, 2, 3),
    "dilated": Shape(32, 28, 32, 32, 3, padding=2, dilation=2),
    "256 maps": Shape(16, 14, 256, 256, 3, padding=1),
    "4 groups": Shape(32, 28, 64, 128, 3, padding=1, groups=4),
    "depthwise": Shape(32, 28, 64, 64, 3, padding=1, groups=64),
    "depthwise, 32 maps": Shape(128, 28, 32, 32, 3, padding=1, groups=32),
    "depthwise, strided": Shape(32, 28, 64, 64, 3, 2, 1, groups=64),
    "depthwise, 7 x 7": Shape(32, 14, 128, 128, 7, padding=3, groups=128),
    "depthwise, twice": Shape(32, 28, 32, 64, 3, padding=1, groups=32),
}
PASSES = ("forward", "input gradient", "weight gradient")

Calls = tuple[Callable[[], object], ...]


def numbanet_calls(shape: Shape) -> Calls:
    """The three kernels on random arrays."""
    import numpy as np

    from numbanet.kernels import cpu
    from numbanet.kernels.geometry import conv2d_scratch, pair, slide

    kernel, stride, dilation = pair(shape.kernel), pair(shape.stride), pair(shape.dilation)
    window, (out, _) = slide((shape.size, shape.size), kernel, stride, dilation, (shape.padding,) * 4)
    rng, image = np.random.default_rng(0), (shape.size, shape.size, shape.channels)
    x = rng.standard_normal((shape.n, *image), np.float32)
    w = rng.standard_normal((*kernel, shape.channels // shape.groups, shape.filters), np.float32)
    b, dy = (
        rng.standard_normal(shape.filters, np.float32),
        rng.standard_normal((shape.n, out, out, shape.filters), np.float32),
    )
    y, dx, dw, db = np.empty_like(dy), np.empty_like(x), np.empty_like(w), np.empty_like(b)
    scratch = np.empty(conv2d_scratch(window, image, (out, out, shape.filters), shape.groups), np.float32)
    return (
        lambda: cpu.conv2d_forward(y, x, w, b, window, shape.groups, 0, scratch),
        lambda: cpu.conv2d_backward_input(dx, dy, w, window, shape.groups, scratch),
        lambda: cpu.conv2d_backward_params(dw, db, x, dy, window, shape.groups, scratch),
    )


def torch_calls(shape: Shape, memory_format) -> Calls:
    """The operations behind PyTorch's convolution layer."""
    import torch

    def tensor(*sizes: int):
        return torch.randn(*sizes).contiguous(memory_format=memory_format)

    stride, padding, dilation = [shape.stride] * 2, [shape.padding] * 2, [shape.dilation] * 2
    x = tensor(shape.n, shape.channels, shape.size, shape.size)
    w, b = tensor(shape.filters, shape.channels // shape.groups, shape.kernel, shape.kernel), torch.randn(shape.filters)
    forward = torch.nn.functional.conv2d
    dy = torch.randn_like(forward(x, w, b, stride, padding, dilation, shape.groups))

    def backward(*wanted: bool):
        return torch.ops.aten.convolution_backward(
            dy, x, w, [shape.filters], stride, padding, dilation, False, [0, 0], shape.groups, list(wanted)
        )

    return (
        lambda: forward(x, w, b, stride, padding, dilation, shape.groups),
        lambda: backward(True, False, False),
        lambda: backward(False, True, True),
    )


def main() -> None:
    """Print one table row for each shape and pass."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help="only the shapes whose name has this in it")
    options = parser.parse_args()
    os.environ |= {name: str(options.threads) for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")}

    import torch
    from timing import describe_machine, keep_freed_memory, ratio, take_turns

    torch.set_num_threads(options.threads)
    keep_freed_memory()
    print(describe_machine())
    print(f"\n| {options.threads} thread(s) | pass | numbanet ms | PyTorch ms | over PyTorch | over channels_last |")
    print("|---|---|---:|---:|---:|---:|")
    for name, shape in SHAPES.items():
        if options.only not in name:
            continue
        with torch.no_grad():
            contenders = {
                "numbanet": numbanet_calls(shape),
                "PyTorch": torch_calls(shape, torch.contiguous_format),
                "channels_last": torch_calls(shape, torch.channels_last),
            }
            for index, which in enumerate(PASSES):
                calls = {contender: passes[index] for contender, passes in contenders.items()}
                results = take_turns(calls, options.rounds, seconds=0.02, warm=0.005)
                ours, theirs = results["numbanet"], results["PyTorch"]
                print(
                    f"| {name} | {which} | {1e3 * ours.median:.2f} | {1e3 * theirs.median:.2f} "
                    f"| {ratio(theirs, ours):.2f} | {ratio(results['channels_last'], ours):.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
