"""Training throughput of numbanet against PyTorch (eager) and JAX (jit), in turn, in one process.

    python benchmarks/training.py --threads 2
    python benchmarks/training.py --workloads lenet,cnn,resnet --inference

Random inputs that are already in memory, images of 28 x 28 (which the recurrent networks read row by row) or, for
lstm256, 100 steps of 64 numbers; batches of 128, float32, cross-entropy, Adam at 1e-3. Each
contender runs its own idiomatic training step: forward, loss, backward, update; with --inference its forward pass
alone, on batches of 128 and of 1. Peers that are not installed are left out, and so is JAX where it has no network.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable

BATCH = 128
DENSE = {"mlp": ((128,), 0.0), "mlp512": ((512, 512), 0.2)}
# The batches of one turn: fewer where a step is long.
WORKLOADS = {
    "mlp": 100, "mlp512": 100, "lenet": 100, "cnn": 10, "resnet": 10, "lstm": 20, "gru": 20, "rnn": 40, "lstm256": 2,
}  # fmt: skip
IMAGE = ((28, 28, 1), (1, 28, 28))
# The shape of an input here, and in PyTorch.
SHAPES = {**dict.fromkeys(("lstm", "gru", "rnn"), ((28, 28, 1), (28, 28))), "lstm256": ((100, 64), (100, 64))}

Epoch = Callable[[], object]


def numbanet_model(workload: str):
    """The network of a workload."""
    import numbanet as nn
    from numbanet import zoo

    if workload == "lstm256":
        return nn.Sequential(nn.LSTM(256), nn.Dense(10), input_shape=(100, 64))
    if workload not in DENSE:
        return zoo.MODELS[workload]((28, 28, 1), 10)
    hidden, dropout = DENSE[workload]
    return zoo.mlp((28, 28, 1), 10, hidden=hidden, dropout=dropout)


def numbanet_epoch(workload: str, x, y) -> Epoch:
    """One pass over the data with `TrainStep`."""
    import numbanet as nn

    step = nn.TrainStep(numbanet_model(workload), optimizer=nn.Adam(1e-3), loss="cross_entropy")
    x = x.reshape(-1, *SHAPES.get(workload, IMAGE)[0])
    batches = [(x[i : i + BATCH], y[i : i + BATCH]) for i in range(0, len(x), BATCH)]

    def epoch() -> None:
        for images, labels in batches:
            step(images, labels)

    return epoch


def numbanet_inference(workload: str, x, batch: int) -> Epoch:
    """One pass over the data, forward alone."""
    model = numbanet_model(workload)
    x = x.reshape(-1, *SHAPES.get(workload, IMAGE)[0])
    batches = [x[i : i + batch] for i in range(0, len(x), batch)]

    def epoch() -> None:
        for images in batches:
            model.forward(images)

    return epoch


def torch_model(workload: str):
    """The same network in PyTorch."""
    import torch
    from torch_networks import NETWORKS, perceptron

    torch.manual_seed(0)
    return perceptron(*DENSE[workload]) if workload in DENSE else NETWORKS[workload]()


def torch_epoch(workload: str, x, y) -> Epoch:
    """The same in PyTorch, eager."""
    import torch

    model = torch_model(workload)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    loss = torch.nn.CrossEntropyLoss()
    images, labels = torch.from_numpy(x).reshape(-1, *SHAPES.get(workload, IMAGE)[1]), torch.from_numpy(y)
    batches = [(images[i : i + BATCH], labels[i : i + BATCH]) for i in range(0, len(x), BATCH)]

    def epoch() -> None:
        for image, label in batches:
            optimizer.zero_grad()
            loss(model(image), label).backward()
            optimizer.step()

    return epoch


def torch_inference(workload: str, x, batch: int) -> Epoch:
    """The same in PyTorch: eval mode, no gradients."""
    import torch

    model = torch_model(workload).eval()
    images = torch.from_numpy(x).reshape(-1, *SHAPES.get(workload, IMAGE)[1])
    batches = [images[i : i + batch] for i in range(0, len(x), batch)]

    def epoch() -> None:
        with torch.inference_mode():
            for image in batches:
                model(image)

    return epoch


def jax_epoch(workload: str, x, y) -> Epoch | None:
    """The same in JAX: one jitted step, buffers donated. The dense workloads alone."""
    if workload not in DENSE:
        return None
    hidden, dropout = DENSE[workload]
    from functools import partial

    import jax
    import jax.numpy as jnp
    import numpy as np

    rng = np.random.default_rng(0)
    weights, width_in = [], 784
    for width in (*hidden, 10):
        scale = np.sqrt(2 / width_in)
        weights.append((jnp.array(scale * rng.standard_normal((width_in, width), np.float32)), jnp.zeros(width)))
        width_in = width

    def loss(weights, x, y, key):
        for w, b in weights[:-1]:
            x = jax.nn.relu(x @ w + b)
            if dropout:
                key, mask = jax.random.split(key)
                x = jnp.where(jax.random.bernoulli(mask, 1 - dropout, x.shape), x / (1 - dropout), 0)
        w, b = weights[-1]
        return -jnp.mean(jax.nn.log_softmax(x @ w + b)[jnp.arange(len(y)), y])

    @partial(jax.jit, donate_argnums=(0, 1, 2, 3))
    def step(weights, m, v, t, x, y, key):
        t = t + 1
        _, g = jax.value_and_grad(loss)(weights, x, y, jax.random.fold_in(key, t))
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        c1, c2 = 1 - 0.9**t, 1 - 0.999**t
        weights = jax.tree.map(lambda w, m, v: w - 1e-3 * (m / c1) / (jnp.sqrt(v / c2) + 1e-8), weights, m, v)
        return weights, m, v, t

    zeros = partial(jax.tree.map, jnp.zeros_like)
    state = [weights, zeros(weights), zeros(weights), jnp.float32(0)]
    batches = [(jnp.array(x[i : i + BATCH]), jnp.array(y[i : i + BATCH])) for i in range(0, len(x), BATCH)]
    key = jax.random.PRNGKey(0)

    def epoch() -> None:
        for image, label in batches:
            state[:] = step(*state, image, label, key)
        jax.block_until_ready(state)

    return epoch


TRAINING = {"numbanet": numbanet_epoch, "PyTorch": torch_epoch, "JAX": jax_epoch}
INFERENCE = {"numbanet": numbanet_inference, "PyTorch": torch_inference}


def contenders(builders: dict[str, Callable[..., Epoch | None]], *arguments) -> dict[str, Epoch]:
    """Those that are installed and have this workload."""
    built = {}
    for name, build in builders.items():
        try:
            epoch = build(*arguments)
        except ImportError as error:
            print(f"{name} is left out: {error}")
            continue
        if epoch is not None:
            built[name] = epoch
    return built


def row(name: str, epochs: dict[str, Epoch], columns: list[str], samples: int, rounds: int) -> str:
    """A row of the table: throughputs, then how many times numbanet's each of the others'."""
    from timing import ratio, take_turns

    results = take_turns(epochs, rounds, seconds=0.5, warm=0.1)
    speed = {name: f"{samples / result.median:,.0f}" for name, result in results.items()}
    gain = {name: f"{ratio(results[name], results['numbanet']):.2f}" for name in results if name != "numbanet"}
    cells = [speed.get(column, "-") for column in columns] + [gain.get(column, "-") for column in columns[1:]]
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Print one table row for each workload."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--inference", action="store_true", help="the forward pass alone")
    options = parser.parse_args()
    # Before any of the three is imported: each reads its number of threads from the environment.
    os.environ |= {name: str(options.threads) for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")}
    if options.threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

    import numpy as np
    from timing import describe_machine

    print(describe_machine())
    rng = np.random.default_rng(0)
    columns = list(INFERENCE if options.inference else TRAINING)
    print(f"\n| workload, {options.threads} thread(s) | {' | '.join(columns)} | over {' | over '.join(columns[1:])} |")
    print("|---" + "|---:" * (2 * len(columns) - 1) + "|")
    for workload in options.workloads.split(","):
        numbers = math.prod(SHAPES.get(workload, IMAGE)[0])
        x = rng.random((BATCH * WORKLOADS[workload], numbers), np.float32)
        y = rng.integers(0, 10, len(x))
        if not options.inference:
            print(row(workload, contenders(TRAINING, workload, x, y), columns, len(x), options.rounds), flush=True)
            continue
        for batch, images in ((BATCH, x), (1, x[: 4 * WORKLOADS[workload]])):
            epochs = contenders(INFERENCE, workload, images, batch)
            print(row(f"{workload}, batch {batch}", epochs, columns, len(images), options.rounds), flush=True)
    print("\nSamples/s (medians); the ratios are medians over the rounds.")


if __name__ == "__main__":
    main()
