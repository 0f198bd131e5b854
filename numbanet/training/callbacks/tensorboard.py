"""Curves and histograms for TensorBoard, with its own writer (extra `tensorboard`)."""

from __future__ import annotations

import time
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from numbanet.errors import TrainingError
from numbanet.training.callbacks.base import Callback, Progress

BUCKETS = 64


class TensorBoard(Callback):
    """Writes the loss, the metrics and the learning rate of each epoch to `folder`, for `tensorboard --logdir`.

    The numbers of the training go into the run `train` and those of the validation into `validation`, under the same
    names, so that both are in one picture. `histograms`: those of all weights as well.
    """

    def __init__(self, folder: str | PathLike[str], *, histograms: bool = False) -> None:
        self.folder, self.histograms = Path(folder), histograms
        self._writers: dict[str, Any] = {}

    def on_train_begin(self, progress: Progress) -> None:
        """Open the files. Raises `TrainingError` where TensorBoard is not installed."""
        try:
            writing = import_module("tensorboard.summary.writer.event_file_writer")
            self._summary = import_module("tensorboard.compat.proto.summary_pb2")
            self._event = import_module("tensorboard.compat.proto.event_pb2")
        except ImportError as error:
            raise TrainingError(
                f"writing for TensorBoard needs the package tensorboard, which is not here ({error}). Install the "
                'extra: pip install "numbanet[tensorboard]".'
            ) from None
        try:
            self._writers = {run: writing.EventFileWriter(str(self.folder / run)) for run in ("train", "validation")}
        except OSError as error:
            raise TrainingError(f"{self.folder}: cannot be written to: {error.strerror or error}.") from error

    def on_epoch_end(self, progress: Progress) -> None:
        """A point on each curve."""
        rate = float(progress.model.backend.to_numpy(progress.step.updater.rate)[0])
        numbers = {**progress.numbers, "learning_rate": rate, "samples_per_second": progress.samples_per_second}
        for name, value in numbers.items():
            run = "validation" if name.startswith("val_") else "train"
            self._add(run, progress, tag=name.removeprefix("val_"), simple_value=value)
        if self.histograms:
            for name, array in progress.model.parameters().items():
                self._add("train", progress, tag=name, histo=self._histogram(progress.model.backend.to_numpy(array)))
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self, progress: Progress) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _add(self, run: str, progress: Progress, **value: Any) -> None:
        summary = self._summary.Summary(value=[self._summary.Summary.Value(**value)])
        self._writers[run].add_event(self._event.Event(wall_time=time.time(), step=progress.epoch, summary=summary))

    def _histogram(self, values: Any) -> Any:
        counts, edges = np.histogram(values.astype(np.float64), bins=BUCKETS)
        return self._summary.HistogramProto(
            min=float(values.min()),
            max=float(values.max()),
            num=float(values.size),
            sum=float(values.sum(dtype=np.float64)),
            sum_squares=float(np.square(values, dtype=np.float64).sum()),
            bucket_limit=edges[1:].tolist(),
            bucket=counts.astype(float).tolist(),
        )
