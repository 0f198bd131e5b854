"""Metrics against scikit-learn's, batch by batch and at once, and by hand where a number says it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numbanet.errors import ModelError
from numbanet.layers import Dense
from numbanet.training.metrics import METRICS, R2, ClassReport, Precision, TopK, confusion_matrix

from .helpers import blobs, small

theirs = pytest.importorskip("sklearn.metrics", reason="scikit-learn is an extra")


def guesses(n: int = 500, classes: int = 5, seed: int = 0) -> tuple[Any, Any]:
    """Labels and outputs that are right more often than not; one class is never true."""
    rng = np.random.default_rng(seed)
    y = rng.choice(classes - 1, n, p=[0.6, 0.25, 0.1, 0.05])
    return y, rng.normal(size=(n, classes)) + 1.5 * np.eye(classes)[y]


def in_batches(name: str, z: Any, y: Any, loss: str = "cross_entropy") -> float:
    from numbanet import losses

    metric = METRICS[name]()
    metric.check(losses.get(loss), z.shape[1])
    for rows in np.array_split(np.arange(len(z)), 7):
        metric.update(z[rows], y[rows])
    return float(metric.result())


@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_class_by_class(name: str) -> None:
    y, z = guesses()
    found = z.argmax(axis=1)
    of_scikit = {"precision": "precision_score", "recall": "recall_score", "f1": "f1_score"}
    expected = getattr(theirs, of_scikit[name])(y, found, average="macro", zero_division=0)
    assert in_batches(name, z, y) == pytest.approx(expected)
    assert in_batches(name, z, np.eye(5)[y]) == pytest.approx(expected)
    yes = (y[:, None] == np.arange(5)[None, :]).astype(np.float64)
    labels = yes.any(axis=0) | (z > 0).any(axis=0)
    expected = getattr(theirs, of_scikit[name])(yes[:, labels], z[:, labels] > 0, average="macro", zero_division=0)
    assert in_batches(name, z, yes, "binary_cross_entropy") == pytest.approx(expected)
    expected = getattr(theirs, of_scikit[name])(y == 0, z[:, 0] > 0)
    assert in_batches(name, z[:, :1], (y == 0)[:, None], "binary_cross_entropy") == pytest.approx(expected)


def test_the_confusion_matrix_and_its_report() -> None:
    y, z = guesses()
    found = z.argmax(axis=1)
    counts = confusion_matrix(y, found, 5)
    np.testing.assert_array_equal(counts, theirs.confusion_matrix(y, found, labels=range(5)))
    report = ClassReport.of(counts)
    precision, recall, f1, examples = theirs.precision_recall_fscore_support(y, found, labels=range(5), zero_division=0)
    for ours, other in zip((report.precision, report.recall, report.f1, report.examples),
                           (precision, recall, f1, examples), strict=True):  # fmt: skip
        np.testing.assert_allclose(ours, other)
    assert report.macro(report.f1) == pytest.approx(theirs.f1_score(y, found, average="macro", zero_division=0))
    assert report.accuracy == np.mean(found == y)
    nothing = ClassReport.of(np.zeros((3, 3), np.int64))
    assert nothing.macro(nothing.f1) == 0 == nothing.accuracy


@pytest.mark.parametrize("k", [1, 3, 5])
def test_top_k(k: int) -> None:
    y, z = guesses()
    metric = TopK(k)
    metric.update(z, y)
    assert metric.result() == pytest.approx(theirs.top_k_accuracy_score(y, z, k=k, labels=range(5)))
    assert METRICS["top3"]().name == "top3"


@pytest.mark.parametrize("shift", [0.0, 1e6])
@pytest.mark.parametrize("outputs", [1, 3])
def test_regression(outputs: int, shift: float) -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=(300, outputs)) * [1, 10, 0.1][:outputs] + shift
    z = y + rng.normal(size=y.shape) * 0.3
    assert in_batches("r2", z, y, "mse") == pytest.approx(theirs.r2_score(y, z), rel=1e-8)
    assert in_batches("mae", z, y, "mse") == pytest.approx(theirs.mean_absolute_error(y, z))
    assert in_batches("mse", z, y, "mae") == pytest.approx(theirs.mean_squared_error(y, z))


def test_targets_that_are_all_the_same() -> None:
    for z, expected in ((np.ones((9, 1)), 1.0), (np.zeros((9, 1)), 0.0)):
        assert in_batches("r2", z, np.ones((9, 1)), "mse") == expected
    assert R2().result() == 0


def test_through_evaluate_and_fit() -> None:
    x, y = blobs(60)
    model = small()
    names = ["accuracy", "precision", "recall", "f1", TopK(2)]
    history = model.fit(x, y, epochs=2, batch_size=16, metrics=names, validation_data=(x, y))
    result = model.evaluate(x, y, metrics=names, batch_size=7)
    assert result["f1"] == pytest.approx(theirs.f1_score(y, model.predict(x).argmax(axis=1), average="macro"))
    assert history["val_f1"][-1] == pytest.approx(result["f1"])
    assert 0 < history["f1"][0] <= 1
    line = small(Dense(1))
    line.fit(x, x[:, :1] * 3, loss="mse", metrics=["r2", "mae"], epochs=3)
    assert line.evaluate(x, x[:, 0] * 3, metrics="r2")["r2"] == pytest.approx(
        theirs.r2_score(x[:, 0] * 3, line.predict(x)[:, 0])
    )


def test_what_makes_no_sense() -> None:
    x, y = blobs(8)
    with pytest.raises(ModelError, match="metric r2: expected a loss of regression, got cross_entropy"):
        small().evaluate(x, y, metrics=["r2"])
    with pytest.raises(ModelError, match="metric f1: expected a loss of classification, got mse on one output"):
        small(Dense(1)).evaluate(x, y, loss="mse", metrics=["f1"])
    assert Precision().result() == 0
