"""Kernels against NumPy and PyTorch: matrix products, Adam, the vector mathematics, and batch normalization.

    python benchmarks/kernels.py                     # one and two threads
    python benchmarks/kernels.py --threads 2 --only gemm

PyTorch is compared where it is importable. Each number of threads runs in a process of its own, because a BLAS reads
its own from the environment when it is loaded.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

# name, m, k, n, transpose a, transpose b: the products of a dense training step, and some for size and edges
PRODUCTS = [
    ("forward 784-128", 128, 784, 128, False, False),
    ("weight gradient 784-128", 784, 128, 128, True, False),
    ("forward 512-512", 128, 512, 512, False, False),
    ("weight gradient 512-512", 512, 128, 512, True, False),
    ("input gradient 512-512", 128, 512, 512, False, True),
    ("square", 1024, 1024, 1024, False, False),
    ("square", 2048, 2048, 2048, False, False),
    ("primes", 37, 301, 53, False, False),
]
FUNCTIONS = ("exp", "tanh", "sigmoid", "erf")
FEATURE_MAPS = ((128, 28, 28, 16), (128, 14, 14, 32), (128, 7, 7, 64))


def products(threads: int, rounds: int) -> None:
    """C = A @ B in float32."""
    import numpy as np
    from timing import ratio, take_turns

    from numbanet.kernels import cpu

    torch = import_torch(threads)
    print(f"\n| product, {threads} thread(s) | m x k x n | numbanet | NumPy | PyTorch | of the better |")
    print("|---|---|---:|---:|---:|---:|")
    rng = np.random.default_rng(0)
    for name, m, k, n, trans_a, trans_b in PRODUCTS:
        a = rng.standard_normal((k, m) if trans_a else (m, k), np.float32)
        b = rng.standard_normal((n, k) if trans_b else (k, n), np.float32)
        c = np.empty((m, n), np.float32)
        left, right = a.T if trans_a else a, b.T if trans_b else b
        contenders = {
            "numbanet": lambda c=c, a=a, b=b, ta=trans_a, tb=trans_b: cpu.gemm(c, a, b, ta, tb, False),
            "NumPy": lambda c=c, a=left, b=right: np.matmul(a, b, out=c),
        }
        if torch is not None:
            out, x, y = torch.empty(m, n), torch.from_numpy(a), torch.from_numpy(b)
            x, y = x.T if trans_a else x, y.T if trans_b else y
            contenders["PyTorch"] = lambda out=out, x=x, y=y: torch.mm(x, y, out=out)
        results = take_turns(contenders, rounds, seconds=0.05 if m < 1000 else 0.2)
        gflops = {contender: 2e-9 * m * k * n / result.median for contender, result in results.items()}
        share = min(ratio(results[peer], results["numbanet"]) for peer in contenders if peer != "numbanet")
        torch_text = f"{gflops['PyTorch']:.0f}" if torch is not None else "-"
        print(
            f"| {name} | {m} x {k} x {n} | {gflops['numbanet']:.0f} | {gflops['NumPy']:.0f} | {torch_text} "
            f"| {share:.2f} |",
            flush=True,
        )
    print("GFLOP/s; the last column is numbanet's speed over the faster of the other two.")


def adam(threads: int, rounds: int) -> None:
    """One update of 1.2 million parameters."""
    import numpy as np
    from timing import ratio, take_turns

    from numbanet.kernels import cpu

    torch = import_torch(threads)
    size = 1_200_000
    rng = np.random.default_rng(0)
    w, g = rng.standard_normal(size, np.float32), rng.standard_normal(size, np.float32)
    m, v = np.zeros(size, np.float32), np.zeros(size, np.float32)
    rate, scale, step = np.full(1, 1e-3), np.ones(1), np.ones(1, np.int64)
    contenders = {
        "numbanet": lambda: cpu.adam(w, g, m, v, rate, scale, step, 0.9, 0.999, 1e-8, 0.0, 0.0, 0.0, 0.0, size)
    }
    if torch is not None:
        parameter = torch.nn.Parameter(torch.from_numpy(w.copy()))
        parameter.grad = torch.from_numpy(g.copy())
        contenders["PyTorch"] = torch.optim.Adam([parameter], 1e-3, fused=True).step
    results = take_turns(contenders, rounds, seconds=0.05)
    print(f"\n| Adam, 1.2 M parameters, {threads} thread(s) | us |\n|---|---:|")
    for name, result in results.items():
        print(f"| {name} | {1e6 * result.median:.0f} |")
    if torch is not None:
        print(f"numbanet is {ratio(results['PyTorch'], results['numbanet']):.2f} times as fast.")


def mathematics(threads: int, rounds: int) -> None:
    """exp and its kin over a million float32 numbers."""
    import numpy as np
    from timing import ratio, take_turns

    from numbanet.kernels import cpu

    torch = import_torch(threads)
    x = np.random.default_rng(0).standard_normal(1_000_000, np.float32)
    y = np.empty_like(x)
    print(f"\n| 1 M float32, {threads} thread(s) | numbanet ns | PyTorch ns | times as fast |\n|---|---:|---:|---:|")
    for name in FUNCTIONS:
        contenders = {"numbanet": lambda kernel=getattr(cpu, name): kernel(y, x)}
        if torch is not None:
            source, out = torch.from_numpy(x), torch.empty(x.size)
            contenders["PyTorch"] = lambda function=getattr(torch, name), s=source, o=out: function(s, out=o)
        results = take_turns(contenders, rounds, seconds=0.05)
        ours = 1e9 * results["numbanet"].median / x.size
        if torch is None:
            print(f"| {name} | {ours:.2f} | - | - |")
            continue
        theirs = 1e9 * results["PyTorch"].median / x.size
        print(f"| {name} | {ours:.2f} | {theirs:.2f} | {ratio(results['PyTorch'], results['numbanet']):.2f} |")


def normalization(threads: int, rounds: int) -> None:
    """Batch normalization in training, forward and backward, alone and with ReLU."""
    from timing import ratio, take_turns

    torch = import_torch(threads)
    print(
        f"\n| batch norm, forward + backward, {threads} thread(s) | numbanet us | PyTorch us | channels last us "
        "| times as fast | channels last |\n|---|---:|---:|---:|---:|---:|"
    )
    for shape in FEATURE_MAPS:
        for activation in ("linear", "relu"):
            contenders = {"numbanet": our_batch_norm(shape, activation)}
            if torch is not None:
                for name in ("PyTorch", "channels last"):
                    contenders[name] = their_batch_norm(torch, shape, activation, name == "channels last")
            results = take_turns(contenders, rounds, seconds=0.05)
            cells = [f"{1e6 * result.median:.0f}" for result in results.values()]
            cells += [f"{ratio(result, results['numbanet']):.2f}" for result in list(results.values())[1:]]
            print(f"| {' x '.join(map(str, shape))}, {activation} | {' | '.join(cells)} |", flush=True)


def our_batch_norm(shape: tuple[int, ...], activation: str):
    """A call of the four kernels on feature maps of this shape."""
    import numpy as np

    from numbanet.kernels import cpu
    from numbanet.kernels.geometry import batch_norm_scratch

    rng = np.random.default_rng(0)
    channels, code = shape[-1], cpu.ACTIVATIONS[activation]
    x, dy = (rng.standard_normal(shape, np.float32).reshape(-1, channels) for _ in range(2))
    y, dx, scratch = np.empty_like(x), np.empty_like(x), np.empty(batch_norm_scratch(channels), np.float32)
    mean, variance, running_mean, running_variance, gamma, beta, dgamma, dbeta = np.ones((8, channels), np.float32)
    affine = (mean, variance, gamma, beta)

    def call() -> None:
        cpu.batch_norm_moments(mean, variance, running_mean, running_variance, x, 0.1, scratch)
        cpu.batch_norm_forward(y, x, *affine, 1e-5, code, scratch)
        cpu.batch_norm_backward_params(dgamma, dbeta, dy, x, y, *affine, 1e-5, code, scratch)
        cpu.batch_norm_backward_input(dx, dy, x, y, *affine, dgamma, dbeta, 1e-5, code, True, scratch)

    return call


def their_batch_norm(torch, shape: tuple[int, ...], activation: str, channels_last: bool):
    """The same in PyTorch, in the memory format that is its default, or with the channels last."""
    batch, height, width, channels = shape
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    x, dy = (torch.randn(batch, channels, height, width).contiguous(memory_format=memory_format) for _ in range(2))
    x.requires_grad_()
    norm = torch.nn.BatchNorm2d(channels)

    def call() -> None:
        x.grad = norm.weight.grad = norm.bias.grad = None
        y = norm(x)
        (y.relu_() if activation == "relu" else y).backward(dy)

    return call


def import_torch(threads: int):
    """PyTorch with that many threads, or None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(threads)
    return torch


PARTS = {"gemm": products, "adam": adam, "math": mathematics, "norm": normalization}


def main() -> None:
    """Run the parts asked for, each number of threads in its own process."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", default="1,2", help="comma-separated numbers of threads")
    parser.add_argument("--only", choices=PARTS, help="one part alone")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.worker:
        from timing import describe_machine

        print(describe_machine(), flush=True)
        for threads in options.threads.split(","):
            one = {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads, "NUMBA_NUM_THREADS": threads}
            command = [
                sys.executable,
                __file__,
                "--worker",
                "--threads",
                threads,
                "--rounds",
                str(options.rounds),
            ]
            subprocess.run(
                command + (["--only", options.only] if options.only else []), env=os.environ | one, check=True
            )
        return
    for name, part in PARTS.items():
        if options.only in (None, name):
            part(int(options.threads), options.rounds)


if __name__ == "__main__":
    main()
