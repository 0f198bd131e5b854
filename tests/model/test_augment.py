"""Augmentation in training: what `fit` does with it, and how it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numbanet as nn
from numbanet.data.augment import NAMED, Augment, get, parse
from numbanet.data.batches import batches, order
from numbanet.data.dataset import Dataset
from numbanet.errors import ModelError
from numbanet.kernels import reference
from numbanet.losses import CrossEntropy
from numbanet.optimizers import SGD, Adam
from numbanet.training.feed import Feed
from numbanet.training.step import TrainStep

from .helpers import BACKENDS, blobs, flat, image_model, small

STRONG = Augment(shift=2, rotate=15, scale=0.2, shear=10, elastic=1, flip=True, cutout=6)


def digits(n: int = 40) -> tuple[Any, Any]:
    x, y = nn.data.load("digits", limit=n).train
    return x, y


@pytest.mark.parametrize("backend", BACKENDS)
def test_fit_trains_on_distorted_batches(backend: str) -> None:
    """The images of each step are those that `Augment` gives for the model's seed, its step and these rows."""
    (x, y), kernels = digits(), BACKENDS[backend]
    fitted, stepped = image_model(seed=3, device=kernels), image_model(seed=3, device=kernels)
    fitted.fit(x, y, epochs=2, batch_size=16, optimizer=SGD(0.1), augment=STRONG)
    step, seen = TrainStep(stepped, SGD(0.1)), []
    for epoch in range(2):
        for rows in batches(order(40, 3, epoch), 16):
            images = STRONG(x, rows, seed=3, step=int(stepped.step[0]))
            seen.append(images[np.argmin(rows)])
            step(images, y[rows])
    if backend == "cpu":
        assert np.array_equal(flat(fitted), flat(stepped))
    else:
        np.testing.assert_allclose(flat(fitted), flat(stepped), atol=1e-4)
    assert not np.array_equal(seen[0], seen[3])  # another epoch, another image


def test_without_distortion_nothing_changes() -> None:
    x, y = digits()
    models = [image_model() for _ in range(4)]
    for model, augment in zip(models, (None, "none", Augment(), Augment(scale=0)), strict=True):
        model.fit(x, y, epochs=2, batch_size=16, augment=augment)
        assert np.array_equal(flat(model), flat(models[0]))
    assert not Augment() and STRONG and Augment(flip=True)


def test_the_same_seed_gives_the_same_weights() -> None:
    x, y = digits()
    models = [image_model(seed=seed) for seed in (1, 1, 2)]
    for model in models:
        model.fit(x, y, epochs=2, batch_size=16, augment=STRONG)
    assert np.array_equal(flat(models[0]), flat(models[1]))
    assert not np.array_equal(flat(models[0]), flat(models[2]))


def test_training_goes_on_from_a_file_as_if_never_stopped(tmp_path: Path) -> None:
    """The step is saved with the model, and it is what decides."""
    x, y = digits()
    options: dict[str, Any] = {"batch_size": 16, "optimizer": SGD(0.1), "shuffle": False, "augment": STRONG}
    whole, first = image_model(), image_model()
    whole.fit(x, y, epochs=2, **options)
    first.fit(x, y, epochs=1, **options)
    first.save(tmp_path / "m.safetensors")
    second = nn.load(tmp_path / "m.safetensors")
    second.fit(x, y, epochs=1, **options)
    assert np.array_equal(flat(second), flat(whole))


def test_labels_and_images_are_untouched_and_so_is_validation() -> None:
    x, y = digits()
    before = x.copy(), y.copy()
    model = image_model()
    history = model.fit(x, y, epochs=1, batch_size=16, augment=STRONG, validation_data=(x, y))
    assert np.array_equal(x, before[0]) and np.array_equal(y, before[1])
    result = model.evaluate(x, y)
    assert history["val_loss"] == [result["loss"]] and history["val_accuracy"] == [result["accuracy"]]
    assert history["loss"][0] != pytest.approx(result["loss"], rel=1e-3)
    rows = np.array([3, 1, 2])
    images, labels = Feed(model, x, y, CrossEntropy(), ("x", "y"), STRONG)(rows)
    assert np.array_equal(labels, y[rows])
    assert np.array_equal(images, STRONG(x, rows, step=int(model.step[0])))


def test_bytes_and_floats_are_distorted_alike() -> None:
    x, _ = digits(10)
    got, want = STRONG((x / 255).astype(np.float32)), STRONG(x)
    assert got.dtype == want.dtype == np.float32
    np.testing.assert_allclose(got, want, atol=1e-6)
    assert want.shape == x.shape and want.min() == 0 and 0.5 < want.max() <= 1
    x.flags.writeable = False
    assert np.array_equal(STRONG(x), want)
    assert not np.array_equal(STRONG(x, step=1), want)
    assert not np.array_equal(STRONG(x, seed=1), want)


