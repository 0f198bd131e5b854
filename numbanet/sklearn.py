"""Networks as scikit-learn estimators: in pipelines, grid searches and cross-validation (extra `sklearn`).

    from numbanet.sklearn import NetClassifier
    search = GridSearchCV(NetClassifier(epochs=50), {"hidden": [(64,), (128, 64)], "dropout": [0.0, 0.2]})
    search.fit(x, y)

Both follow scikit-learn's conventions to the letter, and pass its `check_estimator`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from numbanet import optimizers, serialize
from numbanet.configurable import from_config
from numbanet.data.examples import balanced_weights
from numbanet.errors import ModelError, NumbanetError
from numbanet.layers import LAYERS, Dense, Dropout, Layer, Normalize, Reshape
from numbanet.losses import CrossEntropy, Loss
from numbanet.model import Sequential
from numbanet.optimizers import Optimizer
from numbanet.schedules import Schedule
from numbanet.training.callbacks import Callback, EarlyStopping
from numbanet.zoo.units import in_units_of

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.exceptions import DataConversionWarning
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as missing:
    raise ImportError(
        f"numbanet.sklearn needs scikit-learn 1.6 or newer, which is not here ({missing}). Install the extra: "
        'pip install "numbanet[sklearn]".'
    ) from None


class _Net(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A network for rows of features. What both estimators take:

    - `hidden`: widths of dense layers with `activation`, each followed by dropout at the rate `dropout`;
    - `layers`: any layers in their place, such as `(Conv2D(8, 3), Flatten())`; the last dense layer is added to these;
    - `input_shape`: the shape that a row of features is given, such as (28, 28, 1) for images;
    - `normalize`: whether features are brought to mean 0 and deviation 1 first, as the training data have them;
    - `epochs`, `batch_size`, and `shuffle`d or not;
    - `optimizer` by name, with the learning rate `lr` (None: its own) and a `schedule`, `l1`, `l2`, `weight_decay` and
      `clip_norm`; or an optimizer object, which has all these itself;
    - `early_stopping`: holds out `validation_fraction` of the examples, stops when their loss has not become better by
      `min_delta` for `patience` epochs, and keeps the best weights;
    - `callbacks` for the training;
    - `random_state` decides first weights, order, dropout and what is held out; `dtype` of the numbers.
    """

    hidden: Sequence[int]
    activation: str
    dropout: float
    layers: Sequence[Layer] | None
    input_shape: Sequence[int] | None
    normalize: bool
    epochs: int
    batch_size: int
    shuffle: bool
    optimizer: Optimizer | str
    lr: float | None
    schedule: Schedule | str | None
    l1: float
    l2: float
    weight_decay: float
    clip_norm: float | None
    early_stopping: bool
    patience: int
    min_delta: float
    validation_fraction: float
    callbacks: Sequence[Callback]
    random_state: Any
    dtype: str

    def _build(self, features: int, outputs: int, seed: int) -> Sequential:
        shape = tuple(self.input_shape) if self.input_shape is not None else (features,)
        if int(np.prod(shape)) != features:
            raise ModelError(f"input_shape: expected a shape of {features} features, as in X, found {shape}.")
        layers: list[Layer] = [Normalize()] if self.normalize else []
        if shape != (features,):
            layers.append(Reshape(shape))
        if self.layers is None:
            for width in self.hidden:
                layers.append(Dense(width, self.activation))
                if self.dropout:
                    layers.append(Dropout(self.dropout))
        else:  # an estimator's parameters belong to the user, and layers to one model: make them anew
            described = ({"type": type(layer).__name__, **layer.config()} for layer in self.layers)
            layers.extend(from_config("layer", LAYERS, layer) for layer in described)
        return Sequential(*layers, Dense(outputs), input_shape=(features,), seed=seed, dtype=self.dtype)

    def _optimizer(self) -> Optimizer:
        if isinstance(self.optimizer, Optimizer):
            return self.optimizer
        given = {} if self.lr is None else {"lr": self.lr}
        more = {"weight_decay": self.weight_decay} if self.weight_decay else {}  # adamw has its own
        return optimizers.get(
            self.optimizer, schedule=self.schedule, l1=self.l1, l2=self.l2, clip_norm=self.clip_norm, **given, **more
        )

    def _train(self, x: NDArray[Any], y: NDArray[Any], outputs: int, loss: Loss | str, stratify: Any) -> Self:
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        callbacks, validation = list(self.callbacks), None
        try:
            if self.early_stopping:
                x, x_held, y, y_held = train_test_split(
                    x, y, test_size=self.validation_fraction, random_state=seed, stratify=stratify
                )
                validation = (x_held, y_held)
                callbacks.append(EarlyStopping(self.patience, min_delta=self.min_delta))
            model = self._build(x.shape[1], outputs, seed)
            if stratify is None:
                model = in_units_of(model, y)
            history = model.fit(
                x,
                y,
                epochs=self.epochs,
                batch_size=self.batch_size,
                optimizer=self._optimizer(),
                loss=loss,
                metrics=[],
                validation_data=validation,
                callbacks=callbacks,
                shuffle=self.shuffle,
            )
        except NumbanetError as error:  # scikit-learn and its users expect this one
            raise ValueError(str(error)) from error
        self.model_, self.history_, self.n_iter_ = model, dict(history), history.epochs
        return self

    def _outputs(self, x: Any) -> NDArray[Any]:
        check_is_fitted(self)
        x = validate_data(self, x, reset=False, dtype=self._dtypes())
        return self.model_.predict(x)

    def _dtypes(self) -> list[Any]:
        """What an X may be made of, without a copy."""
        return [np.dtype(self.dtype), np.float64, np.float32]

    def __getstate__(self) -> dict[str, Any]:
        """For pickle: a model as its description and its tensors."""
        state = dict(super().__getstate__())
        model = state.pop("model_", None)
        if model is not None:
            tensors = {name: np.array(array) for name, array in serialize.tensors_of(model).items()}
            state["_packed"] = (serialize.description_of(model), tensors)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """From a pickle."""
        state = dict(state)
        packed = state.pop("_packed", None)
        super().__setstate__(state)
        if packed is not None:
            description, tensors = packed
            self.model_ = serialize.build(description, tensors, Path("pickled estimator"), "cpu")


