"""The text model beside the same network in PyTorch: the same initial weights, the same batches, the same steps.

    python benchmarks/text.py --seeds 3 --epochs 3
    python benchmarks/text.py --generate --hidden 512

Both read the text that comes with Python in the same streams, with Adam, the same schedule and the same clipping, and
without dropout: they differ in the order in which numbers are added up, and in nothing else. How much that matters
is the noise. With --generate: tokens per second, one at a time, in turn.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from timing import describe_machine, ratio, take_turns

import numbanet as nn
from numbanet import backend
from numbanet.data.streams import Streams, cut
from numbanet.data.text import load_text
from numbanet.generation import Generator
from numbanet.zoo.language import language_model

STREAMS, VALIDATION_STREAMS, EMBEDDING, RATE, CLIP = 32, 8, 64, 6e-3, 1.0
CELLS = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}


class Network(torch.nn.Module):
    """numbanet.zoo.language_model with one recurrent layer, its weights copied."""

    def __init__(self, model: nn.Sequential, cell: str) -> None:
        super().__init__()
        embedding, recurrent, dense = (
            {
                name.rpartition(".")[2]: torch.tensor(value)
                for name, value in model.parameters().items()
                if layer in name
            }
            for layer in (model.layers[0].name, model.layers[1].name, model.layers[2].name)
        )
        hidden = recurrent["recurrent"].shape[0]
        self.embedding = torch.nn.Embedding.from_pretrained(embedding["weight"], freeze=False)
        self.recurrent = CELLS[cell](EMBEDDING, hidden, batch_first=True)
        self.dense = torch.nn.Linear(*dense["weight"].shape)
        # PyTorch has two biases where one is enough, but for the new state of a GRU, inside the product with r.
        second, learned = torch.zeros(recurrent["bias"].shape), torch.zeros(recurrent["bias"].shape)
        if "recurrent_bias" in recurrent:
            second[2 * hidden :], learned[2 * hidden :] = recurrent["recurrent_bias"], 1.0
        with torch.no_grad():
            for target, source in (
                (self.recurrent.weight_ih_l0, recurrent["weight"].T),
                (self.recurrent.weight_hh_l0, recurrent["recurrent"].T),
                (self.recurrent.bias_ih_l0, recurrent["bias"]),
                (self.recurrent.bias_hh_l0, second),
                (self.dense.weight, dense["weight"].T),
                (self.dense.bias, dense["bias"]),
            ):
                target.copy_(source)
        self.recurrent.bias_hh_l0.register_hook(lambda gradient: gradient * learned)

    def forward(self, x, state=None):
        """Logits of what follows each token, and the state behind the last."""
        y, state = self.recurrent(self.embedding(x), state)
        return self.dense(y), state


def batches(streams: Streams) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The windows in the order in which they are read."""
    x, y, n = torch.from_numpy(streams.x), torch.from_numpy(streams.y), streams.streams
    for start in range(0, len(x), n):
        yield x[start : start + n], y[start : start + n]


def loss_of(network: Network, streams: Streams, state=None) -> float:
    """Nats for each token."""
    total = 0.0
    with torch.inference_mode():
        for x, y in batches(streams):
            z, state = network(x, state)
            total += float(torch.nn.functional.cross_entropy(z.flatten(0, 1), y.flatten(), reduction="sum"))
    return total / streams.tokens


def torch_run(network: Network, train: Streams, validation: Streams, epochs: int) -> tuple[float, float, float]:
    """(seconds of training, training loss of the last epoch, validation loss)."""
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    factor = nn.Cosine().plan(epochs * train.batches)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    start = time.perf_counter()
    for _ in range(epochs):
        total, state = 0.0, None
        for x, y in batches(train):
            optimizer.zero_grad()
            z, state = network(x, state)
            state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
            loss = torch.nn.functional.cross_entropy(z.flatten(0, 1), y.flatten())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimizer.step()
            schedule.step()
            total += loss.item()
    return time.perf_counter() - start, total / train.batches, loss_of(network, validation)