def test_it_is_the_oracles_image() -> None:
    x, _ = digits(5)
    batch = np.empty((5, 784))
    rows = np.arange(5)
    reference.augment(batch, x.reshape(5, -1), rows, (28, 28, 1), 1 / 255, STRONG.distortion, 7, np.array([2]))
    np.testing.assert_allclose(STRONG(x, seed=7, step=2).reshape(5, -1), batch, atol=1e-4)


def test_a_network_learns_to_see_through_shifts() -> None:
    """Trained on digits in the middle it fails on shifted ones; trained with shifts it does not."""
    data = nn.data.load("digits", limit=4000)
    shifted = Augment(shift=4)(data.test[0])
    accuracy = {}
    for augment in ("none", "shift=4"):
        model = image_model()
        model.fit(data, epochs=6, batch_size=64, optimizer=Adam(3e-3), augment=augment)
        accuracy[augment] = model.evaluate(shifted, data.test[1])["accuracy"]
    assert accuracy["shift=4"] > accuracy["none"] + 0.1


def test_how_it_is_written() -> None:
    assert parse("shift=2,rotate=10") == get("shift=2, rotate = 10")
    for text, want in (
        ("shift=2,rotate=10", Augment(shift=2, rotate=10)),
        ("flip,cutout=8", Augment(flip=True, cutout=8)),
        ("scale=0.15,elastic=1e-1,shear=5.5", Augment(scale=0.15, elastic=0.1, shear=5.5)),
        ("shift=2.0", Augment(shift=2)),
        ("none", Augment()),
    ):
        assert parse(text) == want
        assert parse(str(want)) == want
    assert str(Augment(flip=True, shift=2)) == "shift=2,flip"
    assert repr(Augment(shift=2, flip=True)) == "Augment(shift=2, flip=True)"
    assert repr(Augment()) == "Augment()"
    assert get(None) == NAMED["none"] and get(STRONG) is STRONG and bool(NAMED["default"])
    assert Augment(**json.loads(json.dumps(STRONG.config()))) == STRONG
    assert nn.Augment is Augment


BAD: list[tuple[Any, str]] = [
    ("rotat=10", "unknown augmentation 'rotat'. Did you mean 'rotate'?"),
    ("defualt", "unknown augmentation 'defualt'. Did you mean 'default'?"),
    ("", "unknown augmentation ''"),
    ("shift=2,", "unknown augmentation ''"),
    ("shift=two", "augmentation shift: expected a number, as in shift=2, found 'two'"),
    ("scale", "augmentation scale: expected a number, as in scale=0.1, found ''"),
    ("flip=yes", "augmentation flip: expected no value, found 'yes'"),
    ("shift=1,shift=2", "augmentation shift: expected once, found twice in 'shift=1,shift=2'"),
    ("shift=1.5", "Augment: shift: expected a whole number from 0 on, found 1.5"),
    ("shift=-1", "Augment: shift: expected a whole number from 0 on, found -1"),
    ("cutout=inf", "Augment: cutout: expected a whole number from 0 on, found inf"),
    ("rotate=181", "Augment: rotate: expected a number from 0 to 180, found 181"),
    ("scale=1", "Augment: scale: expected a number from 0 to 0.9, found 1"),
    ("shear=90", "Augment: shear: expected a number from 0 to 80, found 90"),
    ("elastic=nan", "Augment: elastic: expected a number from 0 on, found nan"),
    (3, "augment: expected an Augment, or a text such as 'default' or 'shift=2,rotate=10', found 3"),
    (Augment(shift=28), "augment: shift: expected fewer than 28 pixels for images of 28 x 28, found 28"),
    (Augment(elastic=1e9), "augment: elastic: expected fewer than 28 pixels"),
    (Augment(cutout=30), "augment: cutout: expected fewer than 28 pixels"),
]


@pytest.mark.parametrize(("augment", "message"), BAD)
def test_what_is_refused(augment: Any, message: str) -> None:
    x, y = digits(8)
    model = image_model()
    before = flat(model)
    with pytest.raises(ModelError) as caught:
        model.fit(x, y, augment=augment)
    assert message in str(caught.value)
    assert np.array_equal(flat(model), before) and model.loss is None


def test_flip_is_true_or_false() -> None:
    with pytest.raises(ModelError, match="Augment: flip: expected True or False, found 1"):
        Augment(flip=1)  # type: ignore[arg-type]


def test_only_images_can_be_distorted() -> None:
    x, y = blobs(8)
    with pytest.raises(ModelError, match=r"expected images, \(height, width, channels\), found .* shape \(6,\)"):
        small().fit(Dataset("blobs", (x, y), (x, y), ("a", "b", "c")), augment="default")
    with pytest.raises(ModelError, match="expected images"):
        STRONG(x)
