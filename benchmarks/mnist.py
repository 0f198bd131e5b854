"""How long `fastnet` trains until it classifies 99% of MNIST's test images, beside the same recipe in PyTorch.

    python benchmarks/mnist.py --seeds 10
    python benchmarks/mnist.py --seeds 3 --epochs 16 --width 32 --augment default --alone

The recipe: 3 epochs of batches of 128, Adam at 0.006 with 5% warm-up and a cosine. The time is that of training
alone, without testing; kernels are compiled before. PyTorch trains the same network from its own initial weights.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numbanet as nn
from numbanet import zoo

BATCH, RATE = 128, 6e-3


def numbanet_run(data, seed: int, epochs: int, width: int, augment: str | None) -> tuple[float, float]:
    """(seconds, test accuracy)."""
    model = zoo.build("fastnet", data, width=width, seed=seed)
    optimizer = nn.Adam(RATE, schedule=nn.Cosine())
    start = time.perf_counter()
    model.fit(*data.train, epochs=epochs, batch_size=BATCH, optimizer=optimizer, augment=augment)
    seconds = time.perf_counter() - start
    return seconds, model.evaluate(*data.test)["accuracy"]


def torch_run(data, seed: int, epochs: int, width: int) -> tuple[float, float]:
    """The same in PyTorch, eager."""
    import torch
    from torch_networks import fastnet

    torch.manual_seed(seed)
    (x, y), (x_test, y_test) = data.train, data.test
    images, labels = torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(y)
    model, loss = fastnet(width), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    steps = epochs * -(-len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, nn.Cosine().plan(steps))
    start = time.perf_counter()
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            loss(model(images[rows].float() / 255), labels[rows]).backward()
            optimizer.step()
            schedule.step()
    seconds = time.perf_counter() - start
    model.eval()
    with torch.inference_mode():
        classes = model(torch.from_numpy(x_test).permute(0, 3, 1, 2).float() / 255).argmax(1)
    return seconds, float((classes == torch.from_numpy(y_test)).float().mean())


def main() -> None:
    """Print a line for each seed, and the means."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--augment", help="numbanet alone; as for `numbanet train --augment`")
    parser.add_argument("--alone", action="store_true", help="without PyTorch")
    options = parser.parse_args()
    data = nn.data.load("mnist")
    numbanet_run(data.first(1000), 0, 1, options.width, options.augment)  # compiles
    runs: dict[str, list[tuple[float, float]]] = {"numbanet": []}
    if not options.alone:
        runs["PyTorch"] = []
    for seed in range(options.seeds):
        runs["numbanet"].append(numbanet_run(data, seed, options.epochs, options.width, options.augment))
        if "PyTorch" in runs:
            runs["PyTorch"].append(torch_run(data, seed, options.epochs, options.width))
    print(
        "| | seconds, mean | fastest to slowest | test accuracy, mean | lowest to highest |\n|---|---:|---:|---:|---:|"
    )
    for name, results in runs.items():
        seconds, accuracies = zip(*results, strict=True)
        print(
            f"| {name} | {statistics.mean(seconds):.2f} | {min(seconds):.2f} to {max(seconds):.2f} "
            f"| {statistics.mean(accuracies):.2%} | {min(accuracies):.2%} to {max(accuracies):.2%} |"
        )


if __name__ == "__main__":
    main()