class NetClassifier(ClassifierMixin, _Net):  # type: ignore[misc]
    """A network that tells classes apart. X [n, features]; y [n] of numbers or words.

    `class_weight`: None, "balanced", or a dict from class to weight. `label_smoothing` as in `CrossEntropy`. After
    `fit`: `classes_`, `model_` (a `Sequential` whose outputs are logits), `history_`, `n_iter_` epochs. All other
    parameters are those of `_Net`:
    """

    def __init__(
        self,
        hidden: Sequence[int] = (100,),
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        layers: Sequence[Layer] | None = None,
        input_shape: Sequence[int] | None = None,
        normalize: bool = True,
        epochs: int = 100,
        batch_size: int = 32,
        shuffle: bool = True,
        optimizer: Optimizer | str = "adam",
        lr: float | None = None,
        schedule: Schedule | str | None = None,
        l1: float = 0.0,
        l2: float = 0.0,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        early_stopping: bool = False,
        patience: int = 10,
        min_delta: float = 1e-4,
        validation_fraction: float = 0.1,
        callbacks: Sequence[Callback] = (),
        random_state: Any = None,
        dtype: str = "float32",
        class_weight: Mapping[Any, float] | str | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.dropout = dropout
        self.layers = layers
        self.input_shape = input_shape
        self.normalize = normalize
        self.epochs = epochs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.optimizer = optimizer
        self.lr = lr
        self.schedule = schedule
        self.l1 = l1
        self.l2 = l2
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.early_stopping = early_stopping
        self.patience = patience
        self.min_delta = min_delta
        self.validation_fraction = validation_fraction
        self.callbacks = callbacks
        self.random_state = random_state
        self.dtype = dtype
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing

    def fit(self, X: Any, y: Any) -> Self:
        """Train on X [n, features] and the classes y [n]. Raises `ValueError`."""
        X, y = validate_data(self, X, y, dtype=self._dtypes())
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        codes = codes.reshape(-1).astype(np.int64)
        if len(self.classes_) < 2:
            raise ValueError(f"y: expected at least two classes, found one class alone, {self.classes_[0]!s}.")
        loss = CrossEntropy(self.label_smoothing, self._weights(codes))
        return self._train(X, codes, len(self.classes_), loss, stratify=codes)

    def _weights(self, codes: NDArray[np.int64]) -> tuple[float, ...] | None:
        if self.class_weight is None:
            return None
        if isinstance(self.class_weight, str):
            if self.class_weight != "balanced":
                raise ValueError(f"class_weight: expected None, 'balanced' or a dict, found {self.class_weight!r}.")
            return balanced_weights(codes, len(self.classes_))
        return tuple(float(self.class_weight.get(label, 1.0)) for label in self.classes_)

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """The probability of each of `classes_`, [n, classes]."""
        logits = self._outputs(X).astype(np.float64)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """The logarithms of the probabilities."""
        logits = self._outputs(X).astype(np.float64)
        below = logits - logits.max(axis=1, keepdims=True)
        return np.asarray(below - np.log(np.exp(below).sum(axis=1, keepdims=True)))

    def predict(self, X: Any) -> NDArray[Any]:
        """The likeliest class of each row."""
        best = self._outputs(X).argmax(axis=1)
        return np.asarray(self.classes_[best])


class NetRegressor(RegressorMixin, _Net):  # type: ignore[misc]
    """A network that predicts numbers. X [n, features]; y [n], or [n, outputs] for several at once.

    `loss`: "mse", "mae", "huber" or a `Loss`. The targets are brought to mean 0 and deviation 1 within the model, whose
    outputs are in their own units. After `fit`: `model_` (a `Sequential`), `history_`, `n_iter_` epochs. All other
    parameters are those of `_Net`:
    """

    def __init__(
        self,
        hidden: Sequence[int] = (100,),
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        layers: Sequence[Layer] | None = None,
        input_shape: Sequence[int] | None = None,
        normalize: bool = True,
        epochs: int = 100,
        batch_size: int = 32,
        shuffle: bool = True,
        optimizer: Optimizer | str = "adam",
        lr: float | None = None,
        schedule: Schedule | str | None = None,
        l1: float = 0.0,
        l2: float = 0.0,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        early_stopping: bool = False,
        patience: int = 10,
        min_delta: float = 1e-4,
        validation_fraction: float = 0.1,
        callbacks: Sequence[Callback] = (),
        random_state: Any = None,
        dtype: str = "float32",
        loss: Loss | str = "mse",
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.dropout = dropout
        self.layers = layers
        self.input_shape = input_shape
        self.normalize = normalize
        self.epochs = epochs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.optimizer = optimizer
        self.lr = lr
        self.schedule = schedule
        self.l1 = l1
        self.l2 = l2
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.early_stopping = early_stopping
        self.patience = patience
        self.min_delta = min_delta
        self.validation_fraction = validation_fraction
        self.callbacks = callbacks
        self.random_state = random_state
        self.dtype = dtype
        self.loss = loss

    def fit(self, X: Any, y: Any) -> Self:
        """Train on X [n, features] and the numbers y [n] or [n, outputs]. Raises `ValueError`."""
        X, y = validate_data(self, X, y, dtype=self._dtypes(), multi_output=True, y_numeric=True)
        self._flat = y.ndim == 1
        if y.ndim == 2 and y.shape[1] == 1:
            message = "A column-vector y was passed when a 1d array was expected; predictions have its shape."
            warnings.warn(message, DataConversionWarning, stacklevel=2)
        targets = y.reshape(len(y), -1).astype(np.float64)
        return self._train(X, targets, targets.shape[1], self.loss, stratify=None)

    def predict(self, X: Any) -> NDArray[Any]:
        """A number for each row, or several."""
        found = self._outputs(X).astype(np.float64)
        return found[:, 0] if self._flat else found

    def __sklearn_tags__(self) -> Any:
        """Several targets at once are fine."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
