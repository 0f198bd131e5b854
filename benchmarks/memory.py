"""Peak memory of training, against the same network in PyTorch eager.

    python benchmarks/memory.py --workloads cnn,lenet,resnet

Each contender trains in a process of its own. What counts is its peak resident set (`ru_maxrss`), and how much of that
came after its libraries were imported. A first process, which is not measured, leaves numbanet's kernels compiled.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from collections.abc import Callable

BATCH, STEPS = 128, 20


def peak() -> float:
    """The most memory that this process has had so far, in MB."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / 2**10 if sys.platform != "darwin" else kilobytes / 2**20


def our_step(workload: str) -> Callable[[], Callable[[], object]]:
    """Import numbanet; returns what builds the network and gives a step of training on random images."""
    import numpy as np

    import numbanet as nn
    from numbanet import zoo
    from numbanet.kernels import cpu  # noqa: F401

    def build() -> Callable[[], object]:
        rng = np.random.default_rng(0)
        x, y = rng.random((BATCH, 28, 28, 1), np.float32), rng.integers(0, 10, BATCH)
        step = nn.TrainStep(zoo.MODELS[workload]((28, 28, 1), 10), optimizer=nn.Adam(1e-3), loss="cross_entropy")
        return lambda: step(x, y)

    return build


def their_step(workload: str) -> Callable[[], Callable[[], object]]:
    """The same of PyTorch."""
    import torch
    from torch_networks import NETWORKS

    def build() -> Callable[[], object]:
        torch.manual_seed(0)
        model, loss = NETWORKS[workload](), torch.nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)
        x, y = torch.rand(BATCH, 1, 28, 28), torch.randint(0, 10, (BATCH,))

        def step() -> None:
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()

        return step

    return build


CONTENDERS = {"numbanet": our_step, "PyTorch": their_step}


def train(contender: str, workload: str) -> None:
    """In a process of its own: print the peak after the imports, and at the end."""
    build = CONTENDERS[contender](workload)
    imported = peak()
    step = build()
    for _ in range(STEPS):
        step()
    print(imported, peak())


def measure(contender: str, workload: str, threads: int) -> tuple[float, float]:
    """(MB after the imports, MB at the end) of a child process."""
    environment = os.environ | {name: str(threads) for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")}
    command = [sys.executable, __file__, "--contender", contender, "--workloads", workload]
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    imported, total = map(float, output.split())
    return imported, total


def main() -> None:
    """Print one table row for each workload."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workloads", default="cnn,lenet,resnet", help="comma-separated names in zoo.MODELS")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        train(options.contender, options.workloads)
        return
    print("| training, batch 128 | numbanet MB | in all | PyTorch MB | in all | of PyTorch's | in all |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for workload in options.workloads.split(","):
        measure("numbanet", workload, options.threads)
        (ours_before, ours), (theirs_before, theirs) = (measure(c, workload, options.threads) for c in CONTENDERS)
        grown, their_grown = ours - ours_before, theirs - theirs_before
        print(
            f"| {workload} | {grown:.0f} | {ours:.0f} | {their_grown:.0f} | {theirs:.0f} "
            f"| {grown / their_grown:.2f} | {ours / theirs:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
