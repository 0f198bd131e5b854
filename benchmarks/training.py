"""Training throughput of numbanet against PyTorch (eager) and JAX (jit), in turn, in one process.

    python benchmarks/training.py --threads 2

Random 28 x 28 inputs that are already in memory, batches of 128, float32, cross-entropy, Adam at 1e-3. Each
contender runs its own idiomatic training step: forward, loss, backward, update. Peers that are not installed are
left out.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

BATCH, BATCHES = 128, 100
WORKLOADS = {"mlp": ((128,), 0.0), "mlp512": ((512, 512), 0.2)}

Epoch = Callable[[], object]


def numbanet_epoch(hidden: tuple[int, ...], dropout: float, x, y) -> Epoch:
    """One pass over the data with `TrainStep`."""
    import numbanet as nn

    layers = [nn.Flatten()]
    for width in hidden:
        layers.append(nn.Dense(width, activation="relu"))
        if dropout:
            layers.append(nn.Dropout(dropout))
    model = nn.Sequential(*layers, nn.Dense(10), input_shape=(28, 28, 1), seed=0)
    step = nn.TrainStep(model, optimizer=nn.Adam(1e-3), loss="cross_entropy")
    batches = [(x[i : i + BATCH].reshape(-1, 28, 28, 1), y[i : i + BATCH]) for i in range(0, len(x), BATCH)]

    def epoch() -> None:
        for images, labels in batches:
            step(images, labels)

    return epoch


def torch_epoch(hidden: tuple[int, ...], dropout: float, x, y) -> Epoch:
    """The same in PyTorch, eager."""
    import torch

    layers, width_in = [], 784
    for width in hidden:
        layers += [torch.nn.Linear(width_in, width), torch.nn.ReLU()]
        if dropout:
            layers.append(torch.nn.Dropout(dropout))
        width_in = width
    model = torch.nn.Sequential(*layers, torch.nn.Linear(width_in, 10))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    loss = torch.nn.CrossEntropyLoss()
    images, labels = torch.from_numpy(x), torch.from_numpy(y)
    batches = [(images[i : i + BATCH], labels[i : i + BATCH]) for i in range(0, len(x), BATCH)]

    def epoch() -> None:
        for image, label in batches:
            optimizer.zero_grad()
            loss(model(image), label).backward()
            optimizer.step()

    return epoch


def jax_epoch(hidden: tuple[int, ...], dropout: float, x, y) -> Epoch:
    """The same in JAX: one jitted step, buffers donated."""
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


CONTENDERS = {"numbanet": numbanet_epoch, "PyTorch": torch_epoch, "JAX": jax_epoch}


def main() -> None:
    """Print one table row for each workload."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    options = parser.parse_args()
    # Before any of the three is imported: each reads its number of threads from the environment.
    os.environ |= {name: str(options.threads) for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")}
    if options.threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

    import numpy as np
    from timing import describe_machine, ratio, take_turns

    print(describe_machine())
    rng = np.random.default_rng(0)
    x = rng.random((BATCH * BATCHES, 784), np.float32)
    y = rng.integers(0, 10, len(x))
    print(f"\n| workload, {options.threads} thread(s) | numbanet | PyTorch | JAX | over PyTorch | over JAX |")
    print("|---|---:|---:|---:|---:|---:|")
    for workload in options.workloads.split(","):
        epochs = {}
        for name, build in CONTENDERS.items():
            try:
                epochs[name] = build(*WORKLOADS[workload], x, y)
            except ImportError as error:
                print(f"{name} is left out: {error}")
        results = take_turns(epochs, options.rounds, seconds=0.5, warm=0.1)
        speed = {name: f"{len(x) / result.median:,.0f}" for name, result in results.items()}
        gain = {name: f"{ratio(results[name], results['numbanet']):.2f}" for name in results if name != "numbanet"}
        row = [speed.get(name, "-") for name in CONTENDERS] + [gain.get(name, "-") for name in ("PyTorch", "JAX")]
        print(f"| {workload} | {' | '.join(row)} |", flush=True)
    print("\nSamples/s (medians); the ratios are medians over the rounds.")


if __name__ == "__main__":
    main()
