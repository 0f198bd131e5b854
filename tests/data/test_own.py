"""Data of one's own beyond labelled tables: regression, columns by name, archives in one piece, validation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numbanet.data import load
from numbanet.data.examples import balanced_weights, hold_out, split
from numbanet.errors import DataError


def table(path: Path, rows: int = 50, name: str = "own.csv") -> Path:
    """a, price, b: price = 1000 (a + 2 b)."""
    rng = np.random.default_rng(0)
    lines = ["a,price,b"]
    for a, b in rng.random((rows, 2)):
        lines.append(f"{a:.6f},{1000 * (a + 2 * b):.4f},{b:.6f}")
    (path / name).write_text("\n".join(lines) + "\n")
    return path / name


@pytest.mark.parametrize("target", ["price", "2", 2, "-2"])
def test_regression_on_a_column(target: Any, tmp_path: Path) -> None:
    data = load(table(tmp_path), task="regression", target=target)
    assert data.task == "regression" and data.classes == () and data.outputs == 1
    assert repr(data) == "Dataset('own', train=40, test=10, input_shape=(2,), dtype=float32, outputs=1)"
    for x, y in (data.train, data.test):
        assert y.dtype == np.float32 and y.shape == (len(x), 1)
        np.testing.assert_allclose(y[:, 0], 1000 * (x[:, 0] + 2 * x[:, 1]), rtol=1e-4, atol=0.01)


def test_a_label_in_the_last_column(tmp_path: Path) -> None:
    (tmp_path / "iris.csv").write_text("".join(f"{i},{i * 2},{'ab'[i % 2]}\n" for i in range(20)))
    data = load(tmp_path / "iris.csv", target=-1)
    assert data.classes == ("a", "b") and data.input_shape == (2,)
    assert all(label == row[0] % 2 for row, label in zip(*data.train, strict=True))


def test_large_and_small_targets_are_in_both_parts() -> None:
    y = np.exp(np.random.default_rng(0).normal(size=(1000, 1)) * 2).astype(np.float32)
    _, (_, test) = split(np.zeros((1000, 1), np.float32), y, seed=0)
    assert len(test) == 200
    edges = np.quantile(y, np.linspace(0, 1, 11))
    counts, _ = np.histogram(test, edges)
    assert np.all(counts == 20)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_share_of_the_test(share: float, tmp_path: Path) -> None:
    data = load(table(tmp_path, 200), task="regression", target="price", test_share=share)
    assert len(data.test[1]) == 200 * share


@pytest.mark.parametrize("names", [("x", "y"), ("X", "y"), ("x_train", "y_train")])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_an_archive_in_one_piece(names: tuple[str, str], task: str, tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).random((50, 4)), np.arange(50) % 5
    np.savez(tmp_path / "own.npz", **{names[0]: x, names[1]: y})
    data = load(tmp_path / "own.npz", task=task)
    assert (len(data.train[1]), len(data.test[1])) == (40, 10)
    if task == "classification":
        assert np.bincount(data.test[1]).tolist() == [2] * 5
    else:
        assert data.train[1].shape == (40, 1)
    np.savez(tmp_path / "two.npz", x=x, y=np.stack([y, y * 2.0], axis=1))
    assert load(tmp_path / "two.npz", task="regression").outputs == 2


def test_validation_is_taken_from_the_training_part(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", x=np.arange(200.0).reshape(100, 2), y=np.arange(100) % 4)
    data = load(tmp_path / "own.npz")
    held = hold_out(data, 0.25, seed=3)
    assert held.validation is not None
    assert np.bincount(held.validation[1]).tolist() == [5] * 4
    rows = {tuple(row) for row in held.train[0]} | {tuple(row) for row in held.validation[0]}
    assert rows == {tuple(row) for row in data.train[0]} and len(held.train[1]) == 60
    assert held.test is data.test
    again = hold_out(data, 0.25, seed=3)
    assert np.array_equal(again.train[0], held.train[0])
    assert not np.array_equal(hold_out(data, 0.25, seed=4).train[0], held.train[0])
    for share in (0.0, 1.0):
        with pytest.raises(DataError, match="validation: expected a share"):
            hold_out(data, share, 0)


def test_weights_that_balance_classes() -> None:
    y = np.array([0] * 60 + [1] * 30 + [3] * 10)
    weights = np.array(balanced_weights(y, 5))
    assert weights.tolist() == pytest.approx([100 / 180, 100 / 90, 0, 100 / 30, 0])
    assert weights[y].mean() == pytest.approx(1)
    totals = [weights[y][y == c].sum() for c in (0, 1, 3)]
    assert totals == pytest.approx([totals[0]] * 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "regresion"}, "unknown task 'regresion'. Did you mean 'regression'"),
        ({"target": "prize"}, "unknown column 'prize'. Did you mean 'price'"),
        ({"target": 4}, "column 4: expected 1 to 3, or -1 for the last"),
        ({"target": 0}, "column 0: expected 1 to 3"),
        ({"test_share": 1.0}, "test_share: expected a share between 0 and 1"),
        ({"image_size": (0, 3)}, "image_size: expected a height and a width"),
    ],
)
def test_what_is_refused(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        load(table(tmp_path), **options)


def test_words_are_no_numbers(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("1.5,2\ncheap,3\n2.5,4\n")
    with pytest.raises(DataError, match=r"row 2 of the data: expected a finite number to predict, found 'cheap'"):
        load(tmp_path / "own.csv", task="regression")
    with pytest.raises(DataError, match="mnist: task is for data of one's own"):
        load("mnist", task="regression")
    np.savez(tmp_path / "own.npz", x=np.zeros((4, 2)), y=np.array(["a", "b", "a", "b"]))
    with pytest.raises(DataError, match=r"y: expected numbers, .* as targets of regression"):
        load(tmp_path / "own.npz", task="regression")
    np.savez(tmp_path / "own.npz", x=np.zeros((4, 2)), y=np.zeros(3))
    with pytest.raises(DataError, match="y: expected 4 labels"):
        load(tmp_path / "own.npz", task="regression")
