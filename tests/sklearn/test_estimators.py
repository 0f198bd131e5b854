"""The estimators: scikit-learn's own checks, and what people do with estimators."""

from __future__ import annotations

import copy
import pickle
import sys
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is an extra")

from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_blobs, make_classification, make_regression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from numbanet.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, MaxPool2D
from numbanet.optimizers import SGD
from numbanet.sklearn import NetClassifier, NetRegressor
from numbanet.training.callbacks import Callback, Progress

QUICK: dict[str, Any] = {"epochs": 20, "random_state": 0}


@parametrize_with_checks([NetClassifier(), NetRegressor()])
def test_scikit_learn_s_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def blobs() -> Any:
    return make_blobs(300, n_features=5, centers=3, random_state=0)


def test_words_and_probabilities() -> None:
    x, y = blobs()
    words = np.array(["ant", "bee", "cat"])[y]
    net = NetClassifier(**QUICK).fit(x, words)
    assert net.score(x, words) > 0.97 and net.n_iter_ == 20 and len(net.history_["loss"]) == 20
    assert net.classes_.tolist() == ["ant", "bee", "cat"]
    p = net.predict_proba(x)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(net.predict_log_proba(x), np.log(p), atol=1e-9)
    assert np.array_equal(net.classes_[p.argmax(axis=1)], net.predict(x))


def test_a_pipeline_in_a_grid_search() -> None:
    x, y = make_classification(200, 10, random_state=0)
    pipeline = make_pipeline(StandardScaler(), NetClassifier(epochs=10, random_state=0))
    grid = {"netclassifier__hidden": [(8,), (16, 8)], "netclassifier__dropout": [0.0, 0.3]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(x, y)
    assert search.best_score_ > 0.7 and len(search.cv_results_["params"]) == 4
    assert search.best_estimator_.predict(x).shape == (200,)


def test_any_layer_stack_on_rows_that_are_images() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 120)
    x = rng.random((120, 10, 10)) * 0.4
    x[y == 1, 2:5, 2:5] += 0.6
    layers = (Conv2D(4, 3, activation="relu"), BatchNorm(), MaxPool2D(2), Flatten(), Dropout(0.1), Dense(8, "relu"))
    net = NetClassifier(layers=layers, input_shape=(10, 10, 1), epochs=25, lr=0.01, random_state=0)
    assert cross_val_score(net, x.reshape(120, -1), y, cv=3).mean() > 0.9
    net.fit(x.reshape(120, -1), y).fit(x.reshape(120, -1), y)
    assert layers[0].name == "Conv2D", "the user's own layers were taken"
    with pytest.raises(ValueError, match=r"input_shape: expected a shape of 99 features"):
        net.fit(x.reshape(120, -1)[:, :99], y)


def test_early_stopping_keeps_the_best_weights() -> None:
    x, y = make_blobs(300, n_features=5, centers=3, cluster_std=6.0, random_state=0)
    net = NetClassifier(epochs=500, early_stopping=True, patience=3, min_delta=0.0, random_state=0).fit(x, y)
    assert net.n_iter_ < 500
    assert int(np.argmin(net.history_["val_loss"])) == net.n_iter_ - 4
    line = NetRegressor(epochs=500, early_stopping=True, patience=3, lr=0.03, random_state=0).fit(x, x @ np.arange(5))
    assert line.n_iter_ < 500 and line.score(x, x @ np.arange(5)) > 0.95


def test_regression_in_any_units() -> None:
    x, y = make_regression(300, 6, noise=1.0, random_state=0)
    for scale, shift in ((1.0, 0.0), (1e6, 5e8), (1e-6, 0.0)):
        net = NetRegressor(lr=0.01, **QUICK).fit(x, y * scale + shift)
        assert net.score(x, y * scale + shift) > 0.97, scale
    both = NetRegressor(lr=0.01, **QUICK).fit(x, np.stack([y, -100 * y], axis=1))
    assert both.predict(x).shape == (300, 2) and both.score(x, np.stack([y, -100 * y], axis=1)) > 0.97
    for loss in ("mae", "huber"):
        assert NetRegressor(lr=0.01, loss=loss, epochs=40, random_state=0).fit(x, y).score(x, y) > 0.9
    TransformedTargetRegressor(NetRegressor(**QUICK), func=np.arcsinh, inverse_func=np.sinh).fit(x, y)


def test_the_seed_decides() -> None:
    x, y = blobs()
    one, again, other = (NetClassifier(epochs=3, dropout=0.2, random_state=seed).fit(x, y) for seed in (1, 1, 2))
    assert np.array_equal(one.predict_proba(x), again.predict_proba(x))
    assert not np.array_equal(one.predict_proba(x), other.predict_proba(x))


def test_pickle_deepcopy_and_clone() -> None:
    x, y = blobs()
    for net in (NetClassifier(**QUICK).fit(x, y), NetRegressor(**QUICK).fit(x, x[:, 0])):
        for other in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
            assert np.array_equal(other.predict(x), net.predict(x))
            assert other.get_params() == net.get_params()
        fresh = clone(net)
        assert not hasattr(fresh, "model_") and fresh.get_params() == net.get_params()
        assert repr(fresh) == f"{type(net).__name__}(epochs=20, random_state=0)"


def test_classes_of_which_one_is_rare() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(600) < 0.05).astype(int)
    x = rng.normal(size=(600, 2)) + 1.0 * y[:, None]
    plain, balanced = (NetClassifier(class_weight=w, **QUICK).fit(x, y) for w in (None, "balanced"))
    assert (balanced.predict(x)[y == 1] == 1).mean() > (plain.predict(x)[y == 1] == 1).mean() + 0.3


def test_optimizers_schedules_and_callbacks() -> None:
    x, y = blobs()
    seen: list[int] = []

    class Count(Callback):
        def on_epoch_end(self, progress: Progress) -> None:
            seen.append(progress.epoch)

    net = NetClassifier(optimizer=SGD(0.1, momentum=0.9), callbacks=(Count(),), **QUICK).fit(x, y)
    assert net.score(x, y) > 0.97 and seen == list(range(1, 21))
    net = NetClassifier(optimizer="adamw", lr=0.01, schedule="one_cycle", l2=1e-4, clip_norm=1.0, label_smoothing=0.1,
                        dtype="float64", **QUICK).fit(x, y)  # fmt: skip
    assert net.score(x, y) > 0.97


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": -1}, "fit: epochs"),
        ({"optimizer": "adma"}, "unknown optimizer 'adma'"),
        ({"activation": "rleu"}, "rleu"),
        ({"dropout": 1.5}, "Dropout"),
        ({"class_weight": "fair"}, "class_weight: expected None, 'balanced' or a dict"),
        ({"early_stopping": True, "patience": 0}, "EarlyStopping: patience"),
    ],
)
def test_wrong_parameters_are_value_errors(options: dict[str, Any], message: str) -> None:
    x, y = blobs()
    with pytest.raises(ValueError, match=message):
        NetClassifier(**options).fit(x, y)


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    monkeypatch.delitem(sys.modules, "numbanet.sklearn")
    with pytest.raises(ImportError, match=r'pip install "numbanet\[sklearn\]"'):
        __import__("numbanet.sklearn")