def numbanet_run(model: nn.Sequential, train: Streams, validation: Streams, epochs: int) -> tuple[float, float, float]:
    """The same."""
    history = model.fit(
        train.x,
        train.y,
        epochs=epochs,
        batch_size=train.streams,
        shuffle=False,
        optimizer=nn.Adam(RATE, schedule=nn.Cosine(), clip_norm=CLIP),
        metrics=[],
        validation_data=(validation.x, validation.y),
        validation_batch_size=validation.streams,
    )
    return sum(history["seconds"]), history["loss"][-1], history["val_loss"][-1]


def compare(cell: str, hidden: int, window: int, seeds: int, epochs: int) -> None:
    """A row for each seed."""
    text = load_text(None)
    train, validation = (
        cut(text.train, window, STREAMS, "training"),
        cut(text.validation, window, VALIDATION_STREAMS, ""),
    )
    print(f"{cell} {hidden}, {epochs} epochs of {train.batches} steps of {train.streams} x {window} characters\n")
    print("| seed | | training, bits/char | validation, bits/char | characters/s |\n|---:|---|---:|---:|---:|")
    first = Streams(train.x[: train.streams], train.y[: train.streams], train.streams)
    numbanet_run(language_model(len(text.vocabulary), window, cell=cell, hidden=hidden), first, first, 1)  # compiles
    differences = []
    for seed in range(seeds):
        model = language_model(len(text.vocabulary), window, cell=cell, hidden=hidden, embedding=EMBEDDING, seed=seed)
        network = Network(model, cell)
        results = {
            "numbanet": numbanet_run(model, train, validation, epochs),
            "PyTorch": torch_run(network, train, validation, epochs),
        }
        for name, (seconds, loss, validated) in results.items():
            bits = [f"{nats / math.log(2):.4f}" for nats in (loss, validated)]
            print(f"| {seed} | {name} | {' | '.join(bits)} | {epochs * train.tokens / seconds:,.0f} |", flush=True)
        differences.append((results["numbanet"][2] - results["PyTorch"][2]) / math.log(2))
    print(f"\nValidation, numbanet less PyTorch: {statistics.mean(differences):+.4f} bits/char in the mean.")


def generate(cell: str, hidden: int, rounds: int) -> None:
    """Tokens per second of the network and a sample of its output, one after another."""
    symbols, length = 100, 200
    model = language_model(symbols, 64, cell=cell, hidden=hidden, embedding=EMBEDDING)
    network, generator = Network(model, cell), Generator(model)

    def numbanet_tokens() -> None:
        for _ in generator.tokens([0], length):
            pass

    def torch_tokens() -> None:
        token, state = torch.zeros((1, 1), dtype=torch.int64), None
        with torch.inference_mode():
            for _ in range(length):
                z, state = network(token, state)
                token = torch.multinomial(torch.softmax(z[0], -1), 1)

    contenders: dict[str, Callable[[], object]] = {"numbanet": numbanet_tokens, "PyTorch": torch_tokens}
    results = take_turns(contenders, rounds, seconds=0.4, warm=0.1)
    print(f"| one token at a time, {torch.get_num_threads()} thread(s) | numbanet | PyTorch | over PyTorch |")
    print("|---|---:|---:|---:|")
    speeds = [f"{length / results[name].median:,.0f}" for name in contenders]
    times = ratio(results["PyTorch"], results["numbanet"])
    print(f"| {cell} {hidden}, tokens/s | {' | '.join(speeds)} | {times:.2f} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", choices=list(CELLS), default="lstm")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--window", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--generate", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    backend.set_threads(options.threads)
    print(describe_machine() + "\n")
    if options.generate:
        generate(options.model, options.hidden, options.rounds)
    else:
        compare(options.model, options.hidden, options.window, options.seeds, options.epochs)


if __name__ == "__main__":
    main()
