"""Training, watched: a bar for the whole run on a terminal, and a line for each epoch everywhere."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from numbanet.cli.clock import seconds_since_start
from numbanet.cli.console import is_live, rate_in_words, say
from numbanet.cli.measures import main_metric, shown
from numbanet.training.callbacks import Callback
from numbanet.training.callbacks import Progress as TrainingProgress


class TrainingDisplay(Callback):
    """Prints to `console`, calling the examples that are `watched` so.

    `seconds_to_first_step` is from the start of the process to the end of a step. A display for another task
    overrides `measured` and `speed`, and `line`.
    """

    interval = 0.1  # seconds between two frames: each costs about 2 ms, which is then 2% of training at most

    def __init__(self, console: Console, watched: str = "test") -> None:
        self.console, self.watched = console, watched
        self.bar: Progress | None = None
        self.seconds_to_first_step: float | None = None
        self.seconds = 0.0

    def on_train_begin(self, progress: TrainingProgress) -> None:
        """Open the bar, where the line can be redrawn."""
        if not is_live(self.console):
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(None, complete_style="cyan", finished_style="cyan"),
            TextColumn("{task.fields[numbers]}"),
        )
        self.bar = Progress(*columns, console=self.console, transient=True, auto_refresh=False, expand=True)
        self.bar.add_task("", total=progress.epochs * progress.examples, numbers="")
        self.bar.start()

    def on_batch_end(self, progress: TrainingProgress) -> None:
        """Move the bar."""
        self.seconds = progress.seconds
        if self.seconds_to_first_step is None:
            self.seconds_to_first_step = seconds_since_start()
        if self.bar is None:
            return
        done = (progress.epoch - 1) * progress.examples + progress.samples
        task = self.bar.tasks[0]
        self.bar.update(
            task.id,
            completed=done,
            description=_epoch(progress),
            numbers=f"{self.measured(progress)}  {self.speed(progress)}  {_left(progress, done)} left",
            refresh=True,
        )

    def on_epoch_end(self, progress: TrainingProgress) -> None:
        """One line."""
        self.seconds = progress.seconds
        say(self.console, f"{_epoch(progress)}   {self.line(progress)}")

    def on_train_end(self, progress: TrainingProgress) -> None:
        """Take the bar away, however training ended."""
        if self.bar is not None:
            self.bar.stop()

    def measured(self, progress: TrainingProgress) -> str:
        """What the epoch under way has measured so far, beside the bar."""
        main = main_metric(progress.metrics)
        measured = "" if main is None else f"  {main} {shown(main, progress.metrics[main])}"
        return f"loss {shown('loss', progress.loss)}{measured}"

    def speed(self, progress: TrainingProgress) -> str:
        """How fast it goes, beside the bar."""
        return f"{rate_in_words(progress.samples_per_second)}/s"

    def line(self, progress: TrainingProgress) -> str:
        """A whole epoch, in one line."""
        metrics, main = progress.metrics, main_metric(progress.metrics)
        line = f"loss {shown('loss', progress.loss)}"
        if main is not None:
            line += f"   {main} {shown(main, metrics[main])}   {self.watched} {shown(main, metrics[f'val_{main}'])}"
        for name, value in metrics.items():
            if name.startswith("val_") and name not in ("val_loss", f"val_{main}"):
                line += f"   {name.removeprefix('val_')} {shown(name, value)}"
        return f"{line}   {rate_in_words(progress.samples_per_second)} samples/s"


def _epoch(progress: TrainingProgress) -> str:
    return f"epoch {progress.epoch:>{len(str(progress.epochs))}}/{progress.epochs}"


def _left(progress: TrainingProgress, done: int) -> str:
    return _clock(progress.seconds * (progress.epochs * progress.examples / done - 1))


def _clock(seconds: float) -> str:
    """75.2 -> "1:15"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
