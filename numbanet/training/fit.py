"""The training loop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from numbanet import losses, optimizers
from numbanet.configurable import check_whole
from numbanet.data import augment as augmentation
from numbanet.data.augment import Augment
from numbanet.data.batches import batches
from numbanet.errors import TrainingError
from numbanet.losses import Loss
from numbanet.model import PREDICT_BATCH, Sequential
from numbanet.optimizers import Optimizer
from numbanet.training.callbacks import Callback, Callbacks, Progress
from numbanet.training.evaluate import Evaluation
from numbanet.training.feed import Feed, examples
from numbanet.training.history import History, TrainingInterrupted
from numbanet.training.metrics import Metric, Metrics
from numbanet.training.objective import Objective
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
    callbacks: Sequence[Callback] = (),
    shuffle: bool = True,
    augment: Augment | str | None = None,
) -> History:
    """Train `model` on x [n, *input_shape] and y, or on the training part of a data set.

    uint8 inputs stay bytes in memory and are read as 0..1. `y` as the loss takes it. A last, smaller batch is
    trained on too. `metrics` default to accuracy for losses of classification. `validation_data` (x, y) is
    evaluated after each epoch. `Normalize` layers that have learned nothing yet learn from x first. `augment`,
    an `Augment` or a text such as "shift=2,rotate=10", distorts the images of x, each time anew, and leaves those
    of the validation alone. The order of examples depends on the model's seed and the epoch; the weights
    afterwards are bitwise the same for any number of threads.

    Raises `ModelError` for data or arguments that do not fit, before anything is changed; `TrainingError`
    after an epoch whose loss is not finite; `TrainingInterrupted` (a `KeyboardInterrupt`) at Ctrl-C. The
    model is whole in each case, and the last two carry the `history`.
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
        callbacks,
        shuffle,
        augment,
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
        callbacks: Sequence[Callback],
        shuffle: bool,
        augment: Augment | str | None,
    ) -> None:
        epochs = check_whole("fit", "epochs", epochs, 0)
        found = losses.get(loss)
        found.check_outputs(model.output_shape, model.output_function)
        self.optimizer = optimizers.get(optimizer)
        self.model, self.shuffle = model, shuffle
        self.batch_size = check_whole("fit", "batch_size", batch_size, 1)
        self.feed = Feed(model, x, y, found, ("x", "y"), augmentation.get(augment))
        self.metrics = Metrics(metrics, found, Objective(model, found, self.feed.targets).columns)
        self.validation: Evaluation | None = None
        if validation_data is not None:
            where = ("validation x", "validation y")
            pair = examples(validation_data, None, "validation_data")
            self.validation = Evaluation(model, *pair, found, metrics, PREDICT_BATCH, where)
        count = -(-self.feed.examples // self.batch_size)
        self.step = TrainStep(model, self.optimizer, found, steps=max(1, epochs * count))
        self.callbacks = Callbacks(callbacks)
        self.history = History()
        self.progress = Progress(model, self.history, epochs, count, self.feed.examples)
        model.adapt(x, always=False)

    def train(self) -> History:
        progress, tell = self.progress, self.callbacks.tell
        try:
            tell("on_train_begin", progress)
            for epoch in range(progress.epochs):
                progress.epoch = epoch + 1
                progress.metrics = {}
                tell("on_epoch_begin", progress)
                if not self._epoch(epoch):
                    break
                tell("on_epoch_end", progress)
                if progress.stop:
                    break
        except KeyboardInterrupt:
            # An update is one kernel call, which a signal cannot cut: the weights are those of a whole step.
            self.history.interrupted = True
            raise TrainingInterrupted(self.history) from None
        finally:
            tell("on_train_end", progress)
        return self.history

    def _epoch(self, epoch: int) -> bool:
        """Train and validate; False where a callback stopped it halfway."""
        progress, totals = self.progress, self.step.totals
        totals[:] = 0.0
        self.metrics.reset()
        start = perf_counter()
        seconds_before = progress.seconds
        whole = self._batches(epoch, start, seconds_before)
        seconds = perf_counter() - start
        progress.seconds = seconds_before + seconds
        if not whole:
            return False
        results = self.metrics.results(self.model.backend.to_numpy(totals))
        if self.validation is not None:
            results |= {f"val_{name}": value for name, value in self.validation.run().items()}
        speed = self.feed.examples / seconds
        self.history.append(results | {"seconds": seconds, "samples_per_second": speed})
        progress.loss, progress.samples_per_second = results["loss"], speed
        progress.metrics = {name: value for name, value in results.items() if name != "loss"}
        if not math.isfinite(results["loss"]):
            raise self._diverged()
        return True

    def _batches(self, epoch: int, start: float, seconds_before: float) -> bool:
        """The loop itself: little but calls of what was bound before."""
        feed, run, others = self.feed, self.step.run, self.metrics.others
        to_numpy = self.model.backend.to_numpy
        interval, due = self.callbacks.interval, 0.0
        rows = batches(feed.order(self.model.seed, epoch, self.shuffle), self.batch_size)
        last = len(rows)
        for number, chosen in enumerate(rows, start=1):
            x, y = feed(chosen)
            z = run(x, y)
            if others:
                self.metrics.update(to_numpy(z), to_numpy(y), to_numpy(self.model.mask))
            if interval is not None and ((now := perf_counter()) >= due or number == last):
                self._report(number, now - start, seconds_before)
                due = now + interval
                if self.progress.stop and number < last:
                    return False
        return True

    def _report(self, batch: int, seconds: float, seconds_before: float) -> None:
        progress = self.progress
        results = self.metrics.results(self.model.backend.to_numpy(self.step.totals))
        progress.batch = batch
        progress.samples = min(batch * self.batch_size, progress.examples)
        progress.loss = results.pop("loss")
        progress.metrics = results
        progress.seconds = seconds_before + seconds
        progress.samples_per_second = progress.samples / seconds
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
