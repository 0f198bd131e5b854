"""The training loop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike
from time import perf_counter
from typing import Any

from numbanet import losses, optimizers
from numbanet.configurable import check_whole
from numbanet.data import augment as augmentation
from numbanet.data import mixing
from numbanet.data.augment import Augment
from numbanet.data.batches import batches
from numbanet.data.mixing import Mix
from numbanet.errors import TrainingError
from numbanet.losses import Loss
from numbanet.model import PREDICT_BATCH, Sequential
from numbanet.optimizers import Optimizer
from numbanet.training.callbacks import Callback, Callbacks, Progress
from numbanet.training.evaluate import Evaluation
from numbanet.training.feed import Feed, examples
from numbanet.training.history import History, TrainingInterrupted
from numbanet.training.interrupts import Interrupts
from numbanet.training.metrics import Metric, Metrics
from numbanet.training.objective import Objective
from numbanet.training.snapshot import Snapshot
from numbanet.training.state import TrainingState
from numbanet.training.step import TrainStep


def fit(
    model: Sequential,
    x: Any,
    y: Any = None,
    *,
    epochs: int = 1,
    batch_size: int = 128,
    optimizer: Optimizer | str = "adam",
    loss: Loss | str = "cross_entropy",
    metrics: Sequence[Metric | str] | None = None,
    validation_data: tuple[Any, Any] | None = None,
    validation_batch_size: int = PREDICT_BATCH,
    callbacks: Sequence[Callback] = (),
    shuffle: bool = True,
    augment: Augment | str | None = None,
    mix: Mix | str | None = None,
    resume: Snapshot | str | PathLike[str] | None = None,
) -> History:
    """Train `model` on x [n, *input_shape] and y, or on the training part of a data set.

    uint8 inputs stay bytes in memory and are read as 0..1. `y` as the loss takes it. A last, smaller batch is
    trained on too. `metrics` default to accuracy for losses of classification. `validation_data` (x, y) is
    evaluated after each epoch, in batches of `validation_batch_size`. Stateful layers begin each epoch, and each
    evaluation, with a state of zeros. `Normalize` layers that have learned nothing yet learn from x first. `augment`,
    an `Augment` or a text such as "shift=2,rotate=10", distorts the images of x, each time anew, and leaves those
    of the validation alone. `mix`, a `Mix` or a text such as "mixup=0.2,cutmix=1", trains on mixtures of two examples
    and of their targets. The order of examples depends on the model's seed and the epoch; the weights
    afterwards are bitwise the same for any number of threads.

    `resume`: a checkpoint's file (see `Checkpoint`) or a snapshot. The training goes on from there, with the same
    data and arguments, and ends with bitwise the weights that it would have had without a break; `epochs` counts
    those done before. Another number of epochs is a schedule of another length from here on.

    Raises `ModelError` for data or arguments that do not fit, before anything is changed; `TrainingError`
    after an epoch whose loss is not finite; `TrainingInterrupted` (a `KeyboardInterrupt`) at Ctrl-C, after the
    step under way; a second Ctrl-C is a `KeyboardInterrupt` at once. The model is whole in each case, and the
    first two carry the `history`.
    """
    return _Run(
        model,
        *examples(x, y),
        epochs,
        batch_size,
        optimizer,
        loss,
        metrics,
        validation_data,
        validation_batch_size,
        callbacks,
        shuffle,
        augment,
        mix,
        resume,
    ).train()


class _Run:
    def __init__(
        self,
        model: Sequential,
        x: Any,
        y: Any,
        epochs: int,
        batch_size: int,
        optimizer: Optimizer | str,
        loss: Loss | str,
        metrics: Sequence[Metric | str] | None,
        validation_data: tuple[Any, Any] | None,
        validation_batch_size: int,
        callbacks: Sequence[Callback],
        shuffle: bool,
        augment: Augment | str | None,
        mix: Mix | str | None,
        resume: Snapshot | str | PathLike[str] | None,
    ) -> None:
        epochs = check_whole("fit", "epochs", epochs, 0)
        found = losses.get(loss)
        found.check_outputs(model.output_shape, model.output_function)
        self.optimizer = optimizers.get(optimizer)
        self.model, self.shuffle = model, shuffle
        self.batch_size = check_whole("fit", "batch_size", batch_size, 1)
        self.feed = Feed(model, x, y, found, ("x", "y"), augmentation.get(augment), mixing.get(mix))
        self.metrics = Metrics(metrics, found, Objective(model, found, self.feed.targets).columns)
        self.validation: Evaluation | None = None
        if validation_data is not None:
            where = ("validation x", "validation y")
            pair = examples(validation_data, None, "validation_data")
            self.validation = Evaluation(model, *pair, found, metrics, validation_batch_size, where)
        count = -(-self.feed.examples // self.batch_size)
        self.step = TrainStep(model, self.optimizer, found, steps=max(1, epochs * count), epoch_steps=count)
        self.callbacks = Callbacks(callbacks)
        self.history = History()
        feed = {"examples": self.feed.examples, "batch_size": self.batch_size, "shuffle": bool(shuffle)}
        self.state = TrainingState(self.step, self.metrics.others, self.history, epochs, feed)
        self.progress = Progress(
            model, self.history, epochs, count, self.feed.examples, snapshot=self._snapshot, step=self.step
        )
        self.interrupts = Interrupts()
        if resume is not None:
            self.progress.reason = self.state.restore(resume)
            self.progress.seconds = self.state.seconds
        model.adapt(x, always=False)

    def train(self) -> History:
        tell, progress = self.callbacks.tell, self.progress
        try:
            with self.interrupts:
                tell("on_train_begin", progress)
                self.state.restore_callbacks(self.callbacks)
                self._epochs()
        except KeyboardInterrupt:
            # The weights are those of a whole step, unless the user could not wait for that.
            self.history.interrupted = True
            if self.interrupts.twice:
                raise
            tell("on_interrupt", progress)
            raise TrainingInterrupted(self.history) from None
        finally:
            tell("on_train_end", progress)
        return self.history

    def _epochs(self) -> None:
        state, progress, tell = self.state, self.progress, self.callbacks.tell
        while state.epoch < progress.epochs and not progress.reason:
            if self.interrupts.pressed:
                raise KeyboardInterrupt
            progress.epoch = state.epoch + 1
            progress.metrics = {}
            if not state.batch:
                self.model.reset_states()
                tell("on_epoch_begin", progress)
            if not self._epoch():
                break
            tell("on_epoch_end", progress)
            if progress.stop:
                break

    def _snapshot(self) -> Snapshot:
        return self.state.capture(self.callbacks, self.progress.reason)

    def _epoch(self) -> bool:
        """Train and validate; False where a callback stopped it halfway."""
        progress, state = self.progress, self.state
        state.begin_epoch()
        whole = self._batches()
        progress.seconds = state.seconds
        if not whole:
            return False
        self.step.updater.flush()
        state.end_batches()
        self.callbacks.tell("on_batches_end", progress)
        results = self.metrics.results(self.model.backend.to_numpy(self.step.totals))
        if self.validation is not None:
            results |= {f"val_{name}": value for name, value in self._validate(self.validation).items()}
        seconds = state.epoch_seconds
        speed = self.feed.examples / seconds
        self.history.append(results | {"seconds": seconds, "samples_per_second": speed})
        progress.loss, progress.samples_per_second = results["loss"], speed
        progress.metrics = {name: value for name, value in results.items() if name != "loss"}
        if not math.isfinite(results["loss"]):
            raise self._diverged()
        state.end_epoch()
        return True

    def _validate(self, validation: Evaluation) -> dict[str, float]:
        """Loss and metrics of the validation data. Ctrl-C need not wait: no state of the training is touched."""
        self.interrupts.immediate = True
        if self.interrupts.pressed:
            raise KeyboardInterrupt
        try:
            return validation.run()
        finally:
            self.interrupts.immediate = False

    def _batches(self) -> bool:
        """The loop itself: little but calls of what was bound before."""
        feed, run, others = self.feed, self.step.run, self.metrics.others
        to_numpy = self.model.backend.to_numpy
        interval, due = self.callbacks.interval, 0.0
        state, interrupts = self.state, self.interrupts
        rows = batches(feed.order(self.model.seed, state.epoch, self.shuffle), self.batch_size)
        last = len(rows)
        before, epoch_before = state.seconds, state.epoch_seconds
        start = perf_counter()
        try:
            for number, chosen in enumerate(rows[state.batch :], start=state.batch + 1):
                if interrupts.pressed:
                    raise KeyboardInterrupt
                x, y = feed(chosen)
                z = run(x, y)
                if others:
                    self.metrics.update(to_numpy(z), to_numpy(y), to_numpy(self.model.mask))
                state.batch = number
                if interval is not None and ((now := perf_counter()) >= due or number == last):
                    state.seconds, state.epoch_seconds = before + now - start, epoch_before + now - start
                    self._report()
                    due = now + interval
                    if self.progress.stop and number < last:
                        return False
        finally:
            seconds = perf_counter() - start
            state.seconds, state.epoch_seconds = before + seconds, epoch_before + seconds
        return True

    def _report(self) -> None:
        progress, state = self.progress, self.state
        results = self.metrics.results(self.model.backend.to_numpy(self.step.totals))
        progress.batch = state.batch
        progress.samples = min(state.batch * self.batch_size, progress.examples)
        progress.loss = results.pop("loss")
        progress.metrics = results
        progress.seconds = state.seconds
        progress.samples_per_second = progress.samples / state.epoch_seconds
        self.callbacks.tell("on_batch_end", progress)

    def _diverged(self) -> TrainingError:
        progress = self.progress
        if self.feed.has_bad_inputs():
            remedy = "The inputs x contain NaN or infinity: mend or leave out these examples."
        else:
            remedy = (
                f"Try a lower learning rate (it was {self.optimizer.lr:g}), clip_norm=1.0, or inputs of "
                "moderate size: Normalize() as the first layer."
            )
        error = TrainingError(
            f"epoch {progress.epoch} of {progress.epochs}: the loss is {progress.loss}: training diverged, and "
            f"the weights with it. {remedy}"
        )
        error.history = self.history
        return error
