"""What the loop costs beyond its steps: `fit` with progress bar, CSV and JSON lines, and a checkpoint every epoch.

    python benchmarks/overhead.py

The network is `mlp` of the other benchmarks (784-128-10, batch 128, Adam) on as many random images as MNIST has. The
bare steps gather a batch and train on it, over the same shuffled batches; nothing is tested in either. The first of
the two figures is what a user waits for, with the last checkpoint's writing at the end of each call included.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from timing import describe_machine, ratio, take_turns

import numbanet as nn
from numbanet.cli.training_display import TrainingDisplay
from numbanet.data.batches import batches
from numbanet.losses import CrossEntropy
from numbanet.training.feed import Feed
from numbanet.training.metrics_log import MetricsLog

EXAMPLES, BATCH = 60_000, 128


class Display(TrainingDisplay):
    """The command line's own, for a training that is not tested."""

    def on_epoch_end(self, progress: nn.Progress) -> None:
        """Its line says how the test went."""
        progress.metrics.setdefault("val_accuracy", 0.0)
        super().on_epoch_end(progress)


def network() -> nn.Sequential:
    """784-128-10."""
    return nn.Sequential(nn.Flatten(), nn.Dense(128, activation="relu"), nn.Dense(10), input_shape=(28, 28, 1))


def main() -> None:
    """Print seconds per epoch and the overhead."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--epochs", type=int, default=5, help="of each call")
    options = parser.parse_args()
    random = np.random.default_rng(0)
    x, y = random.integers(0, 256, (EXAMPLES, 28, 28, 1), dtype=np.uint8), random.integers(0, 10, EXAMPLES)

    model = network()
    step = nn.TrainStep(model, nn.Adam(1e-3))
    feed = Feed(model, x, y, CrossEntropy(), ("x", "y"))

    def bare() -> None:
        for epoch in range(options.epochs):
            for rows in batches(feed.order(0, epoch, shuffle=True), BATCH):
                step.run(*feed(rows))

    with tempfile.TemporaryDirectory() as name:
        fitted, folder = network(), Path(name)
        arguments = {"epochs": options.epochs, "batch_size": BATCH, "optimizer": nn.Adam(1e-3)}

        def loop() -> None:
            fitted.fit(x, y, **arguments)

        def watched() -> None:
            console = Console(file=io.StringIO(), force_terminal=True, width=100)
            saving = [MetricsLog(folder), nn.Checkpoint(folder / "checkpoints")]
            fitted.fit(x, y, callbacks=[Display(console), *saving], **arguments)

        contenders = {"bare steps": bare, "fit": loop, "fit, watched and saved": watched}
        results = take_turns(contenders, options.rounds, seconds=0.3, warm=0.0)
    print(describe_machine())
    for name, result in results.items():
        overhead = ratio(result, results["bare steps"]) - 1.0
        print(f"{name:24} {1e3 * result.median / options.epochs:7.1f} ms an epoch   {overhead:+7.1%} over bare steps")


if __name__ == "__main__":
    main()
