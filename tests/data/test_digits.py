"""The built-in digits: the same bits everywhere, and digits to look at."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from numbanet.data import digits, load
from numbanet.errors import DataError

ROOT = Path(__file__).parents[2]
CHECKSUM = "af18a736040dfe540776998bbe9c3f7da09ee72e7010a86b94964b7e7e8ad6b3"


def test_the_first_images_of_seed_0_never_change() -> None:
    assert digits.checksum(*digits.draw(256)) == CHECKSUM
    assert digits.is_exact()


def elsewhere(count: int, **environment: str) -> str:
    code = f"from numbanet.data import digits; print(digits.checksum(*digits.draw({count})))"
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"} | environment
    return subprocess.run(
        [sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_without_compilation_the_bits_are_the_same() -> None:
    """Python's floats round after every operation: equal bits mean that nothing was fused or reordered."""
    assert elsewhere(8, NUMBA_DISABLE_JIT="1") == digits.checksum(*digits.draw(8))


@pytest.mark.parametrize("threads", ["1", "2"])
def test_any_number_of_threads_gives_the_same_bits(threads: str) -> None:
    assert elsewhere(256, NUMBA_NUM_THREADS=threads) == CHECKSUM


def test_more_images_begin_with_the_same_ones() -> None:
    few, labels = digits.draw(5, seed=3)
    many, more = digits.draw(300, seed=3)
    np.testing.assert_array_equal(few, many[:5])
    np.testing.assert_array_equal(labels, more[:5])
    later, _ = digits.draw(3, seed=3, first=2)
    np.testing.assert_array_equal(later, many[2:5])


def test_seeds_and_halves_differ() -> None:
    data = load("digits", seed=0, limit=50)
    assert not np.array_equal(data.train[0], load("digits", seed=1, limit=50).train[0])
    assert not np.array_equal(data.train[0], data.test[0])
    assert len(np.unique(digits.draw(2000)[0].reshape(2000, -1), axis=0)) == 2000


def test_the_data_set() -> None:
    data = load("digits")
    assert repr(data) == (
        "Dataset('digits', train=10,000, test=2,000, input_shape=(28, 28, 1), dtype=uint8, classes=10)"
    )
    x, y = data.train
    assert np.bincount(y, minlength=10).min() > 850
    assert (x.reshape(len(x), -1).max(axis=1) > 120).all()  # every image has ink
    assert 0.1 < (x > 0).mean() < 0.3  # about as much as MNIST's 0.19
    assert (x[:, 0] > 0).mean() < 0.02  # and it is not at the border


def test_classes_are_apart_but_not_trivially() -> None:
    """The nearest mean, the simplest classifier there is, is right mostly and not always."""
    data = load("digits")
    x, y = data.train[0].reshape(10_000, -1) / 255.0, data.train[1]
    means = np.stack([x[y == label].mean(axis=0) for label in range(10)])
    x_test = data.test[0].reshape(2_000, -1) / 255.0
    distance = (means**2).sum(axis=1) - 2 * x_test @ means.T
    assert 0.6 < (distance.argmin(axis=1) == data.test[1]).mean() < 0.95


def test_an_empty_draw_and_wrong_arguments() -> None:
    assert digits.draw(0)[0].shape == (0, 28, 28, 1)
    assert digits.draw(1, seed=2**64 - 1)[0].shape == (1, 28, 28, 1)
    for arguments in ((1, -1), (1, 2**64), (-1, 0), (1, 0, -1)):
        with pytest.raises(DataError):
            digits.draw(*arguments)
