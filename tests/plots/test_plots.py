"""Figures: what is on them, on which scale, and that nothing covers anything else."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from numbanet.errors import PlotError
from numbanet.plots import (
    Explained,
    Mistake,
    confusion,
    explanation,
    feature_maps,
    filters,
    mistakes,
    require_matplotlib,
    to_png,
)
from numbanet.plots.tiles import Grid, columns_for

from .helpers import assert_good, images, pixels, texts

pytest.importorskip("matplotlib", reason="drawing needs matplotlib, which the extra `plot` brings")

RANDOM = np.random.default_rng(0)
DIGITS = tuple("0123456789")
CLOTHES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


def random_counts(classes: int, accuracy: float, examples: int = 1000) -> np.ndarray:
    wrong = RANDOM.multinomial(round(examples * (1 - accuracy)), RANDOM.dirichlet(np.full(classes, 0.3)), classes)
    return np.asarray(wrong + np.diag(examples - wrong.sum(axis=1)))


class TestFilters:
    """Weights as pictures."""

    @pytest.mark.parametrize(
        "shape",
        [(3, 3, 1, 32), (5, 5, 1, 6), (28, 28, 1, 64), (3, 3, 3, 16), (1, 1, 3, 4), (3, 3, 40, 8), (7, 2, 1, 1)],
    )
    def test_a_picture_for_each_on_one_scale(self, shape: tuple[int, ...]) -> None:
        kernels = RANDOM.normal(size=shape).astype(np.float32)
        figure = filters(kernels, "net", "note")
        shown = images(figure)
        channels = min(shape[2], 16)
        assert len(shown) == shape[3] * channels
        np.testing.assert_array_equal(shown[channels].get_array() if len(shown) > channels else kernels[..., 0, 0],
                                      kernels[..., 0, 1] if len(shown) > channels else kernels[..., 0, 0])  # fmt: skip
        low, high = shown[0].get_clim()
        assert low == -high
        assert 0.6 * np.abs(kernels).max() < high <= np.abs(kernels).max()
        assert {image.get_clim() for image in shown} == {(low, high)}
        assert {image.get_cmap().name for image in shown} == {"RdBu_r"}
        assert "weight" in texts(figure)
        assert ("the first 16 channels" in " ".join(texts(figure))) == (shape[2] == 40)
        assert_good(figure)

    def test_zero_is_white_even_where_nothing_is_negative(self) -> None:
        low, high = images(filters(np.full((3, 3, 1, 4), 2.0), "net"))[0].get_clim()
        assert (low, high) == (-2.0, 2.0)

    def test_nothing_but_zeros(self) -> None:
        to_png(filters(np.zeros((3, 3, 1, 4)), "net"))


class TestConfusion:
    """Counts, shares and recall."""

    @pytest.mark.parametrize(
        ("classes", "accuracy"), [(DIGITS, 0.99), (CLOTHES, 0.88), (("no", "yes"), 0.7), (tuple("abcdefghijklmnopqrstuvwxyz"), 0.9),
                                  (tuple(f"class {i}" for i in range(100)), 0.6)],
        ids=["digits", "clothes", "two", "letters", "hundred"],
    )  # fmt: skip
    def test_it_is_good(self, classes: tuple[str, ...], accuracy: float) -> None:
        assert_good(confusion(random_counts(len(classes), accuracy), classes, "a model on some data"))

    def test_the_diagonal_does_not_drown_the_mistakes(self) -> None:
        counts = np.array([[990, 10, 0], [0, 999, 1], [20, 0, 980]])
        drawn = images(confusion(counts, ("a", "b", "c"), "title"))[0]
        shares = np.ma.filled(drawn.get_array(), np.nan)
        assert np.isnan(np.diag(shares)).all()
        assert drawn.get_clim()[1] == 0.02
        np.testing.assert_allclose(shares[0, 1], 0.01)

    def test_counts_percent_accuracy_and_recall(self) -> None:
        found = texts(confusion(np.array([[1990, 10], [30, 970]]), ("cat", "dog"), "title"))
        for text in ("1,990", "10", "0.5%", "30", "3.0%", "970", "99.5%", "97.0%", "cat", "dog", "title"):
            assert text in found
        assert "accuracy 98.67%: 40 of 3,000 wrong" in found

    def test_many_classes_have_colors_and_no_numbers(self) -> None:
        counts = random_counts(60, 0.5)
        counts[0, 1] = 123_456
        found = texts(confusion(counts, [f"c{i}" for i in range(60)], "title"))
        assert "123,456" not in found
        assert "c59" in found

    def test_a_class_without_examples_and_a_model_without_mistakes(self) -> None:
        figure = confusion(np.diag([5, 0, 7]), ("a", "b", "c"), "title")
        assert "no examples" in texts(figure)
        assert "accuracy 100.00%: 0 of 12 wrong" in texts(figure)
        assert_good(figure)

    def test_names_are_not_mathematics(self) -> None:
        to_png(confusion(np.diag([5, 6]), ("$x$", "$\\nonsense{$"), "100$ or 200$"))


class TestMistakes:
    """Images with what they are and what they were taken for."""

    @pytest.mark.parametrize(
        ("count", "shape"), [(1, (28, 28, 1)), (24, (28, 28, 1)), (7, (32, 32, 3)), (60, (20, 10, 1))]
    )
    def test_it_is_good(self, count: int, shape: tuple[int, ...]) -> None:
        found = [
            Mistake(RANDOM.random(shape), 9990 + i, CLOTHES[i % 10], CLOTHES[(i + 1) % 10], 1 - 0.001 * i)
            for i in range(count)
        ]
        figure = mistakes(found, "net: sure, and wrong", f"the surest {count} of 100 mistakes")
        assert len(images(figure)) == count
        words = texts(figure)
        for text in ("saw Trouser", "is T-shirt/top", "100.0%", "#9990"):
            assert text in words
        assert_good(figure)

    def test_long_names_are_cut(self) -> None:
        found = [
            Mistake(np.zeros((8, 8, 1)), i, "a very long class name indeed", "another one as long", 0.5)
            for i in range(8)
        ]
        figure = mistakes(found, "title")
        assert any(text.endswith("…") for text in texts(figure))
        assert_good(figure)


class TestFeatureMaps:
    """A band for each layer."""

    def outputs(self) -> list[tuple[str, np.ndarray]]:
        return [
            ("0_conv2d", np.maximum(RANDOM.normal(size=(26, 26, 40)), 0)),
            ("1_max_pool2d", RANDOM.normal(size=(13, 13, 6))),
            ("2_lstm", RANDOM.normal(size=(28, 64))),
            ("3_global", RANDOM.normal(size=(1, 1, 16))),
            ("4_dense", np.maximum(RANDOM.normal(size=500), 0)),
            ("5_dense", RANDOM.normal(size=10)),
        ]

    @pytest.mark.parametrize("classes", [DIGITS, CLOTHES], ids=["digits", "clothes"])
    def test_maps_bars_and_names(self, classes: tuple[str, ...]) -> None:
        figure = feature_maps(RANDOM.random((28, 28, 1)), self.outputs(), "net", "note", classes, most=32)
        assert len(images(figure)) == 1 + 32 + 6 + 1
        words = texts(figure)
        assert "0_conv2d: 40 maps of 26 x 26, the first 32" in words
        assert "1_max_pool2d: 6 maps of 13 x 13" in words
        assert classes[0] in words
        assert_good(figure)

    def test_a_layers_maps_share_a_scale_and_layers_do_not(self) -> None:
        outputs = self.outputs()[:2]
        shown = images(feature_maps(RANDOM.random((28, 28, 1)), outputs, "net"))[1:]
        first, second = shown[:32], shown[32:]
        assert {image.get_clim() for image in first} == {(0.0, outputs[0][1].max())}
        assert {image.get_cmap().name for image in first} == {"viridis"}
        largest = np.abs(outputs[1][1]).max()
        assert {image.get_clim() for image in second} == {(-largest, largest)}
        assert {image.get_cmap().name for image in second} == {"RdBu_r"}

    @pytest.mark.parametrize("shape", [(32, 32, 3), (60, 20, 1), (10, 40, 1)])
    def test_any_image(self, shape: tuple[int, ...]) -> None:
        assert_good(feature_maps(RANDOM.random(shape), self.outputs(), "net"))

    def test_without_an_image(self) -> None:
        figure = feature_maps(None, [("table", RANDOM.random(9)), ("0_dense", RANDOM.normal(size=3))], "net")
        assert "table: 9 outputs" in texts(figure)
        assert_good(figure)

    def test_dead_units(self) -> None:
        to_png(feature_maps(np.zeros((8, 8, 1)), [("0_conv2d", np.zeros((8, 8, 4))), ("1", np.zeros(9))], "net"))


class TestExplanation:
    """One prediction."""

    def explained(self, names: tuple[str, ...] = DIGITS, label: int | None = 3, **changes: Any) -> Explained:
        probabilities = np.full(len(names), 0.01)
        probabilities[3] = 1 - 0.01 * (len(names) - 1)
        made = Explained(
            image=RANDOM.random((28, 28, 1)),
            names=names,
            probabilities=probabilities,
            label=label,
            saliency=RANDOM.normal(size=(28, 28, 1)),
            features=("0_conv2d", np.maximum(RANDOM.normal(size=(26, 26, 32)), 0)),
        )
        return replace(made, **changes)

    @pytest.mark.parametrize("label", [3, 4, None])
    @pytest.mark.parametrize("names", [DIGITS, CLOTHES, tuple(f"a rather long name {i}" for i in range(40))])
    def test_it_is_good(self, names: tuple[str, ...], label: int | None) -> None:
        figure = explanation(self.explained(names, label), "mnist test 0: 3 (91.0%), right")
        assert len(images(figure)) == 2 + 32
        found = texts(figure)
        assert f"{100 * (1 - 0.01 * (len(names) - 1)):.1f}%" in found
        assert_good(figure)

    @pytest.mark.parametrize("shape", [(32, 32, 3), (40, 20, 1), (12, 36, 1)])
    def test_any_image(self, shape: tuple[int, ...]) -> None:
        image, gradient = RANDOM.random(shape), RANDOM.normal(size=shape)
        assert_good(explanation(self.explained(image=image, saliency=gradient), "title"))

    def test_bars_for_a_dense_layer(self) -> None:
        features = ("0_dense", np.maximum(RANDOM.normal(size=192), 0))
        figure = explanation(self.explained(features=features), "title")
        assert len(images(figure)) == 2
        assert_good(figure)

    def test_the_saliency_has_its_sign_and_zero_in_the_middle(self) -> None:
        gradient = RANDOM.normal(size=(28, 28, 3))
        image = RANDOM.random((28, 28, 3))
        drawn = images(explanation(self.explained(image=image, saliency=gradient), "title"))[1]
        np.testing.assert_allclose(drawn.get_array(), gradient.sum(axis=2))
        low, high = drawn.get_clim()
        assert low == -high == -np.abs(gradient.sum(axis=2)).max()

    def test_the_true_class_is_among_the_likeliest_ones(self) -> None:
        names = tuple(f"class {i}" for i in range(40))
        found = texts(explanation(self.explained(names, label=39), "title"))
        assert "class 39" in found
        assert "1.0%  true class" in found

    def test_a_gradient_of_zero(self) -> None:
        to_png(explanation(self.explained(saliency=np.zeros((28, 28, 1))), "title"))


def test_columns_make_a_landscape_without_holes() -> None:
    assert columns_for(1, 1, 1) == 1
    assert columns_for(32, 1, 1) == 8
    assert columns_for(64, 1, 1) in (8, 16)
    for count in range(1, 200):
        assert 1 <= columns_for(count, 1, 1) <= 16


def test_a_grid_ends_where_its_last_picture_does() -> None:
    grid = Grid(7, 3, 1.0, 0.5, gap=0.1, caption=0.2)
    assert grid.rows == 3
    assert grid.corner(6) == pytest.approx((0.0, 2 * 0.8))
    assert grid.total_width == pytest.approx(3.2)
    assert grid.total_height == pytest.approx(3 * 0.8 - 0.1)
    assert Grid(6, 6, 1.0, 1.0, gap=0.1, group=3).corner(3)[0] == pytest.approx(3 * 1.1 + 0.2)


def test_the_users_style_neither_shows_nor_changes() -> None:
    import matplotlib

    with matplotlib.rc_context({"text.color": "#ff0000", "figure.facecolor": "black", "font.size": 30}):
        before = dict(matplotlib.rcParams)
        figure = confusion(np.diag([5, 6]), ("a", "b"), "title")
        assert_good(figure)
        assert dict(matplotlib.rcParams) == before
        found = pixels(to_png(figure))[..., :3]
    red = (found[..., 0] > 0.9) & (found[..., 1:] < 0.1).all(axis=-1)
    assert not red.any()


def test_a_giant_stays_small_enough_for_a_viewer() -> None:
    found = [Mistake(np.zeros((8, 8, 1)), i, "a", "b", 0.5) for i in range(10)]
    figure = mistakes(found, "title")
    figure.set_size_inches(2, 1000)
    assert pixels(to_png(figure)).shape[0] < 40_000


def test_without_matplotlib_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for draw in (require_matplotlib, lambda: filters(np.zeros((3, 3, 1, 4)), "net")):
        with pytest.raises(PlotError, match=r'pip install "numbanet\[plot\]"'):
            draw()
