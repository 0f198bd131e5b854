"""What `numbanet train text` does."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from numbanet.cli.console import make_console, rate_in_words, say
from numbanet.cli.destination import check_destination
from numbanet.cli.machine import set_up
from numbanet.cli.model_files import note_vocabulary
from numbanet.cli.sequence_training import SequenceOptions, Trained, common_json, run, show_facts
from numbanet.cli.training_display import TrainingDisplay
from numbanet.data.streams import Streams, cut
from numbanet.data.text import Text, load_text
from numbanet.data.vocabulary import CHARACTERS
from numbanet.model import Sequential
from numbanet.training.callbacks import Callback, Progress
from numbanet.training.history import History
from numbanet.zoo.language import language_model

VALIDATION_STREAMS = 8  # each begins knowing nothing, so few of them; but more than one, which takes longer


@dataclass(frozen=True)
class TextOptions(SequenceOptions):
    """And those of `train text` alone."""

    tokens: str
    validation: float
    embedding: int

    @property
    def unit(self) -> str:
        """What the loss is a mean of."""
        return "char" if self.tokens == CHARACTERS else "byte"


@dataclass(frozen=True)
class TextJob:
    """A text, cut for training."""

    options: TextOptions
    text: Text
    train: Streams
    validation: Streams
    device: str

    @property
    def name(self) -> str:
        """The text's."""
        return self.text.name

    def build(self) -> Sequential:
        """The network, with the text's vocabulary."""
        options = self.options
        model = language_model(
            len(self.text.vocabulary),
            options.window,
            cell=options.cell,
            hidden=options.hidden,
            layers=options.layers,
            embedding=options.embedding,
            dropout=options.dropout,
            seed=options.seed,
            device=self.device,
        )
        note_vocabulary(model, self.text.vocabulary)
        return model

    def fit(self, model: Sequential, callbacks: list[Callback]) -> History:
        """Read the text in order, epoch by epoch."""
        return model.fit(
            self.train.x,
            self.train.y,
            epochs=self.options.epochs,
            batch_size=self.train.streams,
            shuffle=False,
            optimizer=self.options.optimizer(),
            loss="cross_entropy",
            metrics=[],
            validation_data=(self.validation.x, self.validation.y),
            validation_batch_size=self.validation.streams,
            callbacks=callbacks,
        )

    def brief(self) -> TextJob:
        """The first window of each stream."""
        first = [replace(s, x=s.x[: s.streams], y=s.y[: s.streams]) for s in (self.train, self.validation)]
        return replace(self, options=replace(self.options, epochs=1), train=first[0], validation=first[1])

    def sample(self) -> Any:
        """The first window of each stream."""
        return self.train.x[: self.train.streams]


class TextDisplay(TrainingDisplay):
    """Loss in nats and in bits, speed in tokens."""

    def __init__(self, console: Console, options: TextOptions) -> None:
        super().__init__(console)
        self.unit, self.window = options.unit, options.window

    def measured(self, progress: Progress) -> str:
        """Loss of the epoch so far."""
        return f"loss {progress.loss:.4f}  {bits(progress.loss):.3f} bits/{self.unit}"

    def speed(self, progress: Progress) -> str:
        """Tokens a second."""
        return f"{rate_in_words(self.window * progress.samples_per_second)}/s"

    def line(self, progress: Progress) -> str:
        """Training and validation."""
        parts = [
            f"{name} {loss:.4f}, {bits(loss):.3f} bits/{self.unit}"
            for name, loss in (("loss", progress.loss), ("validation", progress.metrics["val_loss"]))
        ]
        speed = rate_in_words(self.window * progress.samples_per_second)
        return f"{parts[0]}   {parts[1]}   {speed} {self.unit}s/s"


def bits(nats: float) -> float:
    """The same information in bits."""
    return nats / math.log(2)


def train_text(options: TextOptions) -> None:
    """Run the command."""
    console = make_console(stderr=options.as_json)
    if options.out and not options.dry_run:
        check_destination(Path(options.out), options.overwrite)  # before a long text is read
    text = load_text(Path(options.file).expanduser() if options.file else None, options.tokens, options.validation)
    where = options.file or text.name
    train = cut(text.train, options.window, options.batch_size, f"{where}, its training part")
    validation = cut(text.validation, options.window, VALIDATION_STREAMS, f"{where}, its validation part")
    job = TextJob(options, text, train, validation, set_up(console, options.threads, options.device))
    say(
        console,
        f"{text.name}: {len(text.train):,} {options.unit}s to learn from, {len(text.validation):,} to validate on; "
        f"{len(text.vocabulary)} different ones",
    )
    say(console, f"{train.streams} streams of {train.batches:,} windows of {options.window} {options.unit}s", "dim")
    trained = run(console, job, TextDisplay(console, options))
    _show(console, job, trained)
    if options.as_json:
        click.echo(json.dumps(_as_json(job, trained)))


def _show(console: Console, job: TextJob, trained: Trained) -> None:
    options, last = job.options, trained.history.last
    rows = [
        (name, f"{last[key]:.4f} nats, {bits(last[key]):.3f} bits for each {options.unit}")
        for name, key in (("validation", "val_loss"), ("training loss", "loss"))
    ]
    speed = rate_in_words(options.window * trained.samples_per_second)
    rows.append(("training", f"{trained.seconds:.2f} s, {speed} {options.unit}s/s"))
    show_facts(console, options, trained, rows)
    if not options.dry_run and not options.as_json:
        console.print()
        say(console, f"Let it write: numbanet generate {trained.file} --length 500", "dim")


def _as_json(job: TextJob, trained: Trained) -> dict[str, Any]:
    options, last = job.options, trained.history.last
    return {
        "task": "text",
        "data": job.text.name,
        "tokens": options.tokens,
        "vocabulary": len(job.text.vocabulary),
        "train_tokens": len(job.text.train),
        "validation_tokens": len(job.text.validation),
        "streams": job.train.streams,
        "embedding": options.embedding,
        "train_loss": last["loss"],
        "train_bits": bits(last["loss"]),
        "validation_loss": last["val_loss"],
        "validation_bits": bits(last["val_loss"]),
        "tokens_per_second": options.window * trained.samples_per_second,
        **common_json(options, trained),
    }
