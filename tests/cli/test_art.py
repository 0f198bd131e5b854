"""Pictures and bars, in color, in Unicode, in ASCII."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console
from rich.text import Text

from numbanet.cli.art import is_image, picture, reduced, to_unit
from numbanet.cli.bars import bar


class Stream(io.StringIO):
    """A terminal's or a file's end, in some encoding."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


def console(encoding: str = "utf-8", color: str | None = None) -> Console:
    return Console(file=Stream(encoding), color_system=color, force_terminal=color is not None, width=100)  # type: ignore[arg-type]


STEP = np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 0.5], [0.0, 0.5]])[..., None]


def test_without_color_halves_and_shades() -> None:
    assert picture(console(), STEP).plain == "▄█\n ▒"


def test_in_ascii() -> None:
    text = picture(console("ascii"), STEP).plain
    assert text.isascii()
    assert text == "=@\n ="


def test_in_color_each_character_is_two_pixels() -> None:
    text = picture(console(color="truecolor"), STEP)
    assert text.plain == "▀▀\n▀▀"
    assert [str(span.style) for span in text.spans][:2] == ["#000000 on #ffffff", "#ffffff on #ffffff"]


def test_rgb_keeps_its_colors() -> None:
    text = picture(console(color="truecolor"), np.array([[[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]]]))
    assert str(text.spans[0].style) == "#ff0000 on #0000ff"


def test_no_color_is_respected() -> None:
    plain = Console(file=Stream("utf-8"), color_system="truecolor", force_terminal=True, no_color=True)
    assert picture(plain, STEP).plain == "▄█\n ▒"


def test_an_odd_number_of_rows() -> None:
    assert picture(console(), np.ones((3, 1, 1))).plain == "█\n▀"


@pytest.mark.parametrize("width", [1, 63, 64, 65, 200])
def test_a_wide_image_is_reduced(width: int) -> None:
    lines = picture(console(), np.ones((10, width, 1)), max_width=64).plain.split("\n")
    assert 1 <= len(lines[0]) <= 64


def test_reduced_averages() -> None:
    image = np.arange(16.0).reshape(4, 4, 1)
    assert reduced(image, 2)[..., 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert reduced(image, 3)[..., 0].tolist() == [[5.0]]


def test_to_unit() -> None:
    assert to_unit(np.array([0, 255], np.uint8)).tolist() == [0.0, 1.0]
    assert to_unit(np.array([0.25, 0.5])).tolist() == [0.25, 0.5]
    assert to_unit(np.array([-1.0, 3.0])).tolist() == [0.0, 1.0]
    assert to_unit(np.array([7.0, 7.0])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("shape", "expected"), [((28, 28, 1), True), ((32, 32, 3), True), ((8, 8, 2), False), ((784,), False)]
)
def test_is_image(shape: tuple[int, ...], expected: bool) -> None:
    assert is_image(shape) is expected


def test_bars() -> None:
    assert bar(console(), 0.5, 4) == "██"
    assert bar(console(), 1 / 32, 4) == "▏"
    assert bar(console(), 2.0, 4) == "████"
    assert bar(console("latin-1"), 0.5, 4) == "##"
    assert isinstance(picture(console("latin-1"), STEP), Text)
