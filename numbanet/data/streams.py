"""A long sequence cut for training: parallel streams, each read from its beginning to its end, window by window.

A batch holds one window of each stream, and the next batch the windows right after them. A recurrent network that
keeps its state from batch to batch has then read all of its stream up to here, although gradients reach back one
window only: truncated backpropagation through time (Williams and Peng 1990). Windows drawn at random would begin with
a state of zeros each time, and waste on getting into the text what a stream spends on it once.

    text        a b c d e f g h i j k l m        2 streams, windows of 3
    stream 0    a b c | d e f                    batch 0: abc, ghi
    stream 1    g h i | j k l                    batch 1: def, jkl
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from numbanet.data.vocabulary import Tokens
from numbanet.errors import DataError


@dataclass(frozen=True, eq=False)
class Streams:
    """Windows in the order in which they are read: x and y int64 [batches * streams, window], y one token later.

    Batch k is rows k * streams to (k + 1) * streams: batches of `streams` rows, not shuffled.
    """

    x: Tokens
    y: Tokens
    streams: int

    @property
    def batches(self) -> int:
        """Windows in each stream."""
        return len(self.x) // self.streams

    @property
    def tokens(self) -> int:
        """Predictions that there are to make."""
        return int(self.x.size)


def cut(tokens: Tokens, window: int, streams: int, where: str) -> Streams:
    """At most `streams` streams of whole windows from `tokens`: fewer where that leaves less over.

    Left over are fewer windows than there are streams, and than there are in each. Raises `DataError`, naming `where`,
    for tokens fewer than a window and the one that follows it.
    """
    windows = (len(tokens) - 1) // window
    if windows < 1:
        raise DataError(
            f"{where}: expected more than a window of {window:,}, found {len(tokens):,}. Use a longer text, or a "
            f"shorter --window."
        )
    longer = -(-windows // streams)
    choices = ((streams, windows // streams), (windows // longer, longer))
    streams, batches = max(choices, key=lambda choice: choice[0] * choice[1])
    shape = (streams, batches, window)

    def arrange(part: Tokens) -> Tokens:
        in_order = part[: streams * batches * window].reshape(shape).transpose(1, 0, 2)
        return np.ascontiguousarray(in_order).reshape(-1, window)

    return Streams(arrange(tokens), arrange(tokens[1:]), streams)
