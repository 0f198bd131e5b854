"""The same seed gives the same bits, for any number of threads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = """
from numbanet.layers import Dense, Dropout, Flatten, Normalize
x, y = rng.integers(0, 256, (700, 28, 28, 1), dtype=np.uint8), rng.integers(0, 10, 700)
model = Sequential(Flatten(), Normalize(), Dense(96, "relu"), Dropout(0.2), Dense(65, "gelu"), Dense(10),
                   input_shape=(28, 28, 1), seed=1)
"""
SEQUENCES = """
from numbanet.layers import LSTM, Bidirectional, Dense, Embedding, TimeDistributed
x = rng.integers(0, 90, (300, 40)) * (np.arange(40) < rng.integers(1, 41, (300, 1)))
y = np.where(x % 7 == 0, -1, x % 10)
model = Sequential(Embedding(90, 70, padding_index=0), Bidirectional(LSTM(33, return_sequences=True)),
                   TimeDistributed(Dense(10)), input_shape=(40,), seed=1)
"""
PROGRAM = """
import hashlib, sys
import numba
import numpy as np
from numbanet.model import Sequential
from numbanet.optimizers import AdamW
numba.set_num_threads(int(sys.argv[1]))
rng = np.random.default_rng(0)
{}
history = model.fit(x, y, epochs=2, batch_size=128, optimizer=AdamW(1e-3, clip_norm=1.0, schedule="cosine"),
                    validation_data=(x[:300], y[:300]))
numbers = model.arena.values.tobytes() + model.predict(x).tobytes()
print(hashlib.sha256(numbers).hexdigest(), history["loss"], history["val_loss"])
"""


@pytest.mark.parametrize("program", [IMAGES, SEQUENCES], ids=["images", "sequences"])
@pytest.mark.parametrize("most", [4])
def test_any_number_of_threads(most: int, program: str) -> None:
    outputs = {}
    for threads in (1, 2, 3, most):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(program), str(threads)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=_environment(most),
        )
        assert done.returncode == 0, done.stderr
        outputs[threads] = done.stdout
    assert len(set(outputs.values())) == 1, outputs


def _environment(threads: int) -> dict[str, str]:
    import os

    return {**os.environ, "NUMBA_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT)}
